/** What people call the things that rows name by kind and id (`person:<id>`): for pages, never instead of the id in the row. */
import { isId, NIL_ID, type Id } from '../platform/ids.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'

/** By the whole of it, e.g. `route:<id>`. What is gone, or of another organisation, has no name here. */
export async function namesOf(
  sql: Sql,
  organisationId: Id,
  things: readonly (string | null)[],
): Promise<Map<string, string>> {
  const ids = new Set<Id>()
  for (const thing of things) {
    const id = thing?.slice(thing.indexOf(':') + 1)
    if (id !== undefined && isId(id)) ids.add(id)
  }
  if (ids.size === 0) return new Map()
  const rows = await sql.query<{ thing: string; name: string }>(
    `SELECT 'person:' || person_id AS thing, name FROM person WHERE organisation_id = $1 AND person_id = ANY ($2::uuid[])
     UNION ALL SELECT 'operator:' || operator_id, display FROM operator WHERE operator_id = ANY ($2::uuid[])
     UNION ALL SELECT 'route:' || route_id, name FROM route WHERE organisation_id = $1 AND route_id = ANY ($2::uuid[])
     UNION ALL SELECT 'quiet:' || window_id, name FROM quiet_window
       WHERE organisation_id IN ($1, '${NIL_ID}') AND window_id = ANY ($2::uuid[])
     UNION ALL SELECT 'organisation:' || organisation_id, name FROM organisation
       WHERE organisation_id = $1 AND organisation_id = ANY ($2::uuid[])
     UNION ALL SELECT 'delivery:' || delivery_id, recipient FROM delivery
       WHERE organisation_id = $1 AND delivery_id = ANY ($2::uuid[])
     UNION ALL SELECT 'message:' || message_id, subject FROM message
       WHERE organisation_id = $1 AND message_id = ANY ($2::uuid[]) AND subject <> ''`,
    [organisationId, uuidArray([...ids])],
    'names',
  )
  return new Map(rows.map(({ thing, name }) => [thing, name]))
}
