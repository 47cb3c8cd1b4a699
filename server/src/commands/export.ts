/**
 * `holdfast export --all DIR [--close]`: everything of an installation in one folder: COPY files of every table (one
 * snapshot), the blobs it refers to, sealed secrets as they are, a manifest with digests. Never the master key: that is
 * on the recovery sheet. It is the plain backup, the upgrade of the embedded database and the move to another one.
 *
 * --close: this installation promises never to run again, so that the import may keep the epoch.
 * Failure: the folder has no manifest then, and an import refuses it.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { appendAudit } from '../core/audit/index.ts'
import type { DedicatedSql } from '../platform/db/database.ts'
import { readMigrations, pendingMigrations } from '../platform/db/migrate.ts'
import { NIL_ID } from '../platform/ids.ts'
import { diskBlobStore } from '../store/blobs/disk-blob-store.ts'
import { beginSnapshot, blobPage, bodyDays, copyOut, dataTables, livingNodes, rollback } from '../store/dump.ts'
import { closeInstallation, readInstallation } from '../store/installation.ts'
import { holdForExport, packPage } from '../store/packs.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import type { Context } from './context.ts'
import { blobFolder, withContext } from './context.ts'
import type { Manifest, ManifestFile } from './manifest.ts'
import { digestOf, MANIFEST, manifestSchema, syncFolder, writeDigested } from './manifest.ts'

interface ExportOptions extends GlobalOptions {
  all?: boolean
  close?: boolean
}

function emptyFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (readdirSync(dir).length > 0)
    throw new CommandError(`${dir} is not empty. An export goes into a folder of its own.`, exitCodes.usage)
}

async function writeTables(connection: DedicatedSql, dir: string): Promise<Manifest['tables']> {
  mkdirSync(join(dir, 'tables'), { mode: 0o700 })
  const tables: Manifest['tables'] = []
  for (const table of await dataTables(connection)) {
    const file = `tables/${table.name}.copy`
    const source = copyOut(connection, table)
    const digest = await writeDigested(source, join(dir, file))
    tables.push({ ...table, file, rows: source.rowCount, ...digest })
  }
  await syncFolder(join(dir, 'tables'))
  return tables
}

interface BlobToWrite {
  key: string
  /** what the database says it has */
  size: number
  whose: string
}

/** Each blob of the snapshot once: the messages' own, then the packs. */
async function* blobsOf(connection: DedicatedSql): AsyncGenerator<BlobToWrite> {
  for (let after = { organisationId: NIL_ID, messageId: NIL_ID }; ;) {
    const page = await blobPage(connection, after, 500)
    for (const row of page) yield { key: row.blobKey, size: row.size, whose: 'its message' }
    if (page.length === 0) break
    after = page.at(-1)!
  }
  for (let after = ''; ;) {
    const page = await packPage(connection, after, 500)
    for (const pack of page) yield { key: pack.blobKey, size: pack.bytes, whose: 'its pack' }
    if (page.length === 0) return
    after = page.at(-1)!.blobKey
  }
}

/** Copies each blob of the snapshot; blobs.jsonl lists them with their digests. */
async function writeBlobs(
  connection: DedicatedSql,
  dataFolder: string,
  dir: string,
): Promise<ManifestFile & { count: number }> {
  const store = diskBlobStore(blobFolder(dataFolder))
  const list = join(dir, 'blobs.jsonl')
  writeFileSync(list, '', { mode: 0o600 })
  let count = 0
  for await (const { key, size, whose } of blobsOf(connection)) {
    const target = join(dir, 'blobs', key)
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
    const digest = await writeDigested(store.read(key), target)
    if (digest.bytes !== size)
      throw new CommandError(`Blob ${key} has ${digest.bytes} bytes, ${whose} says ${size}. Run: holdfast check`)
    await appendFile(list, `${JSON.stringify({ file: `blobs/${key}`, ...digest })}\n`)
    count++
  }
  return { file: 'blobs.jsonl', count, ...(await digestOf(list)) }
}

export async function exportAll(context: Context, dir: string, close: boolean, version: string): Promise<Manifest> {
  const { db, dataFolder, clock } = context
  emptyFolder(dir)
  if ((await pendingMigrations(db)).length > 0)
    throw new CommandError('The tables are not up to date. Run: holdfast migrate')
  if (close) {
    if (context.running)
      throw new CommandError(
        `Holdfast runs on this data folder (process ${context.running.process.pid}). Stop it before it is closed for good.`,
      )
    if ((await livingNodes(db)) > 0)
      throw new CommandError(
        'Some process of Holdfast used this database within the last minute. Stop all of them before it is closed for good.',
      )
  }
  await db.transaction(async (sql) => {
    if (close) await closeInstallation(sql)
    await appendAudit(sql, {
      organisationId: NIL_ID,
      actor: context.actor,
      action: 'exported',
      subject: `folder:${dir}`,
      detail: { close },
    })
  })
  const connection = await db.dedicated('export')
  try {
    await holdForExport(connection)
    await beginSnapshot(connection)
    const installation = (await readInstallation(connection))!
    const days = await bodyDays(connection)
    const tables = await writeTables(connection, dir)
    const blobs = await writeBlobs(connection, dataFolder, dir)
    await rollback(connection)
    const manifest = manifestSchema.parse({
      format: 1,
      holdfast: version,
      madeAt: new Date(clock.now()).toISOString(),
      installationId: installation.installationId,
      epoch: installation.epoch,
      closed: installation.closedAt !== null,
      schemaVersion: readMigrations().length,
      postgres: context.databaseVersion,
      keyFingerprint: context.keys().fingerprint,
      bodyDays: days,
      tables,
      blobs,
    })
    writeFileSync(join(dir, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    })
    await syncFolder(dir)
    return manifest
  } finally {
    await connection.close()
  }
}

export function register(program: Command): void {
  addCommand(program, 'export', 'write everything to a folder: backup, upgrade, move')
    .argument('<dir>', 'a folder that does not exist yet, or is empty')
    .requiredOption('--all', 'everything (the only kind of export there is)')
    .option('--close', 'this installation will never run again: the import keeps its epoch')
    .action(async (dir: string, options: ExportOptions) => {
      await withContext(options, async (context) => {
        const manifest = await exportAll(context, dir, options.close === true, program.version() ?? '')
        const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0)
        const bytes = manifest.tables.reduce((sum, table) => sum + table.bytes, 0)
        show(
          options,
          { dir, rows, bytes, blobs: manifest.blobs.count, closed: manifest.closed },
          `Exported ${rows} rows of ${manifest.tables.length} tables (${(bytes / 1e6).toFixed(1)} MB) and ${manifest.blobs.count} blobs to ${dir}.\n` +
            `The master key is not in it (fingerprint ${manifest.keyFingerprint}): keep the recovery sheet.`,
        )
      })
    })
}
