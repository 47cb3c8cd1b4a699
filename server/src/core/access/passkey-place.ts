/**
 * Where passkeys work: at the one address that people type to reach the pages (publicUrl). Browsers make them for a name, over
 * TLS; at an IP address there are none, and without TLS at this machine's own name alone. What the browser says of where it was is
 * compared with this address to the letter, so that neither another name that leads here nor another organisation's can use them.
 */
import ipaddr from 'ipaddr.js'

export interface PasskeyPlace {
  /** as browsers name it: https://mail.example.org */
  origin: string
  rpId: string
}

export function passkeyPlace(publicUrl: string): PasskeyPlace | null {
  if (!URL.canParse(publicUrl)) return null
  const { origin, protocol, hostname } = new URL(publicUrl)
  if (ipaddr.isValid(hostname.replace(/^\[(.*)\]$/, '$1'))) return null
  const isHere = hostname === 'localhost' || hostname.endsWith('.localhost')
  return protocol === 'https:' || (protocol === 'http:' && isHere) ? { origin, rpId: hostname } : null
}
