/** Two-step sign-in: the second step, and one's own authenticator app. */
import { z } from 'zod'
import { account } from './account.ts'
import { operation } from './operation.ts'
import { name, text, time } from './words.ts'

const none = z.strictObject({})
const base = { params: none, query: none, body: null, answer: null }
const code = name('SecondFactorCode', z.strictObject({ code: text(40) }))
export const passwordAgain = name('PasswordAgain', z.strictObject({ current: text(1024) }))

export const secondFactorOperations = {
  signInSecond: operation({
    ...base,
    id: 'signInSecond',
    method: 'POST',
    path: '/session/second',
    ability: 'public',
    summary: 'The second step of signing in, after second-factor-needed; sets the cookie',
    body: code,
    answer: account,
  }),
  readSecondFactor: operation({
    ...base,
    id: 'readSecondFactor',
    method: 'GET',
    path: '/me/second-factor',
    ability: 'account',
    summary: 'Since when two-step sign-in is on',
    answer: name('SecondFactor', z.strictObject({ since: time.nullable() })),
  }),
  confirmSecondFactor: operation({
    ...base,
    id: 'confirmSecondFactor',
    method: 'POST',
    path: '/me/second-factor/confirm',
    ability: 'account',
    summary: 'Turn two-step sign-in on with a code of the app',
    body: code,
  }),
  endSecondFactor: operation({
    ...base,
    id: 'endSecondFactor',
    method: 'POST',
    path: '/me/second-factor/end',
    ability: 'account',
    summary: 'Turn two-step sign-in off',
    body: passwordAgain,
  }),
  offerSecondFactor: operation({
    ...base,
    id: 'offerSecondFactor',
    method: 'POST',
    path: '/me/second-factor',
    ability: 'account',
    summary: 'A secret for an authenticator app; the answer alone has it, and it counts when a code confirmed it',
    body: passwordAgain,
    answer: name('SecondFactorOffer', z.strictObject({ secret: z.string(), uri: z.string() })),
  }),
}
