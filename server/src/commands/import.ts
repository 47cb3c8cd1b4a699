/**
 * `holdfast import DIR`: fills an empty database from an export. Every digest is verified before anything is written;
 * blobs come first, then all tables in one transaction, so an import that fails leaves an empty database. The target is
 * brought to the export's tables, loaded, then brought to this version's: that is the upgrade path.
 *
 * Unless the source was closed a new epoch begins, and what was open there is unsure here: the source may have delivered
 * it after the export was made.
 */
import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { appendAudit } from '../core/audit/index.ts'
import type { DedicatedSql } from '../platform/db/database.ts'
import { migrate, pendingMigrations, readMigrations } from '../platform/db/migrate.ts'
import { NIL_ID } from '../platform/ids.ts'
import { diskBlobStore } from '../store/blobs/disk-blob-store.ts'
import {
  addForeignKeys,
  beginLoad,
  commit,
  copyIn,
  dataTables,
  dropForeignKeys,
  holdsData,
  markOpenUnsure,
  rollback,
  truncateAll,
  voidLeases,
} from '../store/dump.ts'
import { renewUidvalidity } from '../store/folders.ts'
import { beginEpoch, epochAfter, reopenInstallation } from '../store/installation.ts'
import { ensurePartitions } from '../store/partitions.ts'
import { cancelOverdue } from '../store/waiting.ts'
import type { GlobalOptions } from './command.ts'
import { addCommand, CommandError, exitCodes, show } from './command.ts'
import type { Context } from './context.ts'
import { blobFolder, withContext } from './context.ts'
import type { Manifest, ManifestFile } from './manifest.ts'
import { digestOf, MANIFEST, manifestSchema } from './manifest.ts'

function readManifest(dir: string): Manifest {
  const file = join(dir, MANIFEST)
  if (!existsSync(file))
    throw new CommandError(
      `${dir} has no ${MANIFEST}: it is not an export, or the export was not finished.`,
      exitCodes.usage,
    )
  const parsed = manifestSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (!parsed.success)
    throw new CommandError(
      `${file} is not right: ${parsed.error.issues[0]!.path.join('.')}: ${parsed.error.issues[0]!.message}`,
    )
  return parsed.data
}

async function verify(dir: string, expected: ManifestFile): Promise<void> {
  const path = join(dir, expected.file)
  if (!existsSync(path)) throw new CommandError(`${path} is missing. Use an undamaged copy of the export.`)
  const found = await digestOf(path)
  if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256)
    throw new CommandError(
      `${path} is not what was exported (${found.bytes} bytes, SHA-256 ${found.sha256}; expected ${expected.bytes}, ${expected.sha256}). Use an undamaged copy.`,
    )
}

async function* blobList(dir: string): AsyncGenerator<ManifestFile> {
  const lines = createInterface({ input: createReadStream(join(dir, 'blobs.jsonl')) })
  for await (const line of lines) if (line !== '') yield JSON.parse(line) as ManifestFile
}

async function verifyAll(dir: string, manifest: Manifest): Promise<void> {
  for (const table of manifest.tables) await verify(dir, table)
  await verify(dir, manifest.blobs)
  let count = 0
  for await (const blob of blobList(dir)) {
    await verify(dir, blob)
    count++
  }
  if (count !== manifest.blobs.count)
    throw new CommandError(`${dir} lists ${count} blobs, its manifest says ${manifest.blobs.count}.`)
}

async function loadBlobs(dir: string, dataFolder: string): Promise<void> {
  mkdirSync(blobFolder(dataFolder), { recursive: true, mode: 0o700 })
  const store = diskBlobStore(blobFolder(dataFolder))
  for await (const blob of blobList(dir)) {
    const writer = await store.create(blob.file.slice('blobs/'.length))
    try {
      for await (const chunk of createReadStream(join(dir, blob.file))) await writer.write(chunk as Buffer)
      await writer.commit()
    } catch (error) {
      await writer.abort()
      throw error
    }
  }
}

async function loadTables(connection: DedicatedSql, dir: string, manifest: Manifest): Promise<void> {
  const here = await dataTables(connection)
  const byName = new Map(here.map((table) => [table.name, table]))
  await truncateAll(connection, here)
  const keys = await dropForeignKeys(connection)
  for (const table of manifest.tables) {
    const target = byName.get(table.name)
    const unknown = table.columns.filter((column) => !target?.columns.includes(column))
    if (!target || unknown.length > 0)
      throw new CommandError(`The export's table ${table.name} (${unknown.join(', ')}) does not fit this version's.`)
    const into = copyIn(connection, table)
    await pipeline(createReadStream(join(dir, table.file), { highWaterMark: 262_144 }), into)
    if (into.rowCount !== table.rows)
      throw new CommandError(`Table ${table.name}: ${into.rowCount} rows arrived, ${table.rows} were exported.`)
  }
  await addForeignKeys(connection, keys)
}

