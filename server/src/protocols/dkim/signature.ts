/**
 * A DKIM-Signature field (RFC 6376 section 3.5; RFC 8463 for Ed25519). Fields that tell the reader something are named
 * once more than they occur (section 5.4.2): who puts a second From, or a first Reply-To, before our message has broken
 * the signature (section 8.15).
 */
import { createHash, sign, type KeyObject } from 'node:crypto'
import { headerEnd } from '../mime/index.ts'
import { relaxedBodyHash, relaxedField } from './canonical.ts'

/** Present or absent: nobody adds one. */
const SEALED = [
  'From', 'Reply-To', 'Subject', 'Date', 'Message-ID', 'To', 'Cc', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding',
  'In-Reply-To', 'References',
] // prettier-ignore
/** Where present: a list that we send to may put its own there. */
const SIGNED = ['Sender', 'List-Id', 'List-Unsubscribe', 'List-Unsubscribe-Post']
const FIELD = /^([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)/gm
const LINE = 72

export interface Signing {
  domain: string
  selector: string
  key: KeyObject
  /** milliseconds since the epoch */
  at: number
}

const fold = (text: string, separator: string): string => {
  let out = ''
  let line = 0
  for (const word of text.split(separator)) {
    const piece = out === '' ? word : separator + word
    if (line + piece.length > LINE) {
      out += '\r\n\t'
      line = 0
    }
    out += piece
    line += piece.length
  }
  return out
}

/** What of a message is signed. */
export interface SignedParts {
  /** as it is written */
  header: Buffer
  /** of canonical.ts */
  bodyHash: string
}

export async function signedParts(message: Buffer): Promise<SignedParts> {
  const end = headerEnd(message)
  return { header: message.subarray(0, end), bodyHash: await relaxedBodyHash(message.subarray(end)) }
}

/** The fields of a header by their names in lower case, as they are written, one character per octet. */
export function headerFields(header: Buffer): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (const [, name, value] of header.toString('latin1').matchAll(FIELD)) {
    const of = name!.toLowerCase()
    const list = fields.get(of) ?? []
    if (list.push(value!) === 1) fields.set(of, list)
  }
  return fields
}

/** A tag of a field (RFC 6376 section 3.2), in lower case and without white space; null: it is not there. */
export function signatureTag(value: string, name: string): string | null {
  for (const tag of value.replace(/^[^:;]*:/, '').split(';')) {
    const at = tag.indexOf('=')
    if (at >= 0 && tag.slice(0, at).trim() === name)
      return tag
        .slice(at + 1)
        .replace(/\s+/g, '')
        .toLowerCase()
  }
  return null
}

/** The field with its CRLF, to stand before the message, whose lines end in CRLF. */
export function dkimSignature({ header, bodyHash }: SignedParts, { domain, selector, key, at }: Signing): string {
  const fields = headerFields(header)
  const named: string[] = []
  let signed = ''
  for (const name of [...SEALED, ...SIGNED]) {
    // Section 5.4.2: of several, from the last one up.
    for (const value of (fields.get(name.toLowerCase()) ?? []).reverse()) {
      named.push(name)
      signed += `${relaxedField(name, value)}\r\n`
    }
  }
  named.push(...SEALED)
  const isEd25519 = key.asymmetricKeyType === 'ed25519'
  const unsigned =
    ` v=1; a=${isEd25519 ? 'ed25519' : 'rsa'}-sha256; c=relaxed/relaxed; q=dns/txt;\r\n` +
    `\td=${domain}; s=${selector};\r\n\tt=${Math.floor(at / 1000)};\r\n` +
    `\th=${fold(named.join(':'), ':')};\r\n` +
    `\tbh=${bodyHash};\r\n\tb=`
  const data = Buffer.from(signed + relaxedField('DKIM-Signature', unsigned), 'latin1')
  // RFC 8463 section 3: what Ed25519 signs is the hash.
  const signature = isEd25519 ? sign(null, createHash('sha256').update(data).digest(), key) : sign('sha256', data, key)
  const b = signature.toString('base64').replace(new RegExp(`.{${LINE}}(?=.)`, 'g'), '$&\r\n\t')
  return `DKIM-Signature:${unsigned}${b}\r\n`
}
