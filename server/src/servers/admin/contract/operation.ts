/** One operation of the API as data: what the router mounts, OpenAPI describes and the privilege matrix tests. */
import type { z } from 'zod'
import type { Ability } from '../../../core/access/index.ts'

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export interface Operation<
  P extends z.ZodObject = z.ZodObject,
  Q extends z.ZodObject = z.ZodObject,
  B extends z.ZodType = z.ZodType,
  A extends z.ZodType = z.ZodType,
> {
  /** unique, the name of the handler */
  id: string
  method: Method
  /** below /api/v1, parameters as :name; one with :org is bound to that organisation */
  path: string
  ability: Ability | 'public'
  summary: string
  params: P
  query: Q
  /** named schema, or null where there is none */
  body: B | null
  /** named schema, or null: 204 */
  answer: A | null
}

/** Keeps each operation's own types. */
export function operation<const O extends Operation>(it: O): O {
  return it
}
