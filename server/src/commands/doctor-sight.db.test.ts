/** Doctor says whether Holdfast could tell its own dead uplink from a dead mail system. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { startStandIn } from '../../testkit/stand-in/stand-in.ts'
import { sightFindings } from './doctor-sight.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

test('fewer than three unrelated mail systems want reference hosts; each of these is asked', async () => {
  expect(await sightFindings(fresh.db, [])).toEqual([])
  const hosts = ['mx.one.test', 'mx.two.test', 'in.two.test', 'mx.three.test']
  for (const [i, host] of hosts.entries()) {
    await makeOrganisation(fresh.db, { route: { hosts: [{ host }] } })
    const [finding] = await sightFindings(fresh.db, [])
    // The third is of the second's domain.
    expect(finding!.standing).toBe(i < 3 ? 'warning' : 'ok')
    expect(finding!.remedy === '').toBe(finding!.standing === 'ok')
  }
  const reference = await startStandIn()
  const gone = await startStandIn()
  await gone.close()
  const found = await sightFindings(fresh.db, [`127.0.0.1:${reference.port}`, `127.0.0.1:${gone.port}`])
  expect(found.map(({ standing }) => standing)).toEqual(['ok', 'warning'])
  await reference.close()
})
