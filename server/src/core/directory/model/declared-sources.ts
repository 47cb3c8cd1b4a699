/**
 * Directory sources of a declaration: how much of each one's lists is believed without a question. A source is known by
 * its name. Where the file has no `directorySources`, and with --prune too, those that are there stay: what a source
 * knows of people is not the file's.
 */
import { z } from 'zod'
import { PersonSource } from '../../../platform/codes.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Sql } from '../../../platform/db/database.ts'
import { newId, type Id } from '../../../platform/ids.ts'
import { readSources, writeSources, type SourceRow } from '../../../store/directory-sources.ts'
import { sourceSettingsSchema } from '../sources/settings.ts'
import { compare, type PlanItem } from './diff.ts'

export const directorySourceSchema = z.strictObject({
  name: z
    .string()
    .max(100)
    .refine((text) => text.trim() === text && text !== '' && !text.includes('\0') && text.isWellFormed(), 'is no name')
    .describe('As named with --source of holdfast directory import or sync, or of holdfast admin scim.'),
  kind: z
    .enum(['csv', 'ldap', 'scim'])
    .optional()
    .describe('Where its lists come from; left out: csv, or what it is already. A source stays of its kind.'),
  ...sourceSettingsSchema.shape,
})
type DeclaredSource = z.output<typeof directorySourceSchema>

export async function planSources(
  sql: Sql,
  clock: Clock,
  organisationId: Id,
  declared: readonly DeclaredSource[] = [],
): Promise<{ items: PlanItem[]; carryOut: () => Promise<void> }> {
  // Left out is the default: the same settings, however they were written.
  const before = (await readSources(sql, organisationId)).map((row) => ({
    ...row,
    settings: sourceSettingsSchema.parse(row.settings),
  }))
  const wanted = declared.map(({ name, kind = 'csv', ...settings }): SourceRow => {
    // Its people are known by the ids of that kind: it is never another.
    const known = before.find((one) => one.name === name)
    return { id: known?.id ?? newId(clock.now()), name, kind: known?.kind ?? PersonSource[kind], settings }
  })
  const { items, write } = compare<SourceRow>('directory source', before, wanted, { nameOf: ({ name }) => name })
  const carryOut = () => (write.length > 0 ? writeSources(sql, organisationId, write) : Promise.resolve())
  return { items, carryOut }
}
