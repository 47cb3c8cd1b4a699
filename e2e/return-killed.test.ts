/**
 * A return goes on where it was: Holdfast is killed in the middle of one and started again. Everything owed is at home, in
 * the order in which it came for each person, and nothing twice without an attempt that the trace calls unsure.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail } from './kit/messages.ts'
import { ledgerProblems, listAll, makeOperator, modeIs, primaryRoute, signInOperator } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { pour } from './kit/pour.ts'
import { chosenSeed, createRandom } from './kit/random.ts'
import { countArrivals, explain, noClaims, nonceOfKey, tally } from './kit/tally.ts'
import { unsureAttempts } from './kit/unsure.ts'
import type { Web } from './kit/web.ts'
import { until } from './peers/processes.ts'

const each = 120
const people = ['alice@home.test', 'bob@home.test'] as const
const seed = chosenSeed()
let installation: Installation
let server: RunningHoldfast
let operator: Web
let primary: StandIn

beforeAll(async () => {
  primary = await startStandIn({ mailboxes: people })
  installation = createInstallation({ name: 'return', config: { delivery: { lease: 3 } } })
  server = await installation.start()
  operator = await makeOperator(server)
  await declareOrganisation(installation, {
    domain: 'home.test',
    people: ['alice', 'bob'],
    primaryPort: primary.port,
    outboundPort: primary.port,
    sensitivity: 'quick',
    // slow enough to be killed in the middle
    route: { unsureWait: 1, retryFirst: 1, retryMax: 2, return: { perSecond: 40 } },
  })
})
afterAll(async () => {
  await server.stop()
  await installation.remove()
  await primary.close()
})

/** What arrived first behind a message that was accepted after it. */
function lateIn(person: string): string[] {
  let newest = -1
  return [...new Set(primary.store.of(person).map((mail) => mail.nonce!))].filter((nonce) => {
    const index = Number(nonce.split('-').at(-1))
    const isLate = index < newest
    newest = Math.max(newest, index)
    return isLate
  })
}

test('killed in the middle of a return, it goes on: all home in order, none twice without a reason', async () => {
  const random = createRandom(seed)
  const killAt = Math.floor(2 * each * (0.2 + 0.5 * random.next()))
  console.log(`seed ${seed}: killed when about ${killAt} of ${2 * each} are home`)
  await primary.setFault('off')
  const claims = noClaims()
  // a connection for each person, so that what was accepted first is known
  await Promise.all(
    people.map((to, at) => {
      const mails = Array.from({ length: each }, (_, index) =>
        makeMail({ random, nonce: `back-${at}-${index}`, kind: 'plain', people, to: [to] }),
      )
      return pour(() => server.ports.mx, mails, { connections: 1, into: claims })
    }),
  )
  await modeIs(operator, 'emergency', 30)

  await primary.setFault(null)
  await until('the return to be in its middle', () => primary.store.all().length >= killAt, 60_000, 5)
  await server.kill()
  const homeAtKill = primary.store.all().length
  expect(homeAtKill).toBeLessThan(2 * each)
  server = await installation.start()
  operator = await signInOperator(server)
  await modeIs(operator, 'normal', 60)
  expect((await primaryRoute(operator)).open).toBe(0)

  const { missing, strangers, extra } = tally(countArrivals(primary.store.mailboxes()), claims)
  expect({ missing, strangers }).toEqual({ missing: [], strangers: [] })
  // the one that was on its way may have to wait and then follow what went home meanwhile: one for each person, no more
  const late = people.map(lateIn)
  expect(late.every((nonces) => nonces.length <= 1)).toBe(true)
  const doubtful = new Set([...late.flat(), ...[...extra.keys()].map(nonceOfKey)])
  const unsure = await unsureAttempts(operator, doubtful)
  expect(explain(extra, unsure, claims.unanswered).unexplained).toEqual([])
  expect([...doubtful].filter((nonce) => !people.some((person) => unsure.has(countKey(nonce, person))))).toEqual([])

  // one return, whose ledger has both halves
  expect(await ledgerProblems(operator)).toEqual([])
  const { organisation } = await primaryRoute(operator)
  const path = `/organisations/${organisation.id}/returns`
  const events = await listAll(operator, path)
  expect(events).toMatchObject([{ home: 2 * each, unsure: 0 }])
  const ledger = await listAll(operator, `${path}/${events[0].id}/ledger`)
  expect(ledger.filter((row) => row.outcome === 'unsure').length).toBeLessThanOrEqual(people.length)
})

test('every invariant holds afterwards', async () => {
  const check = await installation.cli(['check', '--json'])
  expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
})
