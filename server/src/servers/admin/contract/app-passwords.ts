/** One's own app passwords: for mail clients, one for each device. */
import { z } from 'zod'
import { AppProtocol } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { count, id, name, text, time, wordsOf } from './words.ts'

const none = z.strictObject({})
/** The id of the one made for the device: nothing secret, for addresses are written down on the way. */
const params = z.strictObject({ device: id })

const one = {
  id,
  name: z.string(),
  protocols: z.array(wordsOf(AppProtocol)),
  createdAt: time,
  /** to the hour */
  lastUsedAt: time.nullable(),
  /** the network: an IPv4 address or an IPv6 /64 */
  lastPlace: z.string().nullable(),
}
const appPassword = name('AppPassword', z.strictObject(one))
const appPasswords = name('AppPasswords', z.strictObject({ items: z.array(appPassword), most: count }))
/** `password` is said here and never again. */
const appPasswordMade = name('AppPasswordMade', z.strictObject({ ...one, password: z.string() }))
const newAppPassword = name(
  'NewAppPassword',
  z.strictObject({
    /** the account's password, once more */
    current: text(1024),
    /** of the device */
    name: text(60)
      .trim()
      .min(1)
      .regex(/^\P{Cc}*$/u, 'must not hold control characters'),
    protocols: z.array(wordsOf(AppProtocol)).min(1).max(10),
  }),
)

export const appPasswordOperations = {
  listAppPasswords: operation({
    id: 'listAppPasswords',
    method: 'GET',
    path: '/me/app-passwords',
    ability: 'account',
    summary: 'My app passwords: for which device and protocols, when and from where each was used last',
    params: none,
    query: none,
    body: null,
    answer: appPasswords,
  }),
  makeAppPassword: operation({
    id: 'makeAppPassword',
    method: 'POST',
    path: '/me/app-passwords',
    ability: 'account',
    summary: 'Make an app password; the answer alone has it',
    params: none,
    query: none,
    body: newAppPassword,
    answer: appPasswordMade,
  }),
  revokeAppPassword: operation({
    id: 'revokeAppPassword',
    method: 'DELETE',
    path: '/me/app-passwords/:device',
    ability: 'account',
    summary: 'Revoke an app password; what signed in with it sends nothing further',
    params,
    query: none,
    body: null,
    answer: null,
  }),
}
