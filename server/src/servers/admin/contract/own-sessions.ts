/** Where one is signed in. */
import { z } from 'zod'
import { operation } from './operation.ts'
import { count, name, time } from './words.ts'

const none = z.strictObject({})
const sessionId = z.string().regex(/^[0-9a-f]{24}$/, 'not an id of a session')

const ownSession = name(
  'OwnSession',
  z.strictObject({
    id: z.string(),
    createdAt: time,
    /** to the minute */
    seenAt: time,
    clientIp: z.string().nullable(),
    /** as the browser says it */
    userAgent: z.string().nullable(),
    /** the one that asks */
    isThis: z.boolean(),
  }),
)
const ended = name('SessionsEnded', z.strictObject({ ended: count }))

const base = { params: none, query: none, body: null }
export const ownSessionOperations = {
  listOwnSessions: operation({
    ...base,
    id: 'listOwnSessions',
    method: 'GET',
    path: '/me/sessions',
    ability: 'account',
    summary: 'Where I am signed in, the last used first',
    answer: name('OwnSessionList', z.array(ownSession)),
  }),
  endOwnSession: operation({
    ...base,
    id: 'endOwnSession',
    method: 'DELETE',
    path: '/me/sessions/:session',
    ability: 'account',
    summary: 'Sign out somewhere else',
    params: z.strictObject({ session: sessionId }),
    answer: ended,
  }),
  endOtherSessions: operation({
    ...base,
    id: 'endOtherSessions',
    method: 'DELETE',
    path: '/me/sessions',
    ability: 'account',
    summary: 'Sign out everywhere else',
    answer: ended,
  }),
}
