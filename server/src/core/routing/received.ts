/** The Received line of a hop through us (RFC 5321 section 4.4; protocol words by RFC 3848). */
import type { Id } from '../../platform/ids.ts'
import { mailDate } from '../../protocols/mime/date.ts'

export interface Hop {
  helo: string
  clientIp: string
  esmtp: boolean
  tls: string | null
  /** by AUTH */
  signedIn: boolean
  smtputf8: boolean
  hostname: string
  messageId: Id
  /** named only where it gives nobody away: a single recipient */
  recipient: string | null
  at: number
}

/** What a peer said of itself goes into a header: nothing of it may end the line or open a comment. */
function tame(text: string): string {
  return text.replace(/[^A-Za-z0-9._:[\]-]/g, '?').slice(0, 255)
}

export function receivedLine(hop: Hop): string {
  const literal = hop.clientIp.includes(':') ? `[IPv6:${hop.clientIp}]` : `[${hop.clientIp}]`
  const proto =
    (hop.smtputf8 ? 'UTF8' : hop.esmtp ? 'E' : '') + 'SMTP' + (hop.tls ? 'S' : '') + (hop.signedIn ? 'A' : '')
  const tls = hop.tls ? `\r\n\t(using ${hop.tls.replace(/[^A-Za-z0-9._ -]/g, '')})` : ''
  const forWhom = hop.recipient === null ? '' : `\r\n\tfor <${hop.recipient}>`
  return (
    `Received: from ${tame(hop.helo)} (${literal})${tls}\r\n` +
    `\tby ${hop.hostname} (Holdfast) with ${proto} id ${hop.messageId}${forWhom};\r\n\t${mailDate(hop.at)}\r\n`
  )
}
