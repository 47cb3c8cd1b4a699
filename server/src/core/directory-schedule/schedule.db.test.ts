/** Lists by the clock: each fetched by one process, carried out within the limits, and what needs a person is an alarm. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { PersonSource } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { alarmsPage } from '../../store/alarms.ts'
import { claimSource, giveBackSource, renewSource } from '../../store/directory-schedule.ts'
import { writeSources } from '../../store/directory-sources.ts'
import { confirmRun, listRuns, refuseRun, type RunDeps, type SourceList } from '../directory/index.ts'
import { createDirectorySchedule, sourcesOf, type DirectorySchedule } from './index.ts'

let fresh: FreshDatabase
let clock: FakeClock
let org: MadeOrganisation
let sourceId: Id
let deps: RunDeps
/** what the directory says; a text is why it says nothing */
let says: SourceList | string
let asked: number
/** who asks waits for it */
let gate: Promise<void> | null

beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())
beforeEach(async () => {
  await fresh.db.query('UPDATE directory_source SET settings = $1, due_at = NULL, scheduled_at = NULL', [{}])
  clock = fakeClock()
  org = await makeOrganisation(fresh.db, { people: [] })
  sourceId = newId(clock.now())
  deps = { db: fresh.db, clock, actor: 'cli:test', placeWaiting: () => Promise.resolve() }
  says = listOf(1)
  asked = 0
  gate = null
  await writeSources(fresh.db, org.organisationId, [
    {
      id: sourceId,
      name: 'staff',
      kind: PersonSource.ldap,
      settings: { everyMinutes: 60, alarmAfter: 3 },
      secret: null,
    },
  ])
})

const listOf = (...numbers: number[]): SourceList => ({
  entries: numbers.map((n) => ({
    ...{ row: null, externalId: `${n}`, name: `Person ${n}`, addresses: [`p${n}@${org.domain}`], enabled: true },
  })),
  unusable: [],
  problems: [],
})
const schedule = (): DirectorySchedule =>
  createDirectorySchedule({
    ...{ db: fresh.db, clock, log: silentLog, keys: keysFrom(Buffer.alloc(32, 7)), placeWaiting: deps.placeWaiting },
    async fetch(_, signal) {
      asked++
      await gate
      signal.throwIfAborted()
      if (typeof says === 'string') throw new Error(says)
      return says
    },
  })
const runs = () => listRuns(fresh.db, org.organisationId, { limit: 50 })
const stands = async () => (await sourcesOf(fresh.db, org.organisationId))[0]!
const minutesToNext = async (): Promise<number> => {
  const [row] = await fresh.db.query<{ minutes: number }>(
    'SELECT round(extract(epoch FROM due_at - now()) / 60)::int AS minutes FROM directory_source WHERE source_id = $1',
    [sourceId],
  )
  return row!.minutes
}
/** As if all its times were so many minutes earlier. */
async function pass(minutes: number): Promise<void> {
  clock.jump(minutes * 60_000)
  await fresh.db.query(
    `UPDATE directory_source SET due_at = due_at - $2 * interval '1 minute', scheduled_at = scheduled_at - $2 * interval '1 minute',
       listed_at = listed_at - $2 * interval '1 minute', leased_until = leased_until - $2 * interval '1 minute' WHERE source_id = $1`,
    [sourceId, minutes],
  )
}
const standing = async () =>
  (await alarmsPage(fresh.db, org.organisationId, { after: null, limit: 20 }))
    .filter(({ endedAt }) => endedAt === null)
    .map(({ kind, facts }) => `${kind}: ${facts.source as string}, ${facts.detail as string}`)
const about = (runId: Id) => ({ organisationId: org.organisationId, runId })
async function settled(): Promise<void> {
  await schedule().run()
  await confirmRun(deps, about((await runs())[0]!.id))
}

test('the first list asks once, a confirmed one is applied by the clock, each at its time', async () => {
  expect(await schedule().run()).toBe(1)
  expect(await schedule().run()).toBe(0)
  const [first] = await runs()
  expect(first).toMatchObject({ state: 'staged', startedBy: 'engine' })
  expect(await standing()).toEqual(['list-asks: staff, the first list of this source'])
  expect(await stands()).toMatchObject({ everyMinutes: 60, waitingRunId: first!.id, failures: 0, kind: 'ldap' })
  // Asked again and again it is the same question, so that whoever is looking at it can answer it.
  await pass(60)
  await schedule().run()
  expect((await runs()).map(({ id, state }) => ({ id, state }))).toEqual([{ id: first!.id, state: 'staged' }])
  await confirmRun(deps, about(first!.id))
  says = listOf(1, 2)
  await pass(60)
  await schedule().run()
  expect((await runs())[0]).toMatchObject({ state: 'applied', decidedBy: 'engine', counts: { creations: 1 } })
  expect(await standing()).toEqual([])
  expect(await minutesToNext()).toBe(60)
  expect(asked).toBe(3)
  await expectSound(fresh.db, null)
})

