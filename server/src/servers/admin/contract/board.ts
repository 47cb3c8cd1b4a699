/** Organisations, the board of routes, pins, returns and their ledger. */
import { z } from 'zod'
import { leaves } from '../../../core/directory/index.ts'
import { AttemptOutcome, EvidenceKind, Mode, Pin, PinTarget, RouteKind } from '../../../platform/codes.ts'
import { organisation, returnProgress } from './account.ts'
import { operation } from './operation.ts'
import { count, id, name, page, pageQuery, text, time, wordsOf } from './words.ts'

const none = z.strictObject({})
const ofOrganisation = z.strictObject({ org: id })

export const routeBoard = name(
  'RouteBoard',
  z.strictObject({
    id,
    name: z.string(),
    kind: wordsOf(RouteKind),
    mode: wordsOf(Mode),
    since: time,
    cause: z.string(),
    detail: z.string().nullable(),
    pin: z
      .strictObject({
        kind: wordsOf(Pin),
        reason: z.string(),
        author: z.string(),
        until: time.nullable(),
      })
      .nullable(),
    version: count,
    open: count,
    held: count,
    oldestOpenAt: time.nullable(),
    parked: count,
    sensitivity: z.strictObject({
      name: z.string(),
      suspectAfter: z.number(),
      emergencyAfter: z.number(),
      recoverAfter: z.number(),
      probeEvery: z.number(),
    }),
    evidence: z.array(z.strictObject({ kind: wordsOf(EvidenceKind), count, lastText: z.string().nullable() })),
    probe: z.strictObject({ lastAt: time.nullable(), lastText: z.string().nullable(), good: z.boolean() }).nullable(),
    /** how each host of a primary answered last, and since when like this; last null: not heard of yet */
    hosts: z.array(
      z.strictObject({
        host: z.string(),
        last: z.strictObject({ good: z.boolean(), since: time, at: time, text: z.string() }).nullable(),
      }),
    ),
    /** whether people can reach their mail there, by each of its probes; last null: not heard of within two hours */
    reach: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['imap', 'roundTrip', 'https', 'oidc', 'dns']),
        last: z
          .strictObject({
            at: time,
            outcome: z.enum(['good', 'bad', 'refused', 'ours', 'unclear']),
            text: z.string().nullable(),
          })
          .nullable(),
      }),
    ),
    /** people who say that they cannot reach their mail: within ten minutes, and how many signed in count; null: nobody */
    reports: z.strictObject({ signed: count, claimed: count, needed: count, lastAt: time }).nullable(),
    /** Holdfast cannot see how the route is, so its mode stays */
    blind: z.strictObject({ since: time, why: z.string() }).nullable(),
    /** what the engine may do by itself, the domains that use the route counted in */
    switching: z.strictObject({ away: z.enum(leaves), home: z.enum(leaves) }),
    /** what it would do, and asks for (ask) or only shows (byHand) */
    question: z
      .strictObject({
        direction: z.enum(['away', 'home']),
        to: wordsOf(Mode),
        policy: z.enum(['ask', 'byHand']),
        since: time,
        detail: z.string(),
      })
      .nullable(),
    /** it takes mail for anybody (a made-up recipient was taken): nothing is learned from it */
    acceptsAll: z.strictObject({ since: time, askedAt: time }).nullable(),
    /** people whose mailbox fails while the route takes their colleagues' mail, those in trouble the longest first */
    mailboxes: z.strictObject({
      /** so many that part of the route is down */
      isPart: z.boolean(),
      failing: count,
      people: z.array(
        z.strictObject({
          personId: id,
          name: z.string(),
          since: time,
          failures: count,
          lastText: z.string().nullable(),
          nextTryAt: time.nullable(),
        }),
      ),
    }),
    returnEvent: returnProgress
      .extend({ id, startedAt: time, unsure: count, refused: count, cancelled: count })
      .strict()
      .nullable(),
  }),
)
/** a pin of anything but a route */
const pin = name(
  'ModePin',
  z.strictObject({
    target: wordsOf(PinTarget),
    targetId: id,
    /** as people know it; null: it is gone */
    name: z.string().nullable(),
    kind: wordsOf(Pin),
    reason: z.string(),
    author: z.string(),
    since: time,
    until: time.nullable(),
    version: count,
  }),
)
const pinList = name(
  'ModePins',
  z.strictObject({
    pins: z.array(pin),
    /** what can be pinned besides routes and people: the organisation, its domains and groups */
    targets: z.array(z.strictObject({ target: wordsOf(PinTarget), id, name: z.string() })),
  }),
)
const organisationList = name('OrganisationList', z.array(organisation))
const routeList = name('RouteList', z.array(routeBoard))
const pinChange = name(
  'PinChange',
  z.strictObject({
    pin: wordsOf(Pin).nullable(),
    reason: text(500).refine((value) => value.trim().length > 0, 'say why: it is kept in the audit'),
    until: time.nullish(),
    /** what was looked at; 0: there was no pin */
    version: count,
  }),
)
export const returnEvent = name(
  'ReturnEvent',
  z.strictObject({
    id,
    routeId: id,
    routeName: z.string(),
    /** the outage began; then the return; then nothing was owed any more */
    startedAt: time,
    returningAt: time.nullable(),
    endedAt: time.nullable(),
    total: count,
    home: count,
    pending: count,
    unsure: count,
    refused: count,
    cancelled: count,
  }),
)
export const ledgerItem = name(
  'LedgerItem',
  z.strictObject({
    ledgerId: id,
    at: time,
    person: z.string().nullable(),
    recipient: z.string(),
    subject: z.string().nullable(),
    outcome: wordsOf(AttemptOutcome),
    proof: z.string(),
    attemptNo: count,
    kind: z.enum(['delivery', 'sent']),
  }),
)

