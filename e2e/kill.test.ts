/**
 * The kill proof: whatever process dies at whatever instant, nothing that got a 250 is lost and nothing arrives twice
 * without a reason on record. Ten rounds here, 200 with `npm run proof -- kill`; one round on PostgreSQL 15.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { apart, brokenSteps, histogram, runRound, settle, together, victimsOf } from './kit/kill-round.ts'
import type { Book, Part, Process, RoundReport } from './kit/kill-round.ts'
import { makeOperator, signInOperator } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { writeProofResult } from './kit/proof-result.ts'
import { chosenSeed, createRandom, isFullProof } from './kit/random.ts'
import { noClaims } from './kit/tally.ts'
import type { Counts } from './kit/tally.ts'
import { unsureAttempts } from './kit/unsure.ts'
import { missing } from './peers/needs.ts'
import { startPostgres15 } from './peers/postgres-15.ts'
import type { Postgres15 } from './peers/postgres-15.ts'

const people = ['alice', 'bob', 'carol', 'dora', 'emil']
const addresses = people.map((name) => `${name}@proof.test`)
const rounds = Number(process.env.HOLDFAST_PROOF_ROUNDS ?? (isFullProof ? 200 : 10))
const messages = 1050
const seed = chosenSeed()
/** small leases and waits, so that a round does not take a minute; the blob store gets its share of the mail */
const config = {
  storage: { blobBytes: 200_000 },
  delivery: { lease: 3 },
  smtp: { connectionsPerAddress: 200 },
  log: { level: 'warn' },
}
const route = { unsureWait: 1, retryFirst: 0.5, retryMax: 2 }

/** The one with `work` holds the database's folder. */
const rolesOf: Record<Exclude<Part, 'server'>, string[]> = {
  work: ['work', 'access', 'web', 'submission'],
  deliver: ['deliver'],
  mx: ['mx'],
}

interface Stage {
  installation: Installation
  primary: StandIn
  sink: StandIn
  processes: Process[]
  book: Book
}

const start = (installation: Installation, part: Part): Promise<RunningHoldfast> =>
  installation.start(part === 'server' ? {} : { roles: rolesOf[part] })

async function unsureOf(nonces: ReadonlySet<string>, processes: readonly Process[]): Promise<Counts> {
  const { running } = processes.find((one) => 'http' in one.running.ports)!
  return unsureAttempts(await signInOperator(running), nonces)
}

async function setUp(env: NodeJS.ProcessEnv = {}): Promise<Stage> {
  const primary = await startStandIn({ mailboxes: addresses })
  const sink = await startStandIn()
  const installation = createInstallation({ name: 'kill', config, env })
  const processes: Process[] = [{ part: 'server', running: await start(installation, 'server') }]
  await makeOperator(processes[0]!.running)
  await declareOrganisation(installation, {
    domain: 'proof.test',
    people,
    primaryPort: primary.port,
    outboundPort: sink.port,
    sensitivity: 'patient',
    probe: false,
    route,
  })
  return { installation, primary, sink, processes, book: { claims: noClaims(), explained: new Map() } }
}

async function tearDown(stage: Stage | undefined): Promise<void> {
  if (!stage) return
  for (const { running } of stage.processes) await running.stop()
  await stage.installation.remove()
  await stage.primary.close()
  await stage.sink.close()
}

const say = (report: RoundReport): void =>
  console.log(
    `round ${report.round} ${report.victim}${report.serving ? ` (${report.serving})` : ''} killed after ${report.killedAfter} of ${report.accepted} accepted, ${report.attempts} attempts; ` +
      `open deliveries ${JSON.stringify(report.deliveriesAtKill)}; lost ${report.lost.length}, strange ${report.strangers.length}, ` +
      `again: ${report.unsureTwice} unsure, ${report.unansweredTwice} unanswered, ${report.unexplainedTwice.length} unexplained (${report.seconds.toFixed(1)} s)`,
  )

