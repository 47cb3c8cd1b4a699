import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FreshDatabase } from '../../../testkit/database.ts'
import { freshDatabase } from '../../../testkit/database.ts'
import type { MadeOrganisation } from '../../../testkit/factories.ts'
import { makeOrganisation, makePerson } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { silentLog } from '../../platform/log.ts'
import type { LiveDirectory } from './index.ts'
import { bumpDirectory, createDirectory } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let open: MadeOrganisation
let queries = 0
let directory: LiveDirectory

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['Alice', 'Bob'] })
  open = await makeOrganisation(fresh.db, { complete: false })
  const counted: Database = {
    ...fresh.db,
    query: (text, values, name) => {
      if (name?.startsWith('directory-')) queries++
      return fresh.db.query(text, values, name)
    },
  }
  directory = createDirectory({ db: counted, clock: systemClock, log: silentLog })
  await directory.start()
})
afterAll(async () => {
  await directory.stop()
  await fresh.drop()
})

test('one question to the database however many ask, then none', async () => {
  queries = 0
  const address = `alice@${org.domain}`
  const all = await Promise.all(Array.from({ length: 50 }, () => directory.resolve(address)))
  expect(new Set(all.map((each) => each.personId))).toEqual(new Set([org.people['Alice']!.personId]))
  expect(queries).toBe(2)
  await directory.resolve(address)
  expect(queries).toBe(2)
  await expect(directory.resolve(`nobody@${org.domain}`)).rejects.toMatchObject({ code: 'unknown-recipient' })
  const before = queries
  await expect(directory.resolve(`nobody@${org.domain}`)).rejects.toMatchObject({ code: 'unknown-recipient' })
  expect(queries).toBe(before)
})

test('a cached answer costs about a microsecond', async () => {
  const address = `alice@${org.domain}`
  await directory.resolve(address)
  const started = performance.now()
  for (let i = 0; i < 100_000; i++) await directory.resolve(address)
  expect((performance.now() - started) / 100_000).toBeLessThan(0.01)
})

test('a change elsewhere is seen within a second', async () => {
  const address = `carol@${org.domain}`
  await expect(directory.resolve(address)).rejects.toMatchObject({ code: 'unknown-recipient' })
  await fresh.db.transaction(async (sql) => {
    await makePerson(sql, org, 'Carol')
    await bumpDirectory(sql)
  })
  await expect
    .poll(
      () =>
        directory.resolve(address).then(
          () => 'known',
          () => 'unknown',
        ),
      { timeout: 1500, interval: 20 },
    )
    .toBe('known')
})

test('what the primary accepted is known from then on; complete lists and people learn nothing', async () => {
  const address = `Dave@${open.domain}`
  await expect(directory.resolve(address)).rejects.toMatchObject({ code: 'recipient-unverified' })
  await directory.learn([
    { organisationId: open.organisationId, address, routeId: open.routeId, personId: null },
    { organisationId: open.organisationId, address: address.toLowerCase(), routeId: open.routeId, personId: null },
    { organisationId: org.organisationId, address: `eve@${org.domain}`, routeId: org.routeId, personId: null },
    {
      organisationId: open.organisationId,
      address: `person@${open.domain}`,
      routeId: open.routeId,
      personId: org.people['Bob']!.personId,
    },
  ])
  expect(await directory.resolve(address)).toMatchObject({ standing: 'known', personId: null, routeId: open.routeId })
  const rows = await fresh.db.query<{ address: string }>('SELECT address FROM known_recipient')
  expect(rows).toEqual([{ address: address.toLowerCase() }])
})

test('who may send as whom', async () => {
  const alice = { organisationId: org.organisationId, personId: org.people['Alice']!.personId }
  expect(await directory.senderFor({ ...alice, address: `Alice+x@${org.domain}` })).toMatchObject({
    domainId: org.domainId,
  })
  expect(await directory.senderFor({ ...alice, address: `bob@${org.domain}` })).toBeNull()
  expect(await directory.senderFor({ ...alice, address: `nobody@${org.domain}` })).toBeNull()
  expect(await directory.senderFor({ ...alice, address: 'alice@elsewhere.test' })).toBeNull()
  expect(await directory.organisationOfDomain(org.domain.toUpperCase())).toEqual({
    organisationId: org.organisationId,
    domainId: org.domainId,
    outboundRouteId: org.outboundRouteId,
  })
  expect(await directory.organisationOfDomain('elsewhere.test')).toBeNull()
  expect((await directory.addressesOf(alice.organisationId, alice.personId)).map((each) => each.address)).toEqual([
    `alice@${org.domain}`,
  ])
})

test('the cache answers while the database is away; what is not cached fails for now', async () => {
  let away = false
  const flaky: Database = {
    ...fresh.db,
    query: (text, values, name) => (away ? Promise.reject(new Error('away')) : fresh.db.query(text, values, name)),
  }
  const own = createDirectory({ db: flaky, clock: systemClock, log: silentLog, pollMs: 20 })
  await own.start()
  await own.resolve(`alice@${org.domain}`)
  away = true
  await systemClock.sleep(60)
  expect(await own.resolve(`alice@${org.domain}`)).toMatchObject({ standing: 'known' })
  await expect(own.resolve(`bob@${org.domain}`)).rejects.toThrow('away')
  away = false
  expect(await own.resolve(`bob@${org.domain}`)).toMatchObject({ standing: 'known' })
  await own.stop()
})
