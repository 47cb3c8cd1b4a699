/**
 * The building blocks of the contract: every schema that has a name in OpenAPI and in the pages' types is registered
 * here, once. Text from outside never holds NUL or half characters: PostgreSQL would refuse it.
 */
import { z } from 'zod'
import { isId } from '../../../platform/ids.ts'

export const named = z.registry<{ id: string }>()

/** Gives a schema its name. */
export function name<T extends z.ZodType>(id: string, schema: T): T {
  named.add(schema, { id })
  return schema
}

export const id = z.string().refine(isId, 'not an id')
export const time = z.iso.datetime()
export const count = z.number().int().min(0)

/** Text of a person: bounded, storable. */
export const text = (most: number) =>
  z
    .string()
    .max(most)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must not hold NUL or broken characters')

/** A key set's words as an enum. */
export function wordsOf<T extends Record<string, number>>(set: T) {
  return z.enum(Object.keys(set) as [keyof T & string, ...(keyof T & string)[]])
}

/** One page of a list: `next` is what to give as `after` for the one behind it, null at the end. */
export function page<T extends z.ZodType>(id: string, item: T) {
  return name(id, z.strictObject({ items: z.array(item), next: z.string().nullable() }))
}

export const pageQuery = {
  after: text(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
}
