/**
 * The command line (RFC 5321 section 4.1.1): bytes → verb and arguments, arguments of HELO, EHLO, MAIL and RCPT →
 * values. Total: every line gives a value or a WireError. Parameters not in the tables below get 555 (section 4.1.1.11).
 */
import { Notify } from '../../platform/codes.ts'
import { WireError } from '../../platform/errors.ts'
import { parsePath, type Mailbox } from './address.ts'
import { readHold, type Hold } from './hold.ts'
import { decodeOrcpt, decodeXtext } from './xtext.ts'

/** RFC 5321 section 4.5.3.1.4 asks for 512, plus what DSN, SIZE and SMTPUTF8 add; as much as Postfix takes. */
export const COMMAND_LINE_OCTETS = 2048

export interface CommandLine {
  /** upper case */
  verb: string
  rest: string
}

export interface MailArguments {
  /** null: the null sender */
  from: Mailbox | null
  size: number | null
  body: '7BIT' | '8BITMIME'
  smtputf8: boolean
  ret: 'FULL' | 'HDRS' | null
  envid: string | null
  /** RFC 4865; there only where it was taken and given */
  hold?: Hold
  /** REQUIRETLS was said */
  requireTls?: true
}

export interface RcptArguments {
  to: Mailbox
  notify: number
  orcpt: string | null
}

const LINE = /^([A-Za-z][A-Za-z0-9]{0,19})(?:[ \t]+(.*))?$/
const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\u{10ffff}]+))?$/u
/**
 * One printable word. Whether it is a domain or an address literal is not checked: refusing mail for a sloppy name helps
 * nobody, and whoever writes it into a header has to tame it.
 */
const HELO = /^[!-~]{1,255}$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `line` without its CRLF. */
export function parseCommandLine(line: Buffer): CommandLine {
  let text = line.toString('latin1')
  let ascii = true
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char >= 0x80) ascii = false
    else if ((char < 0x20 && char !== 9) || char === 0x7f) throw new WireError('syntax', 'a control character is in it')
  }
  if (!ascii) {
    try {
      text = utf8.decode(line)
    } catch {
      throw new WireError('syntax', 'it is not valid UTF-8')
    }
  }
  const match = LINE.exec(text)
  if (!match) throw new WireError('syntax')
  return { verb: match[1]!.toUpperCase(), rest: (match[2] ?? '').trim() }
}

/** RFC 5321 section 4.1.1.1. */
export function parseHelo(rest: string): string {
  if (!HELO.test(rest)) throw new WireError('syntax-arguments', 'your name, a domain or address literal, must follow')
  return rest
}

/**
 * RFC 3030 section 2. Who cannot say how much follows cannot be understood any more: what comes may be a message's text,
 * so the caller closes the connection.
 */
export function parseBdat(rest: string): { size: number; last: boolean } {
  const match = /^([0-9]{1,15})(?:[ \t]+(LAST))?$/i.exec(rest)
  if (!match) throw new WireError('syntax-arguments', 'BDAT takes a number of octets, and LAST with the last of them')
  return { size: Number(match[1]), last: match[2] !== undefined }
}

/** For verbs without arguments. */
export function expectNothing(rest: string): void {
  if (rest !== '') throw new WireError('syntax-arguments', 'this command takes no arguments')
}

export interface Parameter {
  /** upper case */
  name: string
  value: string | null
}

export interface MailOptions {
  /** parameters that are known and mean nothing */
  ignored?: readonly string[]
  /** HOLDFOR and HOLDUNTIL are taken (RFC 4865 section 3: at submission alone) */
  futureRelease?: boolean
}

/** RFC 5321 section 4.1.1.2, with RFC 1870, 6152, 6531, 3461 and 8689. */
export function parseMail(rest: string, options: MailOptions = {}): MailArguments {
  const start = afterKeyword(rest, 'FROM:')
  const path = parsePath(rest, start, 'address-syntax-sender')
  if (path.mailbox?.domain === '') throw new WireError('address-syntax-sender', 'the domain is missing')
  const result = { from: path.mailbox, ...readMailParameters(parameters(rest, path.end), options) }
  if (path.mailbox && !path.mailbox.isAscii && !result.smtputf8) throw new WireError('smtputf8-needed')
  return result
}

export function readMailParameters(
  list: readonly Parameter[],
  { ignored = [], futureRelease = false }: MailOptions,
): Omit<MailArguments, 'from'> {
  const result: Omit<MailArguments, 'from'> = { size: null, body: '7BIT', smtputf8: false, ret: null, envid: null }
  for (const { name, value } of list) {
    if (ignored.includes(name)) continue
    const hold = futureRelease ? readHold(name, value) : null
    if (!hold) setMail(result, name, value)
    else if (result.hold) throw new WireError('syntax-arguments', 'HOLDFOR and HOLDUNTIL exclude each other')
    else result.hold = hold
  }
  return result
}

