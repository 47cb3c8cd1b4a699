/** Passkeys: signing in by one, the second step by one, and one's own. What browsers take and give is in their JSON forms. */
import { z } from 'zod'
import { account } from './account.ts'
import { operation } from './operation.ts'
import { passwordAgain } from './second-factor.ts'
import { count, id, name, text, time } from './words.ts'

const none = z.strictObject({})
const base = { params: none, query: none, body: null, answer: null }

/** base64url */
const bytes = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[A-Za-z0-9_-]+$/, 'is not base64url')
const credential = bytes(1400)
const clientData = bytes(4000)

const descriptors = z.array(
  z.strictObject({ type: z.literal('public-key'), id: z.string(), transports: z.array(z.string()) }),
)
const useOptions = name(
  'PasskeyRequest',
  z.strictObject({
    ...{ challenge: z.string(), rpId: z.string(), timeout: count },
    userVerification: z.enum(['required', 'preferred']),
    allowCredentials: descriptors,
  }),
)
const makeOptions = name(
  'PasskeyCreation',
  z.strictObject({
    challenge: z.string(),
    rp: z.strictObject({ id: z.string(), name: z.string() }),
    user: z.strictObject({ id: z.string(), name: z.string(), displayName: z.string() }),
    pubKeyCredParams: z.array(z.strictObject({ type: z.literal('public-key'), alg: z.number().int() })),
    ...{ timeout: count, attestation: z.literal('none') },
    authenticatorSelection: z.strictObject({
      residentKey: z.literal('required'),
      requireResidentKey: z.literal(true),
      userVerification: z.literal('required'),
    }),
    excludeCredentials: descriptors,
  }),
)
const used = name(
  'PasskeyUsed',
  z.strictObject({
    ...{ id: credential, clientDataJSON: clientData, authenticatorData: bytes(4000), signature: bytes(2000) },
    userHandle: bytes(100).nullable(),
  }),
)
const passkey = name(
  'Passkey',
  z.strictObject({
    ...{ id, name: z.string(), createdAt: time, lastUsedAt: time.nullable() },
    /** it is kept with its owner's account at the maker of their devices, and on the others of them */
    isBackedUp: z.boolean(),
    /** made when the pages had another address: it cannot be used */
    isForeign: z.boolean(),
  }),
)
const passkeyWish = name(
  'PasskeyWish',
  z.strictObject({
    name: text(60)
      .trim()
      .min(1)
      .regex(/^\P{Cc}*$/u, 'must not hold control characters'),
    ...{ id: credential, clientDataJSON: clientData, attestationObject: bytes(20_000) },
    transports: z.array(z.string().regex(/^[a-z-]{1,20}$/)).max(8),
  }),
)

export const passkeyOperations = {
  readPasskeyPlace: operation({
    ...base,
    id: 'readPasskeyPlace',
    method: 'GET',
    path: '/session/passkey',
    ability: 'public',
    summary: 'Where passkeys work: the one address of these pages; null where they do not',
    answer: name('PasskeyPlace', z.strictObject({ origin: z.string().nullable() })),
  }),
  beginPasskey: operation({
    ...base,
    id: 'beginPasskey',
    method: 'POST',
    path: '/session/passkey/begin',
    ability: 'public',
    summary: 'What a passkey may sign; sets the cookie that binds it to this browser',
    answer: useOptions,
  }),
  signInByPasskey: operation({
    ...base,
    id: 'signInByPasskey',
    method: 'POST',
    path: '/session/passkey/finish',
    ability: 'public',
    summary: 'Sign in by a passkey, without a name; sets the cookie',
    body: used,
    answer: account,
  }),
  beginSecondPasskey: operation({
    ...base,
    id: 'beginSecondPasskey',
    method: 'POST',
    path: '/session/second/passkey/begin',
    ability: 'public',
    summary: 'What a passkey may sign as the second step, after second-factor-needed',
    answer: useOptions,
  }),
  signInSecondByPasskey: operation({
    ...base,
    id: 'signInSecondByPasskey',
    method: 'POST',
    path: '/session/second/passkey/finish',
    ability: 'public',
    summary: 'The second step of signing in by a passkey; sets the cookie',
    body: used,
    answer: account,
  }),
  listPasskeys: operation({
    ...base,
    id: 'listPasskeys',
    method: 'GET',
    path: '/me/passkeys',
    ability: 'account',
    summary: 'My passkeys: when each was made and used last',
    answer: name('Passkeys', z.strictObject({ items: z.array(passkey), most: count, origin: z.string().nullable() })),
  }),
  offerPasskey: operation({
    ...base,
    id: 'offerPasskey',
    method: 'POST',
    path: '/me/passkeys/begin',
    ability: 'account',
    summary: 'What a new passkey of mine is to be made with; asks for the password',
    body: passwordAgain,
    answer: makeOptions,
  }),
  addPasskey: operation({
    ...base,
    id: 'addPasskey',
    method: 'POST',
    path: '/me/passkeys',
    ability: 'account',
    summary: 'Add the passkey that was made; the first second factor ends my other sessions',
    body: passkeyWish,
    answer: passkey,
  }),
  removePasskey: operation({
    ...base,
    id: 'removePasskey',
    method: 'POST',
    path: '/me/passkeys/:passkey/remove',
    ability: 'account',
    summary: 'Remove a passkey; asks for the password',
    params: z.strictObject({ passkey: id }),
    body: passwordAgain,
  }),
}
