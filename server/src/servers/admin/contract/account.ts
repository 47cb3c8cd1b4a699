/** Signing in, the first administrator, one's own account and standing. */
import { z } from 'zod'
import { abilities } from '../../../core/access/index.ts'
import { Mode, Pin } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { count, id, name, text, time, wordsOf } from './words.ts'

export const locales = ['en', 'fr', 'de'] as const
const none = z.strictObject({})

export const organisation = name('Organisation', z.strictObject({ id, name: z.string() }))
export const account = name(
  'Account',
  z.strictObject({
    kind: z.enum(['person', 'operator']),
    id,
    name: z.string(),
    address: z.string().nullable(),
    addresses: z.array(z.string()),
    organisation: organisation.nullable(),
    role: z.enum(['person', 'helpdesk', 'auditor', 'admin', 'operator']),
    locale: z.string(),
    abilities: z.array(z.enum(abilities)),
    csrf: z.string(),
    version: z.string(),
    mustChangePassword: z.boolean(),
    /** signed in by an emergency code: `current` of changePassword is not asked for */
    choosesPassword: z.boolean(),
    /** the organisation asks for a private address, and none is confirmed */
    askedForContact: z.boolean(),
    /** a second factor is asked for, and must be set up before anything else */
    lacksSecondFactor: z.boolean(),
  }),
)
export const returnProgress = name('ReturnProgress', z.strictObject({ total: count, home: count, pending: count }))
export const standing = name(
  'Standing',
  z.strictObject({
    mode: wordsOf(Mode),
    since: time,
    pin: wordsOf(Pin).nullable(),
    cause: z.string(),
    primaryName: z.string(),
    waitingHere: count,
    sentHere: count,
    /** could not be handed over to the mail system: only here, until somebody has looked at it */
    parkedHere: count,
    deletedButOwed: count,
    return: returnProgress.nullable(),
    now: time,
  }),
)
const deletions = name(
  'Deletions',
  z.strictObject({ waiting: count, oldestAt: time.nullable(), newestAt: time.nullable() }),
)
const deletionsConfirmed = name('DeletionsConfirmed', z.strictObject({ cancelled: count, waiting: count }))
/** How many the person was shown: if more were deleted since, nothing is cancelled. */
const deletionsSeen = name('DeletionsSeen', z.strictObject({ waiting: count }))
const signIn = name('SignIn', z.strictObject({ name: text(400), password: text(1024) }))
const passwordChange = name('PasswordChange', z.strictObject({ current: text(1024), next: text(1024) }))
const setUp = name(
  'SetUp',
  z.strictObject({
    token: text(200),
    name: text(254).min(1),
    display: text(200).min(1),
    password: text(1024),
    locale: z.enum(locales).default('en'),
  }),
)
const ownChange = name('OwnChange', z.strictObject({ locale: z.enum(locales) }))
const linkWish = name('LinkWish', z.strictObject({ name: text(400) }))
const linkToken = name('LinkToken', z.strictObject({ token: text(200) }))
const linkStanding = name('LinkStanding', z.strictObject({ valid: z.boolean() }))

const reachReport = name('ReachReport', z.strictObject({ address: text(254).min(1) }))

const base = { params: none, query: none, body: null, answer: null }
export const accountOperations = {
  signIn: operation({
    ...base,
    id: 'signIn',
    method: 'POST',
    path: '/session',
    ability: 'public',
    summary: 'Sign in; sets the cookie',
    body: signIn,
    answer: account,
  }),
  readSession: operation({
    ...base,
    id: 'readSession',
    method: 'GET',
    path: '/session',
    ability: 'account',
    summary: 'Who is signed in',
    answer: account,
  }),
  signOut: operation({
    ...base,
    id: 'signOut',
    method: 'DELETE',
    path: '/session',
    ability: 'account',
    summary: 'Sign out',
  }),
  changePassword: operation({
    ...base,
    id: 'changePassword',
    method: 'POST',
    path: '/session/password',
    ability: 'account',
    summary: 'Choose a new password; other sessions end',
    body: passwordChange,
    answer: account,
  }),
  setUp: operation({
    ...base,
    id: 'setUp',
    method: 'POST',
    path: '/setup',
    ability: 'public',
    summary: 'Make the first administrator with a one-time link',
    body: setUp,
    answer: account,
  }),
  checkSetUp: operation({
    ...base,
    id: 'checkSetUp',
    // Changes nothing, and yet no GET: what stands in a path stands in the logs of every proxy on the way.
    method: 'POST',
    path: '/setup/check',
    ability: 'public',
    summary: 'Whether a one-time link is still good',
    body: linkToken,
    answer: linkStanding,
  }),
  askForLink: operation({
    ...base,
    id: 'askForLink',
    method: 'POST',
    path: '/session/link',
    ability: 'public',
    summary: 'Send a link to sign in to a private address; the answer is the same whether there is one or not',
    body: linkWish,
  }),
  useLink: operation({
    ...base,
    id: 'useLink',
    method: 'POST',
    path: '/session/link/use',
    ability: 'public',
    summary: 'Sign in by such a link; a new password is chosen next',
    body: linkToken,
    answer: account,
  }),
  changeMe: operation({
    ...base,
    id: 'changeMe',
    method: 'PATCH',
    path: '/me',
    ability: 'account',
    summary: 'Change own settings',
    body: ownChange,
    answer: account,
  }),
  readStanding: operation({
    ...base,
    id: 'readStanding',
    method: 'GET',
    path: '/me/standing',
    ability: 'mail',
    summary: 'How my mail system does and what waits here',
    answer: standing,
  }),
  reportReach: operation({
    ...base,
    id: 'reportReach',
    method: 'POST',
    path: '/reports',
    ability: 'public',
    summary: 'Say that the mail of an address cannot be reached; the answer is the same whether it exists or not',
    body: reachReport,
  }),
  reportOwnReach: operation({
    ...base,
    id: 'reportOwnReach',
    method: 'POST',
    path: '/me/report',
    ability: 'mail',
    summary: 'Say that I cannot reach my mail in my usual program',
  }),
  readDeletions: operation({
    ...base,
    id: 'readDeletions',
    method: 'GET',
    path: '/me/deletions',
    ability: 'mail',
    summary: 'What I deleted here and my mail system is still to receive',
    answer: deletions,
  }),
  confirmDeletions: operation({
    ...base,
    id: 'confirmDeletions',
    method: 'POST',
    path: '/me/deletions/confirm',
    ability: 'mail',
    summary: 'Do not deliver what I deleted here',
    body: deletionsSeen,
    answer: deletionsConfirmed,
  }),
}