const base = { query: none, body: null, answer: null }
export const boardOperations = {
  listOrganisations: operation({
    ...base,
    id: 'listOrganisations',
    method: 'GET',
    path: '/organisations',
    ability: 'organisations:see',
    summary: 'The organisations one may see',
    params: none,
    answer: organisationList,
  }),
  listRoutes: operation({
    ...base,
    id: 'listRoutes',
    method: 'GET',
    path: '/organisations/:org/routes',
    ability: 'board:see',
    summary: 'Every route with its mode, evidence and open work',
    params: ofOrganisation,
    answer: routeList,
  }),
  pinRoute: operation({
    ...base,
    id: 'pinRoute',
    method: 'POST',
    path: '/organisations/:org/routes/:route/pin',
    ability: 'board:pin',
    summary: 'Pin a route to a mode by hand, or take the pin away',
    params: z.strictObject({ org: id, route: id }),
    body: pinChange,
    answer: routeBoard,
  }),
  listPins: operation({
    ...base,
    id: 'listPins',
    method: 'GET',
    path: '/organisations/:org/pins',
    ability: 'board:see',
    summary: 'What is pinned besides routes, and what can be',
    params: ofOrganisation,
    answer: pinList,
  }),
  pinTarget: operation({
    ...base,
    id: 'pinTarget',
    method: 'POST',
    path: '/organisations/:org/pins/:target/:id',
    ability: 'board:pin',
    summary: 'Pin an organisation, a domain, a group or a person to a mode by hand, or take the pin away',
    params: z.strictObject({ org: id, target: z.enum(['organisation', 'domain', 'group', 'person']), id }),
    body: pinChange,
    answer: name('ModePinAfter', z.strictObject({ pin: pin.nullable() })),
  }),
  listReturns: operation({
    ...base,
    id: 'listReturns',
    method: 'GET',
    path: '/organisations/:org/returns',
    ability: 'returns:see',
    summary: 'Returns, the newest first',
    params: ofOrganisation,
    query: z.strictObject(pageQuery),
    answer: page('ReturnEventPage', returnEvent),
  }),
  readLedger: operation({
    ...base,
    id: 'readLedger',
    method: 'GET',
    path: '/organisations/:org/returns/:event/ledger',
    ability: 'returns:see',
    summary: 'Every attempt of a return with its proof',
    params: z.strictObject({ org: id, event: id }),
    query: z.strictObject(pageQuery),
    answer: page('LedgerPage', ledgerItem),
  }),
}
