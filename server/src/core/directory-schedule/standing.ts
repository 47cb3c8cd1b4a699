/** How the sources of an organisation stand, as people and programs are shown it. */
import { PersonSource, wordOf } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { sourceStandings } from '../../store/directory-schedule.ts'
import { sourceSettingsSchema } from '../directory/index.ts'

export interface SourceStands {
  id: Id
  name: string
  kind: keyof typeof PersonSource
  /** null: nobody fetches it by the clock */
  everyMinutes: number | null
  dueAt: string | null
  /** the last whole list */
  listedAt: string | null
  /** tries since then that brought none; the last of them, and why */
  failures: number
  failedAt: string | null
  failedWhy: string
  waitingRunId: Id | null
  isRefused: boolean
}

export async function sourcesOf(sql: Sql, organisationId: Id): Promise<SourceStands[]> {
  return (await sourceStandings(sql, organisationId)).map((one) => ({
    id: one.id,
    name: one.name,
    kind: wordOf(PersonSource, one.kind),
    everyMinutes: sourceSettingsSchema.parse(one.settings).everyMinutes ?? null,
    dueAt: one.dueAt?.toISOString() ?? null,
    listedAt: one.listedAt?.toISOString() ?? null,
    failures: one.failures,
    failedAt: one.failedAt?.toISOString() ?? null,
    failedWhy: one.failedWhy ?? '',
    waitingRunId: one.waitingRunId,
    isRefused: one.isRefused,
  }))
}
