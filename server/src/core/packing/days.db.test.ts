/** Days that are empty are dropped, while mail is accepted all the time, and never one that is in use. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DAY, packingStage, type PackingStage } from '../../../testkit/packing-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId } from '../../platform/ids.ts'
import { insertBodyRow } from '../../store/bodies.ts'
import { beginSnapshot, copyOut, dataTables, rollback } from '../../store/dump.ts'
import { holdForExport } from '../../store/packs.ts'
import { dropEmptyDays, ensurePartitions, partitionNames } from '../../store/partitions.ts'

let stage: PackingStage
beforeEach(async () => {
  stage = await packingStage()
  for (const days of [4, 12]) await ensurePartitions(stage.db, Date.now() - days * DAY)
})
afterEach(() => stage.end())

/** Of both tables, the days before yesterday. */
const OLD_PARTITIONS = 24
const nameOf = (daysAgo: number): string =>
  `body_${new Date(Date.now() - daysAgo * DAY).toISOString().slice(0, 10).replaceAll('-', '')}`

test('what is packed leaves its day empty, and the day goes; days with something in them stay, and young ones', async () => {
  const org = await stage.organisation()
  const stored = [await stage.store(org, 3, 700), await stage.store(org, 3, 70_000), await stage.store(org, 12, 70_000)]
  const unlinked = newId(Date.now() - 4 * DAY)
  await insertBodyRow(stage.db, org.organisationId, unlinked, Buffer.from('x'))
  await stage.packer().run()
  const names = await partitionNames(stage.db)
  expect([nameOf(3), nameOf(12), nameOf(13)].filter((name) => names.has(name))).toEqual([])
  for (const days of [-7, 0, 1, 4]) expect(names).toContain(nameOf(days))
  for (const name of ['body_default', 'body_chunk_default']) expect(names).toContain(name)
  // Of a day only one table may be left.
  expect(names).not.toContain(nameOf(4).replace('body_', 'body_chunk_'))
  for (const one of stored) expect((await stage.read(one.ref)).equals(one.bytes)).toBe(true)
  await ensurePartitions(stage.db, Date.now())
  expect(await partitionNames(stage.db)).toEqual(names)
  // A message of such a day that comes late lies in the default partition, and is packed from there.
  const late = await stage.store(org, 3, 900)
  expect(await stage.count('body_default')).toBe(1)
  expect((await stage.read(late.ref)).equals(late.bytes)).toBe(true)
  expect((await stage.packer().run()).messages).toBe(1)
  expect((await stage.read(late.ref)).equals(late.bytes)).toBe(true)
  await stage.db.query('DELETE FROM body WHERE body_id = $1', [unlinked])
})

test('yesterday is kept, however early bytes are packed', async () => {
  const dropped = await dropEmptyDays(stage.db, Date.now(), Date.now())
  expect(dropped).not.toContain(nameOf(1))
  expect(dropped).toContain(nameOf(2))
})

test('a row that comes in at the last moment keeps its day', async () => {
  const id = newId(Date.now() - 3 * DAY)
  const db: Database = {
    ...stage.db,
    transaction: (work, options) =>
      stage.db.transaction(
        (sql) =>
          work({
            async query(text, values, name) {
              if (text.includes(`LOCK TABLE ${nameOf(3)}`)) await insertBodyRow(stage.db, id, id, Buffer.from('late'))
              return sql.query(text, values, name)
            },
          }),
        options,
      ),
  }
  const dropped = await dropEmptyDays(db, Date.now(), Date.now())
  expect(dropped).toContain(nameOf(5))
  expect(dropped).not.toContain(nameOf(3))
  expect(await stage.count(nameOf(3))).toBe(1)
  await stage.db.query('DELETE FROM body')
})

/** Accepts all the time until told to stop; the longest wait, and how many. */
function accepting(): { stop(): Promise<{ slowest: number; accepted: number }> } {
  let isOver = false
  let slowest = 0
  let accepted = 0
  const run = async (): Promise<void> => {
    const org = await stage.organisation()
    while (!isOver) {
      const began = systemClock.monotonic()
      await stage.store(org, 0, accepted % 5 === 0 ? 60_000 : 900)
      slowest = Math.max(slowest, systemClock.monotonic() - began)
      accepted++
    }
  }
  const running = Promise.all([run(), run()])
  return {
    async stop() {
      isOver = true
      await running
      return { slowest, accepted }
    },
  }
}

test('mail is accepted all the while days are packed and dropped: none fails, none waits for a second', async () => {
  const org = await stage.organisation()
  for (const days of [2, 3, 4, 5]) for (let i = 0; i < 8; i++) await stage.store(org, days, 150_000)
  const accept = accepting()
  const round = await stage.packer().run()
  expect(round.messages).toBe(32)
  let { dropped } = round
  // Who stands in the way for a moment is waited for next time.
  for (let i = 0; i < 20 && dropped < OLD_PARTITIONS; i++) dropped += (await stage.packer().run()).dropped
  const { slowest, accepted } = await accept.stop()
  expect(dropped).toBe(OLD_PARTITIONS)
  expect(accepted).toBeGreaterThan(20)
  expect(slowest).toBeLessThan(1_000)
})

test('a reader of all the tables in progress keeps every day it may still read, and nobody waits for it', async () => {
  const org = await stage.organisation()
  const stored = await stage.store(org, 3, 5_000)
  const connection = await stage.db.dedicated('export')
  await beginSnapshot(connection)
  await connection.query('SELECT 1 AS one FROM organisation')
  const accept = accepting()
  expect(await stage.packer().run()).toMatchObject({ messages: 1, dropped: 0 })
  expect((await accept.stop()).slowest).toBeLessThan(1_000)
  const table = (await dataTables(connection)).find(({ name }) => name === 'body')!
  const pieces: Buffer[] = []
  for await (const piece of copyOut(connection, table)) pieces.push(piece as Buffer)
  expect(Buffer.concat(pieces).includes(stored.bytes)).toBe(true)
  await rollback(connection)
  await connection.close()
  expect((await stage.packer().run()).dropped).toBe(OLD_PARTITIONS)
})

test('while an export runs nothing is even tried', async () => {
  const connection = await stage.db.dedicated('export')
  await holdForExport(connection)
  const asked: string[] = []
  const db: Database = {
    ...stage.db,
    transaction(work, options) {
      asked.push('transaction')
      return stage.db.transaction(work, options)
    },
  }
  expect(await dropEmptyDays(db, Date.now(), Date.now())).toEqual([])
  expect(asked).toEqual([])
  await connection.close()
  expect(await dropEmptyDays(db, Date.now(), Date.now())).toHaveLength(OLD_PARTITIONS)
})
