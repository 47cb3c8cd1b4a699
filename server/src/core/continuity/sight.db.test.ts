/**
 * Two processes on one database, each judging half of the routes: when all fail at once neither switches and both say that
 * they cannot see; when one fails alone it is declared, whoever judges it.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import type { ProbeResult, ProbeTarget } from '../../clients/smtp/probe.ts'
import { systemClock } from '../../platform/clock.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { addEvidence, sightingsOf } from '../../store/evidence.ts'
import { ensureModes, modesOf } from '../../store/modes.ts'
import { readAudit } from '../audit/index.ts'
import { createRouteBook } from '../directory/index.ts'
import { createContinuity, type Continuity } from './index.ts'

let fresh: FreshDatabase
let orgs: MadeOrganisation[]
const dead = new Set<string>()
const stops: (() => Promise<void> | void)[] = []
const hostOf = (i: number): string => `192.0.${i}.1`
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function answer({ host, timeoutMs }: ProbeTarget): Promise<ProbeResult> {
  if (!dead.has(host)) return { ok: true, stage: 'rcpt', code: 250, text: '250 ok', tookMs: 1 }
  await sleep(timeoutMs)
  return { ok: false, stage: 'connect', text: 'no answer', tookMs: timeoutMs }
}

async function node(nodeId: Id, references: string[] = []): Promise<Continuity> {
  const routes = createRouteBook({ db: fresh.db, clock: systemClock, log: silentLog })
  await routes.start()
  const continuity = createContinuity({
    db: fresh.db,
    clock: systemClock,
    log: silentLog,
    nodeId,
    routes,
    helo: 'holdfast.test',
    probe: answer,
    references,
    askReference: () => Promise.reject(new Error('no answer')),
  })
  stops.push(
    () => routes.stop(),
    () => continuity.stop(),
  )
  return continuity
}

beforeEach(async () => {
  dead.clear()
  fresh = await freshDatabase({ poolSize: 12 })
  orgs = []
  for (let i = 0; i < 4; i++)
    orgs.push(await makeOrganisation(fresh.db, { route: { hosts: [{ host: hostOf(i) }], sensitivity: 'quick' } }))
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  await fresh.drop()
})

const routeIds = (): Id[] => orgs.map(({ routeId }) => routeId)
const modes = async (): Promise<number[]> => (await modesOf(fresh.db, routeIds())).map(({ mode }) => mode)
async function until(what: string, ms: number, ready: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + ms; !(await ready()); await sleep(100))
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
}
async function blindRoutes(a: Continuity): Promise<number> {
  const pages = await Promise.all(
    orgs.map(async (org) => (await a.overview(org.organisationId)).find((r) => r.id === org.routeId)!),
  )
  return pages.filter(({ blind }) => blind !== null).length
}

test('two processes agree that it is they who cannot see, and that one dead primary is dead', async () => {
  const ids = [newId(Date.now()), newId(Date.now())]
  await ensureModes(fresh.db)
  for (const [i, routeId] of routeIds().entries())
    await fresh.db.query(`UPDATE route_mode SET judge = $2, judge_until = now() + interval '5 s' WHERE route_id = $1`, [
      routeId,
      ids[i % 2]!,
    ])
  const [a, b] = [await node(ids[0]!), await node(ids[1]!)]
  await Promise.all([a.start(), b.start()])
  expect([...a.judge.judged()]).toHaveLength(2)
  expect([...b.judge.judged()]).toHaveLength(2)
  await sleep(3000)

  for (let i = 0; i < 4; i++) dead.add(hostOf(i))
  await until('all are marked blind', 12_000, async () => (await blindRoutes(a)) === 4)
  expect([a.judge.sees(), b.judge.sees()]).toEqual([false, false])
  await sleep(4000)
  expect(await modes()).toEqual([Mode.normal, Mode.normal, Mode.normal, Mode.normal])
  for (const org of orgs) {
    const told = (await readAudit(fresh.db, org.organisationId, null, 100)).filter((r) => r.action === 'judging-blind')
    expect(told).toHaveLength(1)
  }
  // What the return tells is no verdict either.
  await a.judge.tell(orgs[0]!, { kind: 'fallback', text: 'x' })

  dead.clear()
  await until('both see again', 10_000, async () => a.judge.sees() && b.judge.sees() && (await blindRoutes(a)) === 0)
  expect(await modes()).toEqual([Mode.normal, Mode.normal, Mode.normal, Mode.normal])

  dead.add(hostOf(3))
  await until('the dead one is declared', 15_000, async () => (await modes())[3] === Mode.emergency)
  expect((await modes()).slice(0, 3)).toEqual([Mode.normal, Mode.normal, Mode.normal])
})

test('one route and a reference that does not answer: nothing is declared', async () => {
  for (const { routeId } of orgs.splice(1))
    await fresh.db.query(`UPDATE route SET kind = ${RouteKind.smarthost} WHERE route_id = $1`, [routeId])
  const a = await node(newId(Date.now()), ['ns.reference.test:53'])
  await a.start()
  await sleep(1500)
  dead.add(hostOf(0))
  await until('it is marked blind', 10_000, async () => (await blindRoutes(a)) === 1)
  await sleep(3000)
  expect(await modes()).toEqual([Mode.normal])
  dead.clear()
  await until('it sees again', 10_000, async () => a.judge.sees() && (await blindRoutes(a)) === 0)
  expect(await modes()).toEqual([Mode.normal])
})

test('what was seen of a route: the last success, and the failures after it', async () => {
  await ensureModes(fresh.db)
  const of = { ...orgs[0]!, lastText: null }
  const read = async () =>
    (await sightingsOf(fresh.db, 60, [EvidenceKind.probeBad])).find(({ routeId }) => routeId === of.routeId)!
  expect(await read()).toMatchObject({ mode: Mode.normal, goodAt: null, badFrom: null, badAt: null })
  await addEvidence(fresh.db, [{ ...of, kind: EvidenceKind.probeBad, probe: '', seen: 1 }])
  await sleep(1100)
  await addEvidence(fresh.db, [{ ...of, kind: EvidenceKind.good, probe: '', seen: 1 }])
  expect((await read()).badFrom).toBeNull()
  await sleep(1100)
  await addEvidence(fresh.db, [{ ...of, kind: EvidenceKind.probeBad, probe: '', seen: 1 }])
  const { goodAt, badFrom, badAt } = await read()
  expect(badFrom!.getTime()).toBeGreaterThan(goodAt!.getTime())
  expect(badAt).toEqual(badFrom)
})
