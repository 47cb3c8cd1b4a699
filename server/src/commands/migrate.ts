/** `holdfast migrate`: brings the database to this version's tables; `--check` only says what is missing (exit 1). */
import type { Command } from 'commander'
import { migrate, pendingMigrations, readMigrations } from '../platform/db/migrate.ts'
import { newId } from '../platform/ids.ts'
import { ensureInstallation } from '../store/installation.ts'
import { ensurePartitions } from '../store/partitions.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, exitCodes, show } from './command.ts'
import { withContext } from './context.ts'

export function register(program: Command): void {
  addCommand(program, 'migrate', "bring the database to this version's tables")
    .option('--check', 'change nothing; exit code 1 when something is missing')
    .action(async (options: GlobalOptions & { check?: boolean }) => {
      await withContext(
        options,
        async ({ db, clock }) => {
          const known = readMigrations()
          const found = options.check ? await pendingMigrations(db, known) : await migrate(db, known)
          if (!options.check) {
            await ensureInstallation(db, newId(clock.now()))
            await ensurePartitions(db, clock.now())
          }
          const names = found.map((migration) => `${String(migration.number).padStart(4, '0')} ${migration.name}`)
          const word = options.check ? 'missing' : 'applied'
          show(
            options,
            { [word]: names, version: known.length },
            names.length === 0 ? `Up to date (${known.length}).` : names.map((name) => `${word}: ${name}`).join('\n'),
          )
          if (options.check && names.length > 0) process.exitCode = exitCodes.failed
        },
        { schema: 'leave' },
      )
    })
}
