/** Signing in by the organisation's identity provider: is there one, off to it, and back. */
import { z } from 'zod'
import { account } from './account.ts'
import { operation } from './operation.ts'
import { name, text } from './words.ts'

/** The domain alone, so that nothing that is answered can depend on whether somebody has a name. */
const providerWish = name('ProviderWish', z.strictObject({ domain: text(254) }))
const offered = name('OfferedProvider', z.strictObject({ name: z.string(), standing: z.enum(['answers', 'away']) }))
const providerOffer = name('ProviderOffer', z.strictObject({ provider: offered.nullable() }))
const providerBegin = name('ProviderBegin', z.strictObject({ name: text(400) }))
const providerAway = name('ProviderPlace', z.strictObject({ url: z.string() }))
/** What stands behind the question mark of the address that the provider sent the browser back to. */
const providerBack = name('ProviderBack', z.strictObject({ query: text(8_000) }))

const none = z.strictObject({})
const base = { params: none, query: none, ability: 'public', method: 'POST' } as const
export const providerSignInOperations = {
  readProvider: operation({
    ...base,
    id: 'readProvider',
    path: '/session/provider',
    summary: 'Which identity provider people of a domain sign in by, and whether it answers',
    body: providerWish,
    answer: providerOffer,
  }),
  beginProvider: operation({
    ...base,
    id: 'beginProvider',
    path: '/session/provider/begin',
    summary: 'Begin to sign in by it: where to send the browser; sets a cookie for ten minutes',
    body: providerBegin,
    answer: providerAway,
  }),
  finishProvider: operation({
    ...base,
    id: 'finishProvider',
    path: '/session/provider/finish',
    summary: 'Sign in with what the provider sent along, once, in the browser that began; sets the cookie',
    body: providerBack,
    answer: account,
  }),
}
