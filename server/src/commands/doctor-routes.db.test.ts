/** Doctor says of each route whether its hosts can be found and answer. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { startStandIn, type StandIn } from '../../testkit/stand-in/stand-in.ts'
import { keysFrom } from '../platform/keys.ts'
import { selfSigned } from '../platform/certificate.ts'
import { newId } from '../platform/ids.ts'
import { sourceFindings } from './doctor-sources.ts'
import { clientCertificates, routeFindings } from './doctor-routes.ts'

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
  const dns = { servers: [], hostTlsa: () => Promise.resolve({ kind: 'none' as const }) }
  const findings = await routeFindings(fresh.db, 'mx.test', dns)
  const { name } = findings.find(({ text }) => text.includes('nowhere.invalid'))!
  const ours = findings.filter((one) => one.name === name)
  expect(ours.map(({ standing }) => standing)).toEqual(['wrong', 'warning', 'ok'])
  expect(ours[0]!.remedy).toContain('nowhere.invalid')
  for (const { standing, remedy } of ours) expect(remedy === '').toBe(standing === 'ok')
})

test('the certificate that a route shows: how long it lasts, and what to do', async () => {
  const { organisationId, routeId } = await makeOrganisation(fresh.db, { people: ['bob'], domain: 'certificate.test' })
  const keys = keysFrom(Buffer.alloc(32, 7))
  const look = async (pem: string, open = keys) => {
    const sealed = keys.seal(`route.client_tls_sealed:${routeId}`, Buffer.from(pem))
    await fresh.db.query('UPDATE route SET client_tls_sealed = $3 WHERE organisation_id = $1 AND route_id = $2', [
      organisationId,
      routeId,
      sealed,
    ])
    return (await clientCertificates(fresh.db, () => open))[0]!
  }
  const age = (days: number) => selfSigned(['mx.test'], Date.now() - days * 86_400_000).cert
  expect(await look(age(0))).toMatchObject({ standing: 'ok', text: 'its client certificate ends in 824 days' })
  expect(await look(age(815))).toMatchObject({ standing: 'warning', text: 'its client certificate ends in 9 days' })
  expect(await look(age(827))).toMatchObject({ standing: 'wrong', text: expect.stringContaining('ended') as string })
  expect(await look(age(0), keysFrom(Buffer.alloc(32, 8)))).toMatchObject({ standing: 'wrong' })
  await fresh.db.query('UPDATE route SET client_tls_sealed = NULL')
  expect(await clientCertificates(fresh.db, () => keys)).toEqual([])
})

test('a proxy among the outbound sources, listed or not, is found', async () => {
  const { organisationId } = await makeOrganisation(fresh.db, { people: ['carol'], domain: 'proxied.test' })
  await fresh.db.query('UPDATE organisation SET outbound_sources = $2 WHERE organisation_id = $1', [
    organisationId,
    JSON.stringify([{ networks: ['10.1.0.0/28', '127.0.0.1'] }, { username: 'relay' }]),
  ])
  expect(await sourceFindings(fresh.db, ['192.0.2.1'])).toEqual([])
  for (const proxy of ['10.1.0.5', '10.0.0.0/8', 'loopback'])
    expect(await sourceFindings(fresh.db, [proxy]), proxy).toMatchObject([{ standing: 'warning' }])

  const received = (clientIp: string, names: number) =>
    fresh.db.query(
      `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix, client_ip, helo)
       SELECT $1, unnest($2::uuid[]), now(), 1, '', 0, '', 4, '', $3, 'h' || generate_series(1, $4)`,
      [organisationId, Array.from({ length: names }, () => newId(Date.now())), clientIp, names],
    )
  await received('10.1.0.7', 3)
  await received('192.0.2.9', 30)
  expect(await sourceFindings(fresh.db, [])).toEqual([])
  await received('10.1.0.8', 30)
  expect(await sourceFindings(fresh.db, [])).toMatchObject([
    { standing: 'wrong', text: expect.stringContaining('10.1.0.8') as string },
  ])
})
