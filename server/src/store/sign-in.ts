/** Organisations whose people sign in by a directory of their own: columns sign_in and ldap_sealed of table organisation. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export const directoriesToSignInBy = (
  sql: Sql,
): Promise<{ organisationId: Id; slug: string; signIn: unknown; ldapSealed: Buffer }[]> =>
  sql.query(
    `SELECT organisation_id AS "organisationId", slug, sign_in AS "signIn", ldap_sealed AS "ldapSealed" FROM organisation
     WHERE ldap_sealed IS NOT NULL ORDER BY slug`,
  )
