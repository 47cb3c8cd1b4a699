/**
 * The envelope of an EmailSubmission (RFC 8621 section 7): SMTP parameters as JSON, their values decoded, read by the rules
 * of MAIL and RCPT: what is asked to hear (RFC 3461), when it is to leave (RFC 4865), and that it goes over TLS alone (RFC 8689).
 */
import { envelopeOf, wishFor, type Envelope, type SentMail } from '../../core/submission/index.ts'
import { Notify } from '../../platform/codes.ts'
import { WireError } from '../../platform/errors.ts'
import { invalidProperty, isObject, utcDate, type Json } from '../../protocols/jmap/index.ts'
import { readMailParameters, readRcptParameters, type Parameter } from '../../protocols/smtp/command.ts'
import type { Hold } from '../../protocols/smtp/hold.ts'
import { encodeOrcpt, encodeXtext } from '../../protocols/smtp/xtext.ts'

const MOST_PARAMETERS = 20
/** Known, and found out by ourselves. */
const IGNORED = ['AUTH', 'SIZE', 'BODY', 'SMTPUTF8']
const ENCODED: Record<string, (text: string) => string> = {
  ENVID: encodeXtext,
  ORCPT: (text) => (text.includes(';') ? encodeOrcpt(text) : text),
}

function parametersOf(value: Json | undefined): Parameter[] {
  if (value === undefined || value === null) return []
  if (!isObject(value) || Object.keys(value).length > MOST_PARAMETERS)
    throw invalidProperty('envelope', 'parameters are an object of a few names')
  const names = new Set<string>()
  return Object.entries(value).map(([key, text]) => {
    const name = key.toUpperCase()
    if (names.has(name)) throw invalidProperty('envelope', `${name.slice(0, 40)} is there twice`)
    names.add(name)
    if (text !== null && typeof text !== 'string')
      throw invalidProperty('envelope', `the value of ${name.slice(0, 40)} is a text or null`)
    return { name, value: text !== null && Object.hasOwn(ENCODED, name) ? ENCODED[name]!(text) : text }
  })
}

function addressOf(value: Json | undefined): { email: string; parameters: Parameter[] } {
  if (!isObject(value) || typeof value.email !== 'string')
    throw invalidProperty('envelope', 'each address needs an email')
  return { email: value.email, parameters: parametersOf(value.parameters) }
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof WireError) throw invalidProperty('envelope', error.message)
    throw error
  }
}

export function readEnvelope(value: Json | undefined): { envelope: Envelope | null; hold: Hold | null } {
  if (value === undefined || value === null) return { envelope: null, hold: null }
  if (!isObject(value) || !Array.isArray(value.rcptTo))
    throw invalidProperty('envelope', 'an envelope has mailFrom and rcptTo')
  const from = addressOf(value.mailFrom)
  const {
    ret,
    envid,
    hold = null,
    requireTls,
  } = reading(() => readMailParameters(from.parameters, { ignored: IGNORED, futureRelease: true }))
  const recipients = value.rcptTo.map((one) => {
    const { email, parameters } = addressOf(one)
    return { address: email, ...reading(() => readRcptParameters(parameters)) }
  })
  const envelope = envelopeOf(from.email, recipients, { ret, envid })
  return { envelope: requireTls ? { ...envelope, requireTls } : envelope, hold }
}

type Parameters = Record<string, string | null> | null

const orNull = (given: Record<string, string | null>): Parameters => (Object.keys(given).length > 0 ? given : null)

/** What MAIL was given, of what was kept: the time of release as it was worked out. */
export function mailParameters({ envelope, isHeld, sentAt }: SentMail): Parameters {
  const { ret = null, envid = null } = envelope?.dsn ?? {}
  return orNull({
    ...(ret === null ? {} : { RET: ret }),
    ...(envid === null ? {} : { ENVID: envid }),
    ...(envelope?.requireTls ? { REQUIRETLS: null } : {}),
    ...(isHeld ? { HOLDUNTIL: utcDate(sentAt) } : {}),
  })
}

export function rcptParameters({ envelope }: SentMail, address: string): Parameters {
  const { notify, orcpt } = wishFor(envelope, address)
  const words = Object.entries(Notify).flatMap(([word, bit]) => (notify & bit ? [word.toUpperCase()] : []))
  return orNull({
    ...(words.length > 0 ? { NOTIFY: words.join(',') } : {}),
    ...(orcpt === null ? {} : { ORCPT: orcpt }),
  })
}
