/** Quiet Time: windows, what they hold, early release and extension. */
import { z } from 'zod'
import { nameSchema, planSchema } from '../../../core/quiet/index.ts'
import { QuietTarget } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { count, id, name, page, pageQuery, text, time, wordsOf } from './words.ts'

const none = z.strictObject({})
const ofOrganisation = z.strictObject({ org: id })
const ofWindow = z.strictObject({ org: id, window: id })

const plan = name('QuietPlan', planSchema)
const span = z.strictObject({ from: time, until: time })
const quietWindow = name(
  'QuietWindow',
  z.strictObject({
    id,
    name: z.string(),
    /** the provider's own, over all organisations: only an operator changes it */
    provider: z.boolean(),
    target: wordsOf(QuietTarget),
    targetId: id.nullable(),
    /** null: for everybody, or gone: then it holds nothing */
    targetName: z.string().nullable(),
    /** null: what is stored is not valid and holds nothing */
    plan: plan.nullable(),
    open: span.nullable(),
    next: span.nullable(),
    /** what is planned for the next seven days */
    week: z.array(span),
    /** released early: closed until then */
    releasedUntil: time.nullable(),
    extendedUntil: time.nullable(),
    held: count,
    setBy: z.string(),
    setAt: time,
  }),
)
const quietWish = name(
  'QuietWish',
  z.strictObject({
    name: nameSchema,
    target: wordsOf(QuietTarget).default('all'),
    /** of the route, domain, group or person */
    targetId: id.nullish(),
    /** over all organisations; an operator's */
    provider: z.boolean().default(false),
    plan,
  }),
)
const heldItem = name(
  'HeldItem',
  z.strictObject({
    deliveryId: id,
    messageId: id,
    recipient: z.string(),
    from: z.string(),
    subject: z.string().nullable(),
    acceptedAt: time,
    windowId: id,
    window: z.string(),
    since: time,
    until: time,
  }),
)
const extension = name('QuietExtension', z.strictObject({ until: time }))

const base = { query: none, body: null, answer: null }
export const quietOperations = {
  listQuiet: operation({
    ...base,
    id: 'listQuiet',
    method: 'GET',
    path: '/organisations/:org/quiet',
    ability: 'quiet:see',
    summary: 'Every quiet time, how it stands and how much it holds',
    params: ofOrganisation,
    answer: name('QuietWindowList', z.array(quietWindow)),
  }),
  createQuiet: operation({
    ...base,
    id: 'createQuiet',
    method: 'POST',
    path: '/organisations/:org/quiet',
    ability: 'quiet:act',
    summary: 'Set a quiet time',
    params: ofOrganisation,
    body: quietWish,
    answer: quietWindow,
  }),
  changeQuiet: operation({
    ...base,
    id: 'changeQuiet',
    method: 'POST',
    path: '/organisations/:org/quiet/:window',
    ability: 'quiet:act',
    summary: 'Change a quiet time; it counts at once, also while it is open',
    params: ofWindow,
    body: quietWish,
    answer: quietWindow,
  }),
  removeQuiet: operation({
    ...base,
    id: 'removeQuiet',
    method: 'DELETE',
    path: '/organisations/:org/quiet/:window',
    ability: 'quiet:act',
    summary: 'Take a quiet time away; what it holds goes now',
    params: ofWindow,
  }),
  releaseQuiet: operation({
    ...base,
    id: 'releaseQuiet',
    method: 'POST',
    path: '/organisations/:org/quiet/:window/release',
    ability: 'quiet:act',
    summary: 'Let what it holds go now; the next time it opens as planned',
    params: ofWindow,
    answer: quietWindow,
  }),
  extendQuiet: operation({
    ...base,
    id: 'extendQuiet',
    method: 'POST',
    path: '/organisations/:org/quiet/:window/extend',
    ability: 'quiet:act',
    summary: 'Keep it open for longer, or open it now',
    params: ofWindow,
    body: extension,
    answer: quietWindow,
  }),
  listHeld: operation({
    ...base,
    id: 'listHeld',
    method: 'GET',
    path: '/organisations/:org/quiet-held',
    ability: 'quiet:see',
    summary: 'What is held now, the oldest first',
    params: ofOrganisation,
    query: z.strictObject({ ...pageQuery, window: z.union([id, text(0)]).optional() }),
    answer: page('HeldPage', heldItem),
  }),
  releaseHeld: operation({
    ...base,
    id: 'releaseHeld',
    method: 'POST',
    path: '/organisations/:org/quiet-held/:delivery/release',
    ability: 'quiet:act',
    summary: 'Let one message to one recipient go now',
    params: z.strictObject({ org: id, delivery: id }),
  }),
}
