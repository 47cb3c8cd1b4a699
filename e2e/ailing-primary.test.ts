/**
 * Most primaries that fail are not gone: they hang, or answer with 4xx. Each way is declared by a running Holdfast within
 * twice its bound, nobody is turned away meanwhile, and when it heals everything is home and the mode is normal again.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FaultName } from '../server/testkit/stand-in/faults.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail, nonceOf } from './kit/messages.ts'
import { makeOperator, modeIs } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { pour } from './kit/pour.ts'
import { createRandom } from './kit/random.ts'
import { addTo, countArrivals, explain, noClaims, nonceOfKey, tally } from './kit/tally.ts'
import type { Claims, Counts } from './kit/tally.ts'
import { unsureAttempts } from './kit/unsure.ts'
import type { Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { startPrimary } from './peers/postfix-dovecot.ts'
import type { Primary } from './peers/postfix-dovecot.ts'
import { sleep, until } from './peers/processes.ts'

const names = ['alice', 'bob']
const people = names.map((name) => `${name}@ailing.test`)
const route = { unsureWait: 1, retryFirst: 0.5, retryMax: 1 }
const random = createRandom(1)
/** the bounds of `quick` are about five seconds for what a probe sees; what hangs after the dot is seen after ten more */
const PROBED = 12
const HANGING = 32

interface Stage {
  installation: Installation
  server: RunningHoldfast
  operator: Web
  claims: Claims
}

async function setUp(primaryPort: number): Promise<Stage> {
  const installation = createInstallation({ name: 'ailing', config: { delivery: { lease: 5 } } })
  const server = await installation.start()
  const operator = await makeOperator(server)
  await declareOrganisation(installation, {
    domain: 'ailing.test',
    people: names,
    primaryPort,
    outboundPort: primaryPort,
    sensitivity: 'quick',
    route,
  })
  return { installation, server, operator, claims: noClaims() }
}

async function tearDown(stage: Stage | undefined): Promise<void> {
  await stage?.server.stop()
  await stage?.installation.remove()
}

/** Mail goes on coming while the mode is waited for, as in life; every message gets its 250. Resolves with the seconds. */
async function declaredWhileMailComes(stage: Stage, label: string, within: number): Promise<number> {
  const { server, operator, claims } = stage
  const from = Date.now()
  const declared = new AbortController()
  const coming = (async () => {
    for (let i = 0; !declared.signal.aborted; i++) {
      const to = [people[i % people.length]!]
      const mail = makeMail({ random, nonce: `${label}-${i}`, kind: 'plain', people, to })
      await pour(() => server.ports.mx, [mail], { connections: 1, into: claims })
      await sleep(150)
    }
  })()
  try {
    await modeIs(operator, 'emergency', within)
  } finally {
    declared.abort()
    await coming
  }
  return (Date.now() - from) / 1000
}

async function mustBeHome({ operator, claims }: Stage, count: () => Promise<Counts> | Counts): Promise<void> {
  await until('all mail at home', async () => tally(await count(), claims).missing.length === 0, 30_000, 300)
  const { strangers, extra } = tally(await count(), claims)
  expect(strangers).toEqual([])
  const unsure = await unsureAttempts(operator, new Set([...extra.keys()].map(nonceOfKey)))
  expect(explain(extra, unsure, claims.unanswered).unexplained).toEqual([])
}

async function mustBeSound({ installation }: Stage): Promise<void> {
  const check = await installation.cli(['check', '--json'])
  expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
}

describe('each way to be half dead', () => {
  let stage: Stage
  let primary: StandIn
  beforeAll(async () => {
    primary = await startStandIn({ mailboxes: people })
    stage = await setUp(primary.port)
  })
  afterAll(async () => {
    await tearDown(stage)
    await primary.close()
  })

  test.each<[FaultName, number]>([
    ['hang-connect', PROBED],
    ['rcpt-4xx', PROBED],
    ['dot-452', PROBED],
    ['hang-dot', HANGING],
  ])('%s is declared within %i s, and over when it heals', async (fault, within) => {
    await primary.setFault(fault)
    const declared = await declaredWhileMailComes(stage, fault, within)
    await primary.setFault(null)
    const healed = Date.now()
    await modeIs(stage.operator, 'normal', 40)
    console.log(
      `${fault}: declared after ${declared.toFixed(1)} s, over ${((Date.now() - healed) / 1000).toFixed(1)} s after it healed`,
    )
    await mustBeHome(stage, () => countArrivals(primary.store.mailboxes()))
  })

  test('every invariant holds afterwards', () => mustBeSound(stage))
})

const skip = missing('postfix', 'dovecot', 'root')
describe.skipIf(skip)('a real Postfix that answers 451', () => {
  let stage: Stage
  let primary: Primary
  beforeAll(async () => {
    primary = await startPrimary(people)
    stage = await setUp(primary.smtpPort)
  })
  afterAll(async () => {
    await tearDown(stage)
    await primary.remove()
  })

  test('is declared, and over when it heals', async () => {
    primary.tempfail(true)
    const declared = await declaredWhileMailComes(stage, 'postfix', PROBED)
    primary.tempfail(false)
    await modeIs(stage.operator, 'normal', 40)
    console.log(`Postfix with 451: declared after ${declared.toFixed(1)} s`)
    await mustBeHome(stage, async () => {
      const found: Counts = new Map()
      for (const address of people)
        for (const held of await primary.read(address)) addTo(found, countKey(nonceOf(held.bytes) ?? '?', address))
      return found
    })
    await mustBeSound(stage)
  })
})
