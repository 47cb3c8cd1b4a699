/** Shapes that several methods share (RFC 8620 section 5). */
import { z } from 'zod'

export const id = z.string().regex(/^[A-Za-z0-9_-]{1,255}$/, 'not an id')
/** an id or a reference to a creation in this request */
export const idOrRef = z.string().regex(/^#?[A-Za-z0-9_-]{1,255}$/, 'not an id')
export const unsigned = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
export const integer = z.number().int().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER)
const account = { accountId: id }

export const getArgs = {
  ...account,
  ids: z.array(idOrRef).nullish(),
  properties: z.array(z.string().max(500)).max(500).nullish(),
}
export const changesArgs = {
  ...account,
  sinceState: z.string().max(100_000),
  maxChanges: z.number().int().min(1).nullish(),
}
export const setArgs = {
  ...account,
  ifInState: z.string().nullish(),
  create: z.record(id, z.record(z.string(), z.json())).nullish(),
  update: z.record(idOrRef, z.record(z.string(), z.json())).nullish(),
  destroy: z.array(idOrRef).nullish(),
}
export const queryArgs = {
  ...account,
  filter: z.json().nullish(),
  sort: z
    .array(z.looseObject({ property: z.string(), isAscending: z.boolean().default(true) }))
    .max(20)
    .nullish(),
  position: integer.default(0),
  anchor: id.nullish(),
  anchorOffset: integer.default(0),
  limit: unsigned.nullish(),
  calculateTotal: z.boolean().default(false),
}
