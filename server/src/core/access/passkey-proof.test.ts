/** Places where passkeys work, and what is believed of what browsers bring: every bent answer is refused, and nothing asks the network. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import {
  cborArray,
  cborBytes,
  cborInt,
  cborMap,
  cborText,
  createSoftwareAuthenticator,
  type Bent,
} from '../../../testkit/software-authenticator.ts'
import { passkeyPlace } from './passkey-place.ts'
import { challengeIn, judgeMade, judgeUsed } from './passkey-proof.ts'

const place = { origin: 'https://mail.corp.test', rpId: 'mail.corp.test' }
const user = { id: Buffer.alloc(16, 7).toString('base64url') }
const make = (bent: Bent = {}) => {
  const device = createSoftwareAuthenticator(place.origin)
  const challenge = randomBytes(32)
  const asked = { challenge: challenge.toString('base64url'), rp: { id: place.rpId }, user, excludeCredentials: [] }
  return { device, challenge, made: device.create(asked, bent) }
}
afterEach(() => void vi.unstubAllGlobals())

test.each([
  ['https://mail.corp.test', place],
  ['https://mail.corp.test/', place],
  ['https://Mail.Corp.Test:8443/holdfast', { origin: 'https://mail.corp.test:8443', rpId: 'mail.corp.test' }],
  ['http://localhost:8080', { origin: 'http://localhost:8080', rpId: 'localhost' }],
  ['http://mail.corp.test', null],
  ['https://192.0.2.1', null],
  ['https://[2001:db8::1]', null],
  ['http://127.0.0.1:8080', null],
  ['', null],
])('passkeys at %s', (url, expected) => {
  expect(passkeyPlace(url)).toEqual(expected)
})

test('a new one is known by its key, and whether it is backed up; it signs, and is believed', async () => {
  const { device, challenge, made } = make({ backedUp: true })
  const known = (await judgeMade(made, place, challenge))!
  expect(known).toMatchObject({ credential: device.keys[0]!.id, counter: 0, isBackedUp: true })
  const again = randomBytes(32)
  const used = device.get({ challenge: again.toString('base64url'), rpId: place.rpId, allowCredentials: [] })
  expect(challengeIn(used.clientDataJSON)).toEqual(again)
  const proof = { challenge: again, publicKey: known.publicKey, verified: true }
  expect(await judgeUsed(used, place, proof)).toEqual({ counter: 1, isBackedUp: false })
  expect(await judgeUsed(used, place, { ...proof, challenge: randomBytes(32) })).toBeNull()
})

const bent: [string, Bent][] = [
  ['another origin', { origin: 'https://mail.corp.test.evil.test' }],
  ['another port', { origin: 'https://mail.corp.test:444' }],
  ['without TLS', { origin: 'http://mail.corp.test' }],
  ['another name', { rpId: 'corp.test' }],
  ['of another kind', { type: 'payment.get' }],
  ['nobody was there', { present: false }],
  ['nobody was recognised', { verified: false }],
]
test.each(bent)('%s is refused, when it is made and when it is used', async (_, how) => {
  const wrong = make(how)
  let why = ''
  expect(await judgeMade(wrong.made, place, wrong.challenge, (text) => (why = text))).toBeNull()
  expect(why).not.toBe('')
  const { device, challenge, made } = make()
  const { publicKey } = (await judgeMade(made, place, challenge))!
  const asked = { challenge: challenge.toString('base64url'), rpId: place.rpId, allowCredentials: [] }
  expect(await judgeUsed(device.get(asked, how), place, { challenge, publicKey, verified: true })).toBeNull()
})

test('a signature by another key, and one of other bytes', async () => {
  const { device, challenge, made } = make()
  const { publicKey } = (await judgeMade(made, place, challenge))!
  const asked = { challenge: challenge.toString('base64url'), rpId: place.rpId, allowCredentials: [] }
  const proof = { challenge, publicKey, verified: true }
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  expect(await judgeUsed(device.get(asked, { signer }), place, proof)).toBeNull()
  const good = device.get(asked)
  const other = device.get(asked, { counter: 99 })
  expect(await judgeUsed({ ...good, authenticatorData: other.authenticatorData }, place, proof)).toBeNull()
  expect(await judgeUsed(good, place, proof)).not.toBeNull()
})

test('in a frame of somebody else’s page there is no answer', () => {
  const asked = { challenge: randomBytes(32).toString('base64url'), rpId: place.rpId, allowCredentials: [] }
  const { device } = make()
  expect(challengeIn(device.get(asked, { crossOrigin: true }).clientDataJSON)).toBeNull()
})

test('what the maker says is not looked at, and no address in it is asked', async () => {
  const asked = vi.fn()
  vi.stubGlobal('fetch', asked)
  const attStmt = cborMap(
    [cborText('alg'), cborInt(-7)],
    [cborText('sig'), cborBytes(randomBytes(70))],
    [cborText('x5c'), cborArray(cborBytes(randomBytes(600)))],
  )
  const { challenge, made } = make({ fmt: 'packed', attStmt })
  expect(await judgeMade(made, place, challenge)).not.toBeNull()
  expect(asked).not.toHaveBeenCalled()
})

test('any bytes are an answer, none throws, none is believed', async () => {
  const { challenge, made } = make()
  const text = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
  await fc.assert(
    fc.asyncProperty(text, text, fc.nat(400), async (one, two, at) => {
      challengeIn(one)
      expect(await judgeMade({ ...made, attestationObject: one }, place, challenge)).toBeNull()
      expect(await judgeMade({ ...made, attestationObject: '9'.repeat(at * 40) }, place, challenge)).toBeNull()
      const used = { id: 'AA', clientDataJSON: made.clientDataJSON, authenticatorData: one, signature: two }
      const proof = { challenge, publicKey: Buffer.from(two, 'base64url'), verified: false }
      expect(await judgeUsed({ ...used, userHandle: null }, place, proof)).toBeNull()
    }),
    { numRuns: 150 },
  )
})