function mustHold(report: RoundReport): void {
  expect(report.accepted).toBeGreaterThanOrEqual(1000)
  expect(report.lost).toEqual([])
  expect(report.strangers).toEqual([])
  expect(report.unexplainedTwice).toEqual([])
}

describe('nothing accepted is lost, whoever dies', () => {
  let stage: Stage
  const reports: RoundReport[] = []
  const random = createRandom(seed)
  beforeAll(async () => {
    console.log(`seed ${seed} (HOLDFAST_PROOF_SEED=${seed} repeats it)`)
    stage = await setUp()
  })
  afterAll(async () => {
    await tearDown(stage)
  })

  /** Every victim has its turn in the first rounds of a part; then the seed draws. */
  const once = async (round: number, turn: number, parts: readonly Part[]): Promise<void> => {
    const [victim] = victimsOf(parts).slice(turn)
    const { report, processes } = await runRound({
      ...stage,
      unsureOf,
      ...(victim ? { victim } : {}),
      random,
      round,
      people: addresses,
      messages,
      start: (part) => start(stage.installation, part),
    })
    stage.processes = processes
    reports.push(report)
    say(report)
    mustHold(report)
  }

  const share = victimsOf(together).length / (victimsOf(together).length + victimsOf(apart).length)
  const first = Math.round(rounds * share)
  test.each(Array.from({ length: first }, (_, turn) => turn))('round %i, all roles in one process', (turn) =>
    once(turn, turn, together),
  )

  test.each(Array.from({ length: rounds - first }, (_, turn) => [first + turn, turn]))(
    'round %i, roles apart (%i)',
    async (round, turn) => {
      if (turn === 0) {
        await stage.processes[0]!.running.stop()
        stage.processes = []
        for (const part of apart) stage.processes.push({ part, running: await start(stage.installation, part) })
      }
      await once(round, turn, apart)
    },
  )

  test('nothing came late', async () => {
    const { missing, strangers, twice } = await settle({ ...stage, unsureOf })
    expect({ missing, strangers, unexplained: twice.unexplained }).toEqual({
      missing: [],
      strangers: [],
      unexplained: [],
    })
  })

  test('the kills fell on several steps', () => {
    console.log(`transactions broke at:\n${histogram(reports)}`)
    expect(Object.keys(brokenSteps(reports)).length).toBeGreaterThanOrEqual(Math.min(3, reports.length))
  })

  test('every invariant holds afterwards', async () => {
    const check = await stage.installation.cli(['check', '--json'])
    expect(check.stdout + check.stderr).toBeTruthy()
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
    const sum = (key: 'accepted' | 'attempts' | 'unsureTwice' | 'unansweredTwice'): number =>
      reports.reduce((total, report) => total + report[key], 0)
    writeProofResult({
      seed,
      sizes: { rounds: reports.length, messagesPerRound: messages },
      accepted: sum('accepted'),
      attempts: sum('attempts'),
      lost: reports.reduce((total, report) => total + report.lost.length, 0),
      twiceUnsure: sum('unsureTwice'),
      twiceUnanswered: sum('unansweredTwice'),
      victims: Object.fromEntries(
        [...together, ...victimsOf(apart)].map((name) => [
          name,
          reports.filter((report) => report.victim === name).length,
        ]),
      ),
      histogram: histogram(reports).split('\n'),
    })
  })
})

const skip = missing('postgresql-15')
describe.skipIf(skip)('the same on PostgreSQL 15', () => {
  let postgres: Postgres15 | undefined
  let stage: Stage
  beforeAll(async () => {
    postgres = await startPostgres15()
    stage = await setUp({ DATABASE_URL: postgres.url })
  })
  afterAll(async () => {
    await tearDown(stage)
    await postgres?.remove()
  })

  test('one round', async () => {
    const { report, processes } = await runRound({
      ...stage,
      unsureOf,
      random: createRandom(seed + 1),
      round: 1,
      people: addresses,
      messages,
      victim: 'server',
      start: (part) => start(stage.installation, part),
    })
    stage.processes = processes
    say(report)
    mustHold(report)
    const check = await stage.installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
