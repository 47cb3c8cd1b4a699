/** How hosts answered: one row for each of a route's hosts, the time of a change kept, those that are gone taken away. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { newId } from '../platform/ids.ts'
import { EvidenceKind } from '../platform/codes.ts'
import { addEvidence, canariesOf } from './evidence.ts'
import { hostStates, noteHosts } from './route-hosts.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

test('since stays while the answer does, and a host that left the route leaves the table', async () => {
  const sql = fresh.db
  const [organisationId, routeId] = [newId(Date.now()), newId(Date.now())]
  const say = (host: string, good: boolean, hosts = ['a:25', 'b:25']) =>
    noteHosts(sql, [{ organisationId, routeId, host, good, text: `${host} ${good}`, hosts }])
  await say('a:25', true)
  await say('b:25', true)
  const first = (await hostStates(sql, organisationId)).find(({ host }) => host === 'b:25')!
  await say('b:25', true)
  const second = (await hostStates(sql, organisationId)).find(({ host }) => host === 'b:25')!
  expect(second.since).toEqual(first.since)
  expect(second.at.getTime()).toBeGreaterThan(first.at.getTime())
  await say('b:25', false)
  const third = (await hostStates(sql, organisationId)).find(({ host }) => host === 'b:25')!
  expect(third).toMatchObject({ good: false, text: 'b:25 false' })
  expect(third.since.getTime()).toBeGreaterThan(first.since.getTime())
  await say('a:25', true, ['a:25'])
  expect((await hostStates(sql, organisationId)).map(({ host }) => host)).toEqual(['a:25'])
})

test('canaries and refused probes are read apart, and nothing else', async () => {
  const sql = fresh.db
  const [organisationId, routeId] = [newId(Date.now()), newId(Date.now())]
  const kinds = [EvidenceKind.good, EvidenceKind.probeRefused, EvidenceKind.canaryGood, EvidenceKind.canaryBack]
  await addEvidence(
    sql,
    kinds.map((kind) => ({ organisationId, routeId, kind, probe: '', seen: 2, lastText: 'x' })),
  )
  const rows = await canariesOf(sql, [{ organisationId, routeId, seconds: 600 }])
  expect(rows.map(({ kind }) => kind).sort((a, b) => a - b)).toEqual(kinds.slice(1))
  expect(await canariesOf(sql, [])).toEqual([])
})