export async function importAll(
  context: Context,
  dir: string,
): Promise<{ manifest: Manifest; epoch: number; unsure: number; unsent: number }> {
  const { db, dataFolder } = context
  const manifest = readManifest(dir)
  const known = readMigrations()
  if (manifest.schemaVersion > known.length)
    throw new CommandError(
      `The export was made by a newer Holdfast (${manifest.holdfast}). Import it with that version or a later one.`,
    )
  if (context.running)
    throw new CommandError(
      `Holdfast runs on this data folder (process ${context.running.process.pid}). Import into a new one, or stop it.`,
    )
  if (!existsSync(context.config.masterKeyFile || join(dataFolder, 'master.key')))
    throw new CommandError(
      `Put the master key of the source (fingerprint ${manifest.keyFingerprint}) here first: copy its master.key to ${dataFolder}, or run: holdfast doctor --restore-master-key FILE`,
    )
  const { fingerprint } = context.keys()
  if (fingerprint !== manifest.keyFingerprint)
    throw new CommandError(
      `The master key here has fingerprint ${fingerprint}, the export was sealed under ${manifest.keyFingerprint}. Put that key here first.`,
    )
  const landed = known.length - (await pendingMigrations(db, known)).length
  if (landed > 0 && (await holdsData(db)))
    throw new CommandError('This database is not empty. Import into a new data folder or an empty database.')
  if (landed > manifest.schemaVersion)
    throw new CommandError(
      `This database has ${landed} migrations already, the export ${manifest.schemaVersion}. Import into an empty database.`,
    )
  await verifyAll(dir, manifest)
  await migrate(db, known.slice(0, manifest.schemaVersion))
  for (const day of manifest.bodyDays) await ensurePartitions(db, day)
  await loadBlobs(dir, dataFolder)

  const epoch = manifest.closed ? manifest.epoch : epochAfter(manifest.epoch, context.clock.now())
  const connection = await db.dedicated('import')
  let unsure = 0
  let unsent = 0
  try {
    await beginLoad(connection)
    await loadTables(connection, dir, manifest)
    if (manifest.closed) {
      await reopenInstallation(connection)
      await voidLeases(connection)
    } else {
      await beginEpoch(connection, epoch)
      await renewUidvalidity(connection)
      unsure = await markOpenUnsure(connection)
      unsent = await cancelOverdue(connection)
    }
    const detail = { madeAt: manifest.madeAt, from: manifest.holdfast, closed: manifest.closed, unsure, unsent }
    await appendAudit(connection, {
      organisationId: NIL_ID,
      actor: context.actor,
      action: 'imported',
      subject: `installation:${manifest.installationId}`,
      detail,
    })
    if (!manifest.closed)
      await appendAudit(connection, {
        organisationId: NIL_ID,
        actor: context.actor,
        action: 'epoch-begun',
        subject: `epoch:${epoch}`,
      })
    await commit(connection)
  } catch (error) {
    await rollback(connection).catch(() => undefined)
    throw error
  } finally {
    await connection.close()
  }
  await migrate(db, known)
  await ensurePartitions(db, context.clock.now())
  return { manifest, epoch, unsure, unsent }
}

export function register(program: Command): void {
  addCommand(program, 'import', 'fill an empty database from an export')
    .argument('<dir>', 'the folder that holdfast export wrote')
    .action(async (dir: string, options: GlobalOptions) => {
      await withContext(
        options,
        async (context) => {
          const { manifest, epoch, unsure, unsent } = await importAll(context, dir)
          const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0)
          show(
            options,
            { rows, blobs: manifest.blobs.count, epoch, closed: manifest.closed, unsure, unsent },
            `Imported ${rows} rows and ${manifest.blobs.count} blobs of ${manifest.madeAt}; epoch ${epoch}.` +
              (unsure > 0
                ? `\n${unsure} deliveries were open in the export and are unsure now: the source may have delivered them since.`
                : '') +
              (unsent > 0
                ? `\n${unsent} messages were to be sent between the export and now: the source may have sent them, so they are drafts again.`
                : ''),
          )
        },
        { schema: 'leave' },
      )
    })
}
