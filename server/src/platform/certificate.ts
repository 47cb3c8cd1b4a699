/**
 * A self-signed certificate for the first start, made without any other program: X.509 version 3 (RFC 5280 section 4.1)
 * with an ECDSA P-256 key, subjectAltName and serverAuth, written by a small DER encoder. Senders that only want
 * encryption (RFC 7435) take it; browsers warn, which is right. Configured certificates (tls.certFile) come first.
 */
import { X509Certificate, createPrivateKey, createSign, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ipaddr from 'ipaddr.js'
import type { Clock } from './clock.ts'
import { writeWhole } from './data-folder.ts'

export interface TlsMaterial {
  cert: string
  key: string
  selfSigned: boolean
  expires: Date
}

const DAY = 86_400_000
const VALID_DAYS = 825
const RENEW_DAYS = 30

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = body.length
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), body])
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length, ...bytes]), body])
}
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text))
const octets = (body: Buffer): Buffer => der(0x04, body)
const bits = (body: Buffer, unused = 0): Buffer => der(0x03, Buffer.from([unused]), body)
const yes = der(0x01, Buffer.from([0xff]))

function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number)
  const bytes = [first! * 40 + second!]
  for (const part of rest) {
    const septets = [part & 127]
    for (let left = part >>> 7; left > 0; left >>>= 7) septets.unshift((left & 127) | 128)
    bytes.push(...septets)
  }
  return der(0x06, Buffer.from(bytes))
}

/** UTCTime to 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return text < '2050' ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text))
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [yes] : []), octets(value))

/** A fresh key and its certificate, PEM. `names` are host names and IP addresses; the first is the subject. */
export function selfSigned(names: readonly string[], now: number): { cert: string; key: string } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')) // ecdsa-with-SHA256, RFC 5758 section 3.2
  const name = sequence(der(0x31, sequence(oid('2.5.4.3'), utf8(names[0]!.slice(0, 64)))))
  // positive, 16 random bytes
  const serial = der(0x02, Buffer.concat([Buffer.from([0x40 | (randomBytes(1)[0]! & 0x3f)]), randomBytes(15)]))
  const alternatives = names.map((entry) =>
    ipaddr.isValid(entry)
      ? der(0x87, Buffer.from(ipaddr.parse(entry).toByteArray()))
      : der(0x82, Buffer.from(entry, 'ascii')),
  )
  const extensions = sequence(
    extension('2.5.29.19', sequence(), true), // basicConstraints: not a CA
    extension('2.5.29.15', bits(Buffer.from([0x80]), 7), true), // keyUsage: digitalSignature
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))), // serverAuth
    extension('2.5.29.17', sequence(...alternatives)),
  )
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    serial,
    algorithm,
    name,
    sequence(time(now - DAY), time(now + VALID_DAYS * DAY)),
    name,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  )
  const signature = createSign('sha256').update(body).sign(pair.privateKey)
  const whole = sequence(body, algorithm, bits(signature)).toString('base64')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${whole.replace(/(.{64})(?=.)/g, '$1\n')}\n-----END CERTIFICATE-----\n`,
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/** The certificate to use: the configured one, else our own of the data folder (made, or renewed before it ends). */
export function loadCertificate(options: {
  dataFolder: string
  certFile: string
  keyFile: string
  hostname: string
  clock: Clock
}): TlsMaterial {
  if (options.certFile) {
    const [cert, key] = [readNamed(options.certFile, 'tls.certFile'), readNamed(options.keyFile, 'tls.keyFile')]
    return { cert, key, selfSigned: false, expires: new Date(new X509Certificate(cert).validTo) }
  }
  const certFile = join(options.dataFolder, 'tls.crt')
  const keyFile = join(options.dataFolder, 'tls.key')
  const now = options.clock.now()
  if (existsSync(certFile) && existsSync(keyFile)) {
    const cert = readFileSync(certFile, 'utf8')
    const expires = new Date(new X509Certificate(cert).validTo)
    if (expires.getTime() - now > RENEW_DAYS * DAY)
      return { cert, key: readFileSync(keyFile, 'utf8'), selfSigned: true, expires }
  }
  const names = [...new Set([options.hostname || 'localhost', 'localhost', '127.0.0.1', '::1'])]
  const made = selfSigned(names, now)
  writeWhole(keyFile, made.key)
  writeWhole(certFile, made.cert, 0o644)
  return { ...made, selfSigned: true, expires: new Date(now + VALID_DAYS * DAY) }
}

/**
 * What stands in the way of the certificate that loadCertificate would take, each with its setting and what to do; makes
 * nothing. An ended one is no such thing: senders that only want encryption take it, and doctor tells.
 */
export function certificateProblems(options: {
  dataFolder: string
  certFile: string
  keyFile: string
  names?: readonly { certFile: string; keyFile: string }[]
}): string[] {
  const { dataFolder, names = [] } = options
  return [
    ...pairProblems(options, 'tls'),
    ...names.flatMap((pair, i) => pairProblems({ dataFolder, ...pair }, `tls.names.${i}`)),
  ]
}

function pairProblems(options: { dataFolder: string; certFile: string; keyFile: string }, setting: string): string[] {
  const own = options.certFile === ''
  const certFile = own ? join(options.dataFolder, 'tls.crt') : options.certFile
  const keyFile = own ? join(options.dataFolder, 'tls.key') : options.keyFile
  if (own && !(existsSync(certFile) && existsSync(keyFile))) return []
  const problems: string[] = []
  const read = <T>(name: string, file: string, what: string, parse: (text: string) => T): T | null => {
    const remedy = own ? `Remove ${certFile} and ${keyFile}; new ones are made.` : `Check ${name}.`
    try {
      const text = readNamed(file, name)
      try {
        return parse(text)
      } catch {
        problems.push(`${name}: ${file} does not hold ${what} (PEM). ${remedy}`)
      }
    } catch (error) {
      problems.push(`${(error as Error).message}. ${own ? remedy : 'Check the path and who may read it.'}`)
    }
    return null
  }
  const cert = read(`${setting}.certFile`, certFile, 'a certificate', (text) => new X509Certificate(text))
  const key = read(`${setting}.keyFile`, keyFile, 'a private key without a passphrase', (text) =>
    createPrivateKey(text),
  )
  if (cert && key && !cert.checkPrivateKey(key))
    problems.push(
      `${setting}.keyFile: ${keyFile} is not the private key of ${certFile}. ` +
        (own
          ? 'Remove both; new ones are made.'
          : "Name the key the certificate was made for; the server's own certificate comes first in its file."),
    )
  return problems
}

function readNamed(file: string, key: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${key}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error })
  }
}
