/**
 * A look into an installation's database from beside the product, for what no door of the product could tell at the
 * instant of a kill: which process of the server serves which of Holdfast's connections, and how the open deliveries stand.
 */
import { readFileSync } from 'node:fs'
import { DeliveryState, wordOf } from '../../server/src/platform/codes.ts'
import { openDatabase } from '../../server/src/platform/db/database.ts'
import { embeddedConnection } from '../../server/src/platform/db/embedded.ts'
import { silentLog } from '../../server/src/platform/log.ts'

export interface Moment {
  /** process of the database's server -> what Holdfast uses that connection for (`accept`, `staging`, `pool`, ...) */
  backends: Map<number, string>
  /** state -> open deliveries */
  deliveries: Record<string, number>
}

/** PostgreSQL writes into the command line whom a process serves: only client backends name a user and where it sits. */
function isClientBackend(pid: number): boolean {
  try {
    return /^postgres: holdfast \S+ (\[local\]|127\.0\.0\.1)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}

export async function look(data: string, url: string | undefined): Promise<Moment> {
  const connection = url === undefined ? embeddedConnection(data) : { connectionString: url }
  const db = openDatabase({ connection, poolSize: 1, log: silentLog })
  try {
    return await db.transaction(async (sql) => {
      const backends = await sql.query<{ pid: number; name: string }>(
        `SELECT pid, application_name AS name FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND usename = 'holdfast' AND pid <> pg_backend_pid()`,
      )
      const states = await sql.query<{ state: number; n: number }>(
        'SELECT state, count(*)::int AS n FROM delivery WHERE state < 10 GROUP BY state ORDER BY state',
      )
      return {
        backends: new Map(
          backends
            .filter(({ pid }) => isClientBackend(pid))
            .map(({ pid, name }) => [pid, name.replace(/^holdfast ?/, '') || 'pool']),
        ),
        deliveries: Object.fromEntries(states.map(({ state, n }) => [wordOf(DeliveryState, state), n])),
      }
    })
  } finally {
    await db.close()
  }
}
