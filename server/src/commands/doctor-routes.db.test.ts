/** Doctor says of each route whether its hosts can be found and answer. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { startStandIn, type StandIn } from '../../testkit/stand-in/stand-in.ts'
import { routeFindings } from './doctor-routes.ts'

let fresh: FreshDatabase
let standIn: StandIn
beforeAll(async () => {
  fresh = await freshDatabase()
  standIn = await startStandIn()
})
afterAll(async () => {
  await standIn.close()
  await fresh.drop()
})

test('a host without an address is wrong, one that does not answer is a warning, a mail server is fine', async () => {
  const { organisationId, routeId } = await makeOrganisation(fresh.db, { people: ['alice'] })
  const hosts = (list: { host: string; port: number }[]) =>
    fresh.db.query('UPDATE route SET settings = $3 WHERE organisation_id = $1 AND route_id = $2', [
      organisationId,
      routeId,
      { hosts: list },
    ])
  const closed = await startStandIn()
  await closed.close()
  await hosts([
    { host: 'nowhere.invalid', port: 25 },
    { host: '127.0.0.1', port: closed.port },
    { host: '127.0.0.1', port: standIn.port },
  ])
  const findings = await routeFindings(fresh.db, 'mx.test', () => Promise.resolve({ kind: 'none' }))
  const { name } = findings.find(({ text }) => text.includes('nowhere.invalid'))!
  const ours = findings.filter((one) => one.name === name)
  expect(ours.map(({ standing }) => standing)).toEqual(['wrong', 'warning', 'ok'])
  expect(ours[0]!.remedy).toContain('nowhere.invalid')
  for (const { standing, remedy } of ours) expect(remedy === '').toBe(standing === 'ok')
})