test('of two processes one fetches; one that is gone is followed when its lease has ended', async () => {
  let open = (): void => undefined
  gate = new Promise((resolve) => (open = resolve))
  const [one, two] = [schedule().run(), schedule().run()]
  await new Promise((resolve) => setTimeout(resolve, 100))
  open()
  expect((await Promise.all([one, two])).sort()).toEqual([0, 1])
  expect([asked, (await runs()).length]).toEqual([1, 1])
  await pass(60)
  const gone = (await claimSource(fresh.db, newId(clock.now()), 120))!
  expect(await schedule().run()).toBe(0)
  expect(await renewSource(fresh.db, gone, 120)).toBe(true)
  await pass(3)
  expect(await schedule().run()).toBe(1)
  // It was only slow: what it says late counts no more.
  expect(await renewSource(fresh.db, gone, 120)).toBe(false)
  await giveBackSource(fresh.db, gone, 0)
  expect(await minutesToNext()).toBe(60)
})

test('a lease is renewed while a list is read, and whoever loses it uses nothing of that list', async () => {
  let open = (): void => undefined
  gate = new Promise((resolve) => (open = resolve))
  const running = schedule().run()
  await expect.poll(() => asked).toBe(1)
  await fresh.db.query(
    'UPDATE directory_source SET leased_until = now() + interval $$10 seconds$$ WHERE source_id = $1',
    [sourceId],
  )
  await clock.advance(30_000)
  await expect
    .poll(async () => {
      const [row] = await fresh.db.query<{ left: number }>(
        'SELECT extract(epoch FROM leased_until - now())::int AS left FROM directory_source WHERE source_id = $1',
        [sourceId],
      )
      return row!.left
    })
    .toBeGreaterThan(60)
  await fresh.db.query('UPDATE directory_source SET lease_id = gen_random_uuid() WHERE source_id = $1', [sourceId])
  await clock.advance(30_000)
  await new Promise((resolve) => setTimeout(resolve, 100))
  open()
  await running
  expect(await runs()).toEqual([])
})

test('a directory that says nothing: tried again ever later, kept once, an alarm in time, and over with a list', async () => {
  await settled()
  says = 'dc1:636: it closed the connection'
  const waits: number[] = []
  for (let tries = 0; tries < 6; tries++) {
    await pass(tries === 0 ? 60 : waits.at(-1)!)
    await schedule().run()
    waits.push(await minutesToNext())
  }
  expect(waits).toEqual([5, 10, 20, 40, 60, 60])
  expect((await runs()).map(({ state }) => state)).toEqual(['failed', 'applied'])
  expect(await stands()).toMatchObject({ failures: 6, failedWhy: 'dc1:636: it closed the connection' })
  // 60 + 5 + 10 + 20 + 40 + 60 minutes are more than three hours.
  expect(await standing()).toEqual(['list-late: staff, dc1:636: it closed the connection'])
  says = listOf(1)
  await pass(60)
  await schedule().run()
  expect(await stands()).toMatchObject({ failures: 0, failedAt: null, failedWhy: '' })
  expect(await standing()).toEqual([])
})

test('a list above the limits asks; after a no the same list is not asked about again, another one is', async () => {
  says = listOf(...Array.from({ length: 40 }, (_, n) => n))
  await settled()
  says = listOf(1)
  await pass(60)
  await schedule().run()
  const [asks] = await runs()
  expect(asks).toMatchObject({ state: 'asks', counts: { removals: 39 } })
  expect(await standing()).toEqual([`list-asks: staff, ${asks!.why}`])
  await refuseRun(deps, about(asks!.id))
  await pass(60)
  await schedule().run()
  expect((await runs())[0]!.id).toBe(asks!.id)
  expect(await standing()).toEqual(['list-refused: staff, '])
  says = listOf(1, 2)
  await pass(60)
  await schedule().run()
  expect((await runs())[0]).toMatchObject({ state: 'asks', counts: { removals: 38 } })
  says = listOf(...Array.from({ length: 40 }, (_, n) => n))
  await pass(60)
  await schedule().run()
  // What was asked is void by the newer list.
  expect((await runs()).slice(0, 2).map(({ state }) => state)).toEqual(['applied', 'refused'])
  expect(await standing()).toEqual([])
})

test('by itself every few seconds; stopped it leaves the list to the next', async () => {
  let open = (): void => undefined
  gate = new Promise((resolve) => (open = resolve))
  const one = schedule()
  one.start()
  await clock.advance(5_000)
  await expect.poll(() => asked).toBe(1)
  const stopped = one.stop()
  open()
  await stopped
  expect(await runs()).toEqual([])
  expect(await minutesToNext()).toBe(0)
  expect(clock.pending()).toBe(0)
})

test('a schedule that is taken away ends its alarms', async () => {
  await schedule().run()
  expect(await standing()).toHaveLength(1)
  await writeSources(fresh.db, org.organisationId, [
    { id: sourceId, name: 'staff', kind: PersonSource.ldap, settings: {}, secret: null },
  ])
  await pass(600)
  expect(await schedule().run()).toBe(0)
  expect(await standing()).toEqual([])
  expect(await stands()).toMatchObject({ everyMinutes: null, dueAt: null })
})
