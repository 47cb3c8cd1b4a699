/**
 * Two whole servers on one PostgreSQL: one of them judges and probes. It is killed in the very moment in which the primary
 * dies: the other takes the lease and declares the primary dead within the bound and the lease, both (the first one started
 * again) agree, and everything is home in the end.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../server/src/platform/db/database.ts'
import type { Database } from '../server/src/platform/db/database.ts'
import { silentLog } from '../server/src/platform/log.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { makeMail } from './kit/messages.ts'
import { makeOperator, modeIs, primaryRoute, signInOperator } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { pour } from './kit/pour.ts'
import { createRandom } from './kit/random.ts'
import { countArrivals, noClaims, tally } from './kit/tally.ts'
import type { Claims } from './kit/tally.ts'
import { missing } from './peers/needs.ts'
import { startPostgres15 } from './peers/postgres-15.ts'
import type { Postgres15 } from './peers/postgres-15.ts'
import { until } from './peers/processes.ts'

const skip = missing('postgresql-15')
const LEASE = 5
/** twice the bound of `quick` */
const BOUND = 12
const random = createRandom(1)

describe.skipIf(skip)('two servers, one database', () => {
  let postgres: Postgres15
  let db: Database
  let primary: StandIn
  let installations: Installation[]
  let servers: RunningHoldfast[]
  const claims: Claims = noClaims()
  const closers: (() => Promise<unknown>)[] = []

  const judge = async (): Promise<{ id: string | null; holds: boolean }> => {
    const [row] = await db.query<{ id: string | null; holds: boolean }>(
      `SELECT m.judge AS id, m.judge_until > now() AS holds FROM route_mode m
       JOIN route r USING (organisation_id, route_id) WHERE r.kind = 1`,
    )
    return row!
  }
  async function send(label: string): Promise<void> {
    const to = ['alice@two.test']
    const mail = makeMail({ random, nonce: label, kind: 'plain', people: to, to })
    await pour(() => servers[1]!.ports.mx, [mail], { connections: 1, into: claims })
  }

  beforeAll(async () => {
    postgres = await startPostgres15()
    closers.push(() => postgres.remove())
    db = openDatabase({ connection: { connectionString: postgres.url }, poolSize: 1, log: silentLog })
    closers.push(() => db.close())
    primary = await startStandIn({ mailboxes: ['alice@two.test'] })
    closers.push(() => primary.close())
    const first = createInstallation({ name: 'first', config: { database: { url: postgres.url } } })
    closers.push(() => first.remove())
    const one = await first.start()
    const second = createInstallation({
      name: 'second',
      config: { database: { url: postgres.url }, masterKeyFile: `${first.data}/master.key` },
    })
    closers.push(() => second.remove())
    installations = [first, second]
    await makeOperator(one)
    await declareOrganisation(first, {
      domain: 'two.test',
      people: ['alice'],
      primaryPort: primary.port,
      outboundPort: primary.port,
      sensitivity: 'quick',
      route: { unsureWait: 1, retryFirst: 0.5, retryMax: 1 },
    })
    await until('the first judges', async () => (await judge()).holds)
    servers = [one, await second.start()]
    closers.push(() => Promise.all(servers.map((server) => server.stop())))
  })
  afterAll(async () => {
    for (const close of closers.reverse()) await close()
  })

  test('the judge is killed as the primary dies: declared within the bound and the lease, by the other', async () => {
    const before = (await judge()).id
    await send('before')
    await primary.setFault('hang-connect')
    const from = Date.now()
    await servers[0]!.kill()
    const web = await signInOperator(servers[1]!)
    await send('during')
    await modeIs(web, 'emergency', BOUND + LEASE)
    const now = await judge()
    console.log(`declared ${((Date.now() - from) / 1000).toFixed(1)} s after the judge was killed`)
    expect(now.holds).toBe(true)
    expect(now.id).not.toBe(before)
  })

  test('started again the first agrees, and neither judges what the other does', async () => {
    servers[0] = await installations[0]!.start()
    const webs = await Promise.all(servers.map((server) => signInOperator(server)))
    const standings = await Promise.all(webs.map(async (web) => (await primaryRoute(web)).mode))
    expect(standings).toEqual(['emergency', 'emergency'])
    const { id } = await judge()
    await primary.setFault(null)
    for (const web of webs) await modeIs(web, 'normal', 40)
    expect((await judge()).id).toBe(id)
    await until('all mail at home', () => tally(countArrivals(primary.store.mailboxes()), claims).missing.length === 0)
    const { strangers, extra } = tally(countArrivals(primary.store.mailboxes()), claims)
    expect(strangers).toEqual([])
    expect([...extra]).toEqual([])
  })

  test('a planned stop of the judge hands over at once: a dead primary is declared within the bound alone', async () => {
    const before = (await judge()).id
    await primary.setFault('off')
    await servers[1]!.stop()
    const web = await signInOperator(servers[0]!)
    await modeIs(web, 'emergency', BOUND)
    expect((await judge()).id).not.toBe(before)
    await primary.setFault(null)
    await modeIs(web, 'normal', 40)
  })

  test('every invariant holds afterwards', async () => {
    const check = await installations[0]!.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
