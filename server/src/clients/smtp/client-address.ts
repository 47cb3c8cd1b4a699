/**
 * Telling the next hop who the client was that we had the message from, for servers that filter or log by it: XFORWARD and
 * XCLIENT as Postfix documents them (XFORWARD_README, XCLIENT_README), and the PROXY header, version 1, as HAProxy does.
 * Pure. What a stranger said of itself travels as xtext, so that no value ends a line or begins an attribute.
 *
 * XFORWARD is for the log: said before each transaction, it ends with it. XCLIENT and PROXY make the connection that
 * client's: it carries nothing of another.
 */
import { isIP } from 'node:net'
import { encodeXtext } from '../../protocols/smtp/xtext.ts'

export type ClientAddress = 'xforward' | 'xclient' | 'proxy'

export interface ClientFacts {
  ip: string
  /** as it said at EHLO */
  helo: string | null
  /** of its address; null: it has none; undefined: nobody could say */
  name: string | null | undefined
}

const UNKNOWN = '[UNAVAILABLE]'
/** The server may say so to the client, for now. */
const NOT_NOW = '[TEMPUNAVAIL]'
/** Postfix takes names up to here. */
const MOST_NAME = 255
/** RFC 5321 section 4.5.3.1.4, without CRLF */
const MOST_LINE = 510

/** Without the form of IPv6 that stands for IPv4; null: it is no address. */
function plainAddress(ip: string): string | null {
  const plain = ip.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  return isIP(plain) && !plain.includes('%') ? plain : null
}

/** Equal for those who may share a connection of this kind; '' for our own mail, and where it does not matter. */
export function connectionOf(how: ClientAddress | undefined, client: ClientFacts | null | undefined): string {
  if (!client) return ''
  if (how === 'proxy') return client.ip
  return how === 'xclient' ? JSON.stringify([client.ip, client.helo, client.name]) : ''
}

const nameValue = (name: string | null): string =>
  name === null || name === '' || name.length > MOST_NAME ? UNKNOWN : encodeXtext(name)

function attributes({ ip, helo, name }: ClientFacts, offered: readonly string[]): string[] {
  const plain = plainAddress(ip)
  const values = {
    NAME: name === undefined ? NOT_NOW : nameValue(name),
    ADDR: plain === null ? UNKNOWN : isIP(plain) === 6 ? `IPV6:${plain}` : plain,
    HELO: nameValue(helo),
  }
  return Object.entries(values)
    .filter(([attribute]) => offered.includes(attribute))
    .map(([attribute, value]) => `${attribute}=${value}`)
}

const wordsOf = (offer: string): string[] => offer.toUpperCase().split(/\s+/).filter(Boolean)

/** `offer`: the attributes behind the keyword in the server's EHLO; undefined: not offered. None: nothing to say. */
export function xforwardLines(client: ClientFacts | null | undefined, offer: string | undefined): string[] {
  if (!client || offer === undefined) return []
  const lines: string[] = []
  for (const one of attributes(client, wordsOf(offer))) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + one.length < MOST_LINE) lines[lines.length - 1] = `${last} ${one}`
    else lines.push(`XFORWARD ${one}`)
  }
  return lines
}

/** null: nothing to say. One command, for each begins the conversation anew. */
export function xclientLine(client: ClientFacts | null | undefined, offer: string | undefined): string | null {
  if (!client || offer === undefined) return null
  const line = (facts: ClientFacts): string => ['XCLIENT', ...attributes(facts, wordsOf(offer))].join(' ')
  const whole = line(client)
  if (whole === 'XCLIENT') return null
  return whole.length <= MOST_LINE ? whole : line({ ...client, helo: null, name: null })
}

/** What may stand behind EHLO for the client; null: what it said may not. */
export const heloOf = ({ helo }: ClientFacts): string | null =>
  helo !== null && helo.length <= MOST_NAME && /^[!-~]+$/.test(helo) ? helo : null

/** The two ends of a connection, as the kernel names them. */
export interface Ends {
  own: { address: string; port: number }
  peer: { address: string; port: number }
}

/**
 * The PROXY header (proxy-protocol.txt section 2.1), with CRLF. The other end of the connection is all that is known of where
 * the client wanted to go, and its port was not kept. Our own mail, and a probe, come from our own end: UNKNOWN would say
 * as much, but Postfix does not take it. Both addresses must be of one family.
 */
export function proxyHeader(client: ClientFacts | null | undefined, { own, peer }: Ends): string {
  const theirs = client ? plainAddress(client.ip) : null
  const source = theirs ?? plainAddress(own.address)
  const target = plainAddress(peer.address)
  if (source === null || target === null) return 'PROXY UNKNOWN\r\n'
  const both = isIP(source) === 4 && isIP(target) === 4
  const six = (ip: string): string => (isIP(ip) === 4 ? `::ffff:${ip}` : ip)
  const ends = both ? `TCP4 ${source} ${target}` : `TCP6 ${six(source)} ${six(target)}`
  return `PROXY ${ends} ${theirs === null ? own.port : 0} ${peer.port}\r\n`
}
