/** Promise 7: from a primary that takes everybody nothing is learned, and what was learned is not trusted, until it refuses. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { startStandIn, type StandIn } from '../../../testkit/stand-in/stand-in.ts'
import { systemClock } from '../../platform/clock.ts'
import type { WireError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { readAudit } from '../audit/index.ts'
import { createDirectory, createRouteBook, type LiveDirectory, type RouteBook } from '../directory/index.ts'
import { createContinuity, type Continuity } from './index.ts'

let fresh: FreshDatabase
let primary: StandIn
let org: MadeOrganisation
let directory: LiveDirectory
let routes: RouteBook
let continuity: Continuity
const shared = { clock: systemClock, log: silentLog }

beforeEach(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  primary = await startStandIn()
  org = await makeOrganisation(fresh.db, {
    people: ['alice'],
    domain: 'corp.test',
    complete: false,
    route: {
      hosts: [{ host: '127.0.0.1', port: primary.port }],
      tls: 'none',
      sensitivity: 'quick',
      probe: { interval: 0.2 },
    },
  })
  const db = fresh.db
  directory = createDirectory({ db, ...shared })
  routes = createRouteBook({ db, ...shared })
  await Promise.all([directory.start(), routes.start()])
  continuity = createContinuity({ db, ...shared, nodeId: newId(Date.now()), routes, helo: 'holdfast.test' })
})
afterEach(async () => {
  await continuity.stop()
  routes.stop()
  await directory.stop()
  await primary.close()
  await fresh.drop()
})
afterEach(() => expectSound(fresh.db, null))

async function until(what: string, ready: () => Promise<boolean>, ms = 25_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
const isMarked = async (): Promise<boolean | null> =>
  (
    await fresh.db.query<{ all: boolean | null }>('SELECT accepts_all AS "all" FROM route WHERE route_id = $1', [
      org.routeId,
    ])
  )[0]!.all
const learn = (address: string) =>
  directory.learn([{ organisationId: org.organisationId, address, routeId: org.routeId, personId: null }])
const standing = async (address: string): Promise<string> => {
  try {
    return (await directory.resolve(address)).standing
  } catch (error) {
    return (error as WireError).code
  }
}
const board = async () => (await continuity.overview(org.organisationId)).find((route) => route.id === org.routeId)!
const acts = async () => (await readAudit(fresh.db, org.organisationId, null, 50)).map((row) => row.action).reverse()

test('a primary that takes everybody is marked, not learned from and not trusted; one that refuses again is', async () => {
  await learn('before@corp.test')
  expect(await standing('before@corp.test')).toBe('known')
  expect((await board()).acceptsAll).toBeNull()

  await continuity.start()
  await until('marked', async () => (await isMarked()) === true)
  await until('not trusted', async () => (await standing('before@corp.test')) === 'recipient-unverified')
  await learn('meanwhile@corp.test')
  expect(await standing('meanwhile@corp.test')).toBe('recipient-unverified')
  expect(await fresh.db.query('SELECT address FROM known_recipient')).toEqual([{ address: 'before@corp.test' }])
  // Whom the directory knows is known all the same.
  expect(await standing('alice@corp.test')).toBe('known')
  const { acceptsAll, mode } = await board()
  expect(mode).toBe('normal')
  expect(Date.parse(acceptsAll!.since)).toBeLessThanOrEqual(Date.parse(acceptsAll!.askedAt))
  expect(await acts()).toEqual(['accept-all-found'])

  const { port } = primary
  await primary.close()
  primary = await startStandIn({ port, mailboxes: ['postmaster@corp.test', 'before@corp.test'] })
  await until('the mark is gone', async () => (await isMarked()) === false)
  await until('trusted again', async () => (await standing('before@corp.test')) === 'known')
  expect((await board()).acceptsAll).toBeNull()
  await learn('meanwhile@corp.test')
  expect(await standing('meanwhile@corp.test')).toBe('known')
  expect((await acts()).filter((act) => act.startsWith('accept-all'))).toEqual(['accept-all-found', 'accept-all-over'])
}, 90_000)
