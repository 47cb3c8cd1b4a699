/** The one row that says which installation this is and in which epoch it lives (promise 13). */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface Installation {
  installationId: Id
  epoch: number
  closedAt: Date | null
}

export async function readInstallation(sql: Sql): Promise<Installation | null> {
  const [row] = await sql.query<Installation>(
    'SELECT installation_id AS "installationId", epoch, closed_at AS "closedAt" FROM installation',
  )
  return row ?? null
}

/** The installation's row, made with `newId` when there is none yet. Safe to call from several processes at once. */
export async function ensureInstallation(sql: Sql, newId: Id): Promise<Installation> {
  await sql.query('INSERT INTO installation (installation_id) VALUES ($1) ON CONFLICT DO NOTHING', [newId])
  return (await readInstallation(sql))!
}

/** `export --close`: this installation promises never to run again, so that an import may keep the epoch. */
export async function closeInstallation(sql: Sql): Promise<void> {
  await sql.query('UPDATE installation SET closed_at = coalesce(closed_at, now())')
}

const EPOCHS_FROM = Date.UTC(2025, 0, 1)

/**
 * The epoch of a restore at `now`: above the source's, and another one each time the same export is restored, which
 * counting alone would not give. Seconds, so that UIDVALIDITY (32 bits) can follow it; enough until 2093.
 */
export const epochAfter = (source: number, now: number): number =>
  Math.max(source + 1, Math.floor((now - EPOCHS_FROM) / 1000))

/** After a restore or import: UIDVALIDITY and JMAP states derive from the epoch, so clients start afresh. */
export async function beginEpoch(sql: Sql, epoch: number): Promise<void> {
  await sql.query('UPDATE installation SET epoch = $1, closed_at = NULL', [epoch])
}

/** After an import from a closed source: the epoch goes on. */
export async function reopenInstallation(sql: Sql): Promise<void> {
  await sql.query('UPDATE installation SET closed_at = NULL')
}

/** Are there secrets sealed under a master key? Then a new key would lose them. */
export async function hasSealedSecrets(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ sealed: boolean }>(
    `SELECT EXISTS (SELECT FROM route WHERE secret_sealed IS NOT NULL OR client_tls_sealed IS NOT NULL OR reach_sealed IS NOT NULL)
         OR EXISTS (SELECT FROM domain WHERE dkim_private_sealed IS NOT NULL)
         OR EXISTS (SELECT FROM organisation WHERE ldap_sealed IS NOT NULL OR provider_sealed IS NOT NULL)
         OR EXISTS (SELECT FROM directory_source WHERE secret_sealed IS NOT NULL)
         OR EXISTS (SELECT FROM person WHERE private_sealed IS NOT NULL)
         OR EXISTS (SELECT FROM private_contact WHERE sealed IS NOT NULL OR waiting_sealed IS NOT NULL)
         OR EXISTS (SELECT FROM second_factor) AS sealed`,
  )
  return row!.sealed
}
