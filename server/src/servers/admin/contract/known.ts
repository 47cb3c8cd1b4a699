/** Addresses known without being listed: mail to them was delivered, or their mail system said so when it was asked. */
import { z } from 'zod'
import { KnownSource } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { count, id, name, page, pageQuery, text, time, wordsOf } from './words.ts'

const ofOrganisation = z.strictObject({ org: id })
/** An address may be longer than other keys of lists. */
const address = text(400)
const domain = text(255)

const knownRecipient = name(
  'KnownRecipient',
  z.strictObject({
    address: z.string(),
    /** false: its mail system refused it */
    known: z.boolean(),
    /** by what it is known: mail was delivered there, or its mail system was asked */
    source: wordsOf(KnownSource),
    /** the mail system that said so; null: the route is gone */
    route: z.string().nullable(),
    firstSeenAt: time,
    /** when it was said last: what is older than its time (callouts.knownDays, callouts.unknownMinutes) is asked about again */
    seenAt: time,
  }),
)
const knownDomain = name('KnownDomain', z.strictObject({ domain: z.string(), known: count, refused: count }))
/** One of the two. */
const knownForget = name(
  'KnownForget',
  z
    .strictObject({ address: address.optional(), domain: domain.optional() })
    .refine((what) => (what.address === undefined) !== (what.domain === undefined), 'name an address or a domain'),
)

const base = { params: ofOrganisation, query: z.strictObject({}), body: null, answer: null }
export const knownOperations = {
  listKnown: operation({
    ...base,
    id: 'listKnown',
    method: 'GET',
    path: '/organisations/:org/known-recipients',
    ability: 'people:see',
    summary: 'Addresses learned from deliveries and callouts, by address: who is there and who is not, since when',
    query: z.strictObject({
      ...pageQuery,
      after: address.optional(),
      q: address.optional(),
      domain: domain.optional(),
    }),
    answer: page('KnownRecipientPage', knownRecipient),
  }),
  listKnownDomains: operation({
    ...base,
    id: 'listKnownDomains',
    method: 'GET',
    path: '/organisations/:org/known-recipients/domains',
    ability: 'people:see',
    summary: 'The domains of which addresses were learned, and how many of each kind',
    answer: name('KnownDomainList', z.array(knownDomain)),
  }),
  forgetKnown: operation({
    ...base,
    id: 'forgetKnown',
    // An address in the path would stand in the logs of every proxy on the way.
    method: 'POST',
    path: '/organisations/:org/known-recipients/forget',
    ability: 'people:act',
    summary: 'Forget what was learned of an address, or of all of a domain: the next mail asks anew',
    body: knownForget,
    answer: name('KnownForgotten', z.strictObject({ forgotten: count })),
  }),
}
