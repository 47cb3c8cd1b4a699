/**
 * An authenticator of software, with keys and signatures that are genuine (ES256): what a telephone, a browser and a security key do
 * together. Its bytes are laid out here by the standard, not by the library that reads them. Every answer can be bent, as somebody
 * who means harm would.
 */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

interface Key {
  id: Buffer
  rpId: string
  handle: Buffer
  privateKey: KeyObject
  counter: number
}

/** What the browser says of where it is, and what the authenticator did; left out: as it should be. */
export interface Bent {
  origin?: string
  type?: string
  challenge?: string
  crossOrigin?: boolean
  rpId?: string
  present?: boolean
  verified?: boolean
  backedUp?: boolean
  counter?: number
  /** another one's key signs */
  signer?: KeyObject
  fmt?: string
  attStmt?: Buffer
}

const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest()
const head = (major: number, length: number): Buffer =>
  length < 24
    ? Buffer.from([(major << 5) | length])
    : length < 256
      ? Buffer.from([(major << 5) | 24, length])
      : Buffer.from([(major << 5) | 25, length >> 8, length & 255])
export const cborBytes = (bytes: Buffer): Buffer => Buffer.concat([head(2, bytes.length), bytes])
export const cborText = (text: string): Buffer => Buffer.concat([head(3, Buffer.byteLength(text)), Buffer.from(text)])
export const cborMap = (...pairs: [Buffer, Buffer][]): Buffer => Buffer.concat([head(5, pairs.length), ...pairs.flat()])
export const cborArray = (...items: Buffer[]): Buffer => Buffer.concat([head(4, items.length), ...items])
export const cborInt = (value: number): Buffer => (value < 0 ? head(1, -1 - value) : head(0, value))

export interface SoftwareAuthenticator {
  keys: Key[]
  create(
    options: { challenge: string; rp: { id: string }; user: { id: string }; excludeCredentials: { id: string }[] },
    bent?: Bent,
  ): { id: string; clientDataJSON: string; attestationObject: string; transports: string[] }
  /** By the key that is asked for; where none is named, the first of the place. */
  get(
    options: { challenge: string; rpId: string; allowCredentials: { id: string }[] },
    bent?: Bent,
  ): { id: string; clientDataJSON: string; authenticatorData: string; signature: string; userHandle: string | null }
}

/** `counts`: false for one that counts no signatures, as passkeys that are on several devices do. */
export function createSoftwareAuthenticator(origin: string, { counts = true } = {}): SoftwareAuthenticator {
  const keys: Key[] = []
  const clientData = (type: string, challenge: string, bent: Bent): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: bent.type ?? type,
        challenge: bent.challenge ?? challenge,
        origin: bent.origin ?? origin,
        crossOrigin: bent.crossOrigin ?? false,
      }),
    )
  function authData(rpId: string, counter: number, bent: Bent, attested?: Buffer): Buffer {
    const { present = true, verified = true, backedUp = false } = bent
    const flags = (present ? 1 : 0) | (verified ? 4 : 0) | (backedUp ? 8 | 16 : 0) | (attested ? 64 : 0)
    const count = Buffer.alloc(4)
    count.writeUInt32BE(bent.counter ?? counter)
    return Buffer.concat([sha256(bent.rpId ?? rpId), Buffer.from([flags]), count, attested ?? Buffer.alloc(0)])
  }

  return {
    keys,
    create({ challenge, rp, user, excludeCredentials }, bent = {}) {
      const own = keys.find(({ id }) => excludeCredentials.some((one) => one.id === id.toString('base64url')))
      if (own) throw new Error('InvalidStateError')
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const key = {
        id: randomBytes(32),
        rpId: rp.id,
        handle: Buffer.from(user.id, 'base64url'),
        privateKey,
        counter: 0,
      }
      keys.push(key)
      const { x, y } = publicKey.export({ format: 'jwk' })
      const cose = cborMap(
        [cborInt(1), cborInt(2)],
        [cborInt(3), cborInt(-7)],
        [cborInt(-1), cborInt(1)],
        [cborInt(-2), cborBytes(Buffer.from(x!, 'base64url'))],
        [cborInt(-3), cborBytes(Buffer.from(y!, 'base64url'))],
      )
      const length = Buffer.from([key.id.length >> 8, key.id.length & 255])
      const attested = Buffer.concat([Buffer.alloc(16), length, key.id, cose])
      const attestation = cborMap(
        [cborText('fmt'), cborText(bent.fmt ?? 'none')],
        [cborText('attStmt'), bent.attStmt ?? cborMap()],
        [cborText('authData'), cborBytes(authData(rp.id, 0, bent, attested))],
      )
      return {
        id: key.id.toString('base64url'),
        clientDataJSON: clientData('webauthn.create', challenge, bent).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal'],
      }
    },
    get({ challenge, rpId, allowCredentials }, bent = {}) {
      const isAllowed = (key: Key) =>
        allowCredentials.length === 0 || allowCredentials.some(({ id }) => id === key.id.toString('base64url'))
      const key = keys.find((one) => one.rpId === rpId && isAllowed(one))
      if (!key) throw new Error('NotAllowedError')
      if (counts) key.counter += 1
      const data = clientData('webauthn.get', challenge, bent)
      const auth = authData(rpId, key.counter, bent)
      return {
        id: key.id.toString('base64url'),
        clientDataJSON: data.toString('base64url'),
        authenticatorData: auth.toString('base64url'),
        signature: sign('sha256', Buffer.concat([auth, sha256(data)]), bent.signer ?? key.privateKey).toString(
          'base64url',
        ),
        userHandle: key.handle.toString('base64url'),
      }
    },
  }
}
