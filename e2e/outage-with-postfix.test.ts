/** The five steps with a real Postfix and Dovecot: 500 messages at quick settings, and a smaller run at the defaults. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import { makeOperator } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { liveThroughOutage } from './kit/outage.ts'
import type { OutageReport, OutageStage } from './kit/outage.ts'
import { writeProofResult } from './kit/proof-result.ts'
import { chosenSeed, createRandom, isFullProof } from './kit/random.ts'
import { missing } from './peers/needs.ts'
import { startPrimary } from './peers/postfix-dovecot.ts'

const skip = missing('postfix', 'dovecot', 'root')
const seed = chosenSeed()
const names = ['alice', 'bob', 'carol']

async function setUp(sensitivity: 'quick' | 'balanced', route: object): Promise<OutageStage> {
  const people = names.map((name) => `${name}@corp.test`)
  const primary = await startPrimary(people)
  const sink = await startStandIn({ hostname: 'outside.test' })
  const installation = createInstallation({ name: 'outage' })
  const server = await installation.start()
  const operator = await makeOperator(server)
  const applied = await declareOrganisation(installation, {
    domain: 'corp.test',
    people: names,
    primaryPort: primary.smtpPort,
    outboundPort: sink.port,
    sensitivity,
    route,
  })
  return { installation, server, primary, sink, operator, people, random: createRandom(seed), dns: applied.json.dns }
}

async function tearDown(stage: OutageStage | undefined): Promise<void> {
  if (!stage) return
  await stage.server.stop()
  await stage.installation.remove()
  await stage.primary.remove()
  await stage.sink.close()
}

const reports: Record<string, OutageReport> = {}

describe.skipIf(skip)('an outage at quick settings', () => {
  let stage: OutageStage | undefined
  beforeAll(async () => {
    console.log(`seed ${seed}`)
    stage = await setUp('quick', { unsureWait: 3, retryFirst: 1, retryMax: 5 })
  })
  afterAll(() => tearDown(stage))

  const many = isFullProof ? 10 : 1
  test(`${500 * many} messages: all home once, none missing, what was deleted is not`, async () => {
    const report = await liveThroughOutage(
      stage!,
      {
        before: 150 * many,
        during: 350 * many,
        big: true,
        declaredWithin: 20,
        recoveredWithin: 60 * many,
        killDuringReturn: true,
      },
      'q',
    )
    reports.quick = report
    console.log(`quick: ${JSON.stringify(report)}`)
  })

  test('every invariant holds afterwards', async () => {
    const check = await stage!.installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})

describe.skipIf(skip)('an outage at default settings', () => {
  let stage: OutageStage | undefined
  beforeAll(async () => {
    stage = await setUp('balanced', {})
  })
  afterAll(() => tearDown(stage))

  test('declared and over within twice the promised minute', async () => {
    const report = await liveThroughOutage(
      stage!,
      { before: 10, during: 40, big: false, declaredWithin: 120, recoveredWithin: 120, killDuringReturn: false },
      'd',
    )
    reports.default = report
    console.log(`default: ${JSON.stringify(report)}`)
    writeProofResult({ seed, sizes: { quick: isFullProof ? 5000 : 500, default: 50 }, reports })
  })
})