/** RFC 5321 section 4.1.1.3, with RFC 3461. `smtputf8`: what MAIL said. */
export function parseRcpt(rest: string, smtputf8: boolean): RcptArguments {
  const start = afterKeyword(rest, 'TO:')
  const path = parsePath(rest, start, 'address-syntax-recipient')
  if (!path.mailbox) throw new WireError('address-syntax-recipient', 'a recipient cannot be empty')
  const result = { to: path.mailbox, ...readRcptParameters(parameters(rest, path.end)) }
  if (!path.mailbox.isAscii && !smtputf8) throw new WireError('smtputf8-needed')
  return result
}

export function readRcptParameters(list: readonly Parameter[]): Omit<RcptArguments, 'to'> {
  const result: Omit<RcptArguments, 'to'> = { notify: 0, orcpt: null }
  for (const { name, value } of list) setRcpt(result, name, value)
  return result
}

function afterKeyword(rest: string, keyword: string): number {
  if (rest.slice(0, keyword.length).toUpperCase() !== keyword) {
    throw new WireError('syntax-arguments', `it must go on with ${keyword}<address>`)
  }
  let at = keyword.length
  while (rest[at] === ' ') at++
  return at
}

function parameters(rest: string, end: number): Parameter[] {
  const tail = rest.slice(end)
  if (tail.trim() === '') return []
  if (!tail.startsWith(' ') && !tail.startsWith('\t'))
    throw new WireError('syntax-arguments', 'a space must follow the address')
  const seen = new Set<string>()
  return tail
    .trim()
    .split(/[ \t]+/)
    .map((word) => {
      const match = PARAMETER.exec(word)
      if (!match) throw new WireError('syntax-arguments', 'parameters look like NAME or NAME=value')
      const name = match[1]!.toUpperCase()
      if (seen.has(name)) throw new WireError('syntax-arguments', `${name} is there twice`)
      seen.add(name)
      return { name, value: match[2] ?? null }
    })
}

function setMail(result: Omit<MailArguments, 'from'>, name: string, value: string | null): void {
  switch (name) {
    case 'SIZE': // RFC 1870 section 6
      if (value === null || !/^[0-9]{1,20}$/.test(value)) throw new WireError('syntax-arguments', 'SIZE takes a number')
      result.size = Number(value)
      return
    case 'BODY': // RFC 6152 section 3
      result.body = oneOf(name, value, ['7BIT', '8BITMIME'] as const)
      return
    case 'SMTPUTF8': // RFC 6531 section 3.4
      if (value !== null) throw new WireError('syntax-arguments', 'SMTPUTF8 takes no value')
      result.smtputf8 = true
      return
    case 'REQUIRETLS': // RFC 8689 section 4
      if (value !== null) throw new WireError('syntax-arguments', 'REQUIRETLS takes no value')
      result.requireTls = true
      return
    case 'RET': // RFC 3461 section 4.3
      result.ret = oneOf(name, value, ['FULL', 'HDRS'] as const)
      return
    case 'ENVID': // RFC 3461 section 4.4
      result.envid = value === null || value.length > 100 ? null : decodeXtext(value)
      if (result.envid === null) throw new WireError('syntax-arguments', 'ENVID takes xtext of at most 100 characters')
      return
    default:
      throw new WireError('unknown-parameter', name.slice(0, 40))
  }
}

function setRcpt(result: Omit<RcptArguments, 'to'>, name: string, value: string | null): void {
  switch (name) {
    case 'NOTIFY':
      result.notify = parseNotify(value)
      return
    case 'ORCPT': // RFC 3461 section 4.2
      result.orcpt = value === null || value.length > 500 ? null : decodeOrcpt(value)
      if (result.orcpt === null)
        throw new WireError('syntax-arguments', 'ORCPT takes type;xtext of at most 500 characters')
      return
    default:
      throw new WireError('unknown-parameter', name.slice(0, 40))
  }
}

/** RFC 3461 section 4.1: NEVER alone, or a list without it. */
function parseNotify(value: string | null): number {
  const bits: Record<string, number> = { SUCCESS: Notify.success, FAILURE: Notify.failure, DELAY: Notify.delay }
  if (value?.toUpperCase() === 'NEVER') return Notify.never
  let notify = 0
  for (const word of (value ?? '').toUpperCase().split(',')) {
    const bit = Object.hasOwn(bits, word) ? bits[word]! : 0
    if (bit === 0) throw new WireError('syntax-arguments', 'NOTIFY takes NEVER or a list of SUCCESS, FAILURE, DELAY')
    notify |= bit
  }
  return notify
}

function oneOf<T extends string>(name: string, value: string | null, words: readonly T[]): T {
  const found = words.find((word) => word === value?.toUpperCase())
  if (!found) throw new WireError('syntax-arguments', `${name} takes ${words.join(' or ')}`)
  return found
}
