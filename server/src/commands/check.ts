/**
 * `holdfast check`: proves every invariant of the data folder and names what does not hold, what it means and what to
 * do. Exit code 1 when there is a problem. `--full` recomputes every digest; `--self-test` proves check itself on a
 * scratch database of its own, which it removes again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { CheckReport, SelfTestResult } from '../core/check/index.ts'
import { checkDatabase, invariants, selfTest } from '../core/check/index.ts'
import { openDatabase, withDatabase } from '../platform/db/database.ts'
import { migrate } from '../platform/db/migrate.ts'
import { diskBlobStore } from '../store/blobs/disk-blob-store.ts'
import { createScratch, dropScratch } from '../store/scratch.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, exitCodes, show } from './command.ts'
import type { Context } from './context.ts'
import { blobFolder, withContext } from './context.ts'

interface CheckFlags extends GlobalOptions {
  full?: boolean
  selfTest?: boolean
}

function reportText(report: CheckReport): string {
  if (report.problems.length === 0) return `All ${report.examined.length} invariants hold.`
  const lines: string[] = []
  for (const name of new Set(report.problems.map((problem) => problem.invariant))) {
    const { means, remedy } = invariants[name]
    lines.push(`BROKEN ${name}: ${means}`, `  -> ${remedy}`)
    for (const problem of report.problems.filter((one) => one.invariant === name))
      lines.push(
        `  ${problem.organisationId ? `organisation ${problem.organisationId}, ` : ''}${problem.subject}: ${problem.detail}`,
      )
  }
  return lines.join('\n')
}

export async function runSelfTest(
  context: Pick<Context, 'db' | 'connection' | 'log' | 'clock'>,
): Promise<SelfTestResult[]> {
  const name = `holdfast_check_${process.pid}_${Math.floor(context.clock.now())}`
  const folder = mkdtempSync(join(tmpdir(), 'hf-check-'))
  await createScratch(context.db, name)
  const db = openDatabase({ connection: withDatabase(context.connection, name), poolSize: 2, log: context.log })
  try {
    await migrate(db)
    return await selfTest(db, diskBlobStore(folder), context.clock.now())
  } finally {
    await db.close()
    await dropScratch(context.db, name)
    rmSync(folder, { recursive: true, force: true })
  }
}

export function register(program: Command): void {
  addCommand(program, 'check', 'prove every invariant of the data folder')
    .option('--full', 'recompute every digest (reads every byte)')
    .option('--self-test', 'seed corruptions in a scratch database; each must be named')
    .action(async (options: CheckFlags) => {
      await withContext(options, async (context) => {
        if (options.selfTest) {
          const results = await runSelfTest(context)
          const missed = results.filter((result) => !result.found)
          const lines = results.map(
            (result) => `${result.found ? 'named ' : 'MISSED'} ${result.expected.padEnd(20)} ${result.corruption}`,
          )
          show(
            options,
            { corruptions: results.length, missed: missed.length, results },
            [...lines, `${results.length} corruptions, ${missed.length} missed.`].join('\n'),
          )
          if (missed.length > 0) process.exitCode = exitCodes.failed
          return
        }
        const report = await checkDatabase(context.db, {
          now: context.clock.now(),
          blobs: diskBlobStore(blobFolder(context.dataFolder)),
          full: options.full === true,
        })
        show(options, report, reportText(report))
        if (report.problems.length > 0) process.exitCode = exitCodes.failed
      })
    })
}
