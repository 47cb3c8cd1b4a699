/** What each level says of an address's three scopes: its person, their group, its domain, the organisation. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

/** null: says nothing */
export interface LevelScopes {
  name: string
  filtering: boolean | null
  rollingCopy: boolean | null
  emergency: boolean | null
}

export interface ScopeLevels {
  person: LevelScopes | null
  group: LevelScopes | null
  domain: LevelScopes
  organisation: LevelScopes
}

const level = (row: string): string =>
  `jsonb_build_object('name', ${row}.name, 'filtering', ${row}.scope_filtering, 'rollingCopy', ${row}.scope_copy, 'emergency', ${row}.scope_emergency)`

/** null: no such domain of the organisation. */
export async function scopeLevels(
  sql: Sql,
  { organisationId, domainId, personId }: { organisationId: Id; domainId: Id; personId: Id | null },
): Promise<ScopeLevels | null> {
  const rows = await sql.query<ScopeLevels>(
    `SELECT CASE WHEN p.person_id IS NOT NULL THEN ${level('p')} END AS person,
       CASE WHEN g.group_id IS NOT NULL THEN ${level('g')} END AS "group", ${level('d')} AS domain, ${level('o')} AS organisation
     FROM domain d JOIN organisation o USING (organisation_id)
     LEFT JOIN person p ON p.organisation_id = d.organisation_id AND p.person_id = $3
     LEFT JOIN person_group g ON g.organisation_id = p.organisation_id AND g.group_id = p.group_id
     WHERE d.organisation_id = $1 AND d.domain_id = $2`,
    [organisationId, domainId, personId],
  )
  return rows[0] ?? null
}
