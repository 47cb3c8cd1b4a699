/**
 * The real listeners of a real process under fire, in every named state of a session (kit/fuzz/states.ts): a few seconds in CI,
 * for as long as is asked by `npm run proof -- fuzz --seconds N`. Wrong is: an exception that escapes, a process that ends, a
 * session that does not, memory that grows, an answer that is no reply, mail of somebody who has not signed in.
 * HOLDFAST_FUZZ_ONLY=N with the seed of a failure repeats execution N alone.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { fuzz, repeat } from './kit/fuzz/fuzzer.ts'
import type { Failure, Tally } from './kit/fuzz/fuzzer.ts'
import { OWN_SYSTEM, PROXY, states } from './kit/fuzz/states.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { writeProofResult } from './kit/proof-result.ts'
import { chosenSeed, isFullProof } from './kit/random.ts'
import { sleep, until } from './peers/processes.ts'

const seed = chosenSeed()
const seconds = isFullProof ? Number(process.env.HOLDFAST_PROOF_SECONDS ?? 1800) : 6
const only = process.env.HOLDFAST_FUZZ_ONLY
const LANES = 8
/** Of the time, until what the process keeps for good is there. */
const WARM_UP = 0.25
const MOST_GROWTH_MB = 64
const MOST_MB = 400
/** Below that the process is still warming up. */
const isLong = seconds >= 600
/** What a neighbour may wait for its message: the machine is busy with all this. */
const NEIGHBOUR_MS = 10_000
const LOOK_MS = 1000

let installation: Installation
let server: RunningHoldfast
let primary: StandIn
let sink: StandIn
beforeAll(async () => {
  primary = await startStandIn()
  sink = await startStandIn()
  installation = createInstallation({
    name: 'fuzz',
    config: {
      log: { level: 'error' },
      smtp: {
        proxies: [PROXY],
        errors: 30,
        commands: 60,
        recipients: 5,
        messageBytes: 5000,
        headerBytes: 2000,
        connections: 2000,
        connectionsPerAddress: 2000,
      },
    },
  })
  server = await installation.start()
  await declareOrganisation(installation, {
    domain: 'fuzz.test',
    people: ['alice', 'bob'],
    primaryPort: primary.port,
    outboundPort: sink.port,
    probe: false,
    organisation: { outboundSources: [{ networks: [OWN_SYSTEM] }] },
  })
})
afterAll(async () => {
  await server.stop()
  await installation.remove()
  await primary.close()
  await sink.close()
})

const megabytes = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1]) / 1024
const median = (list: number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0
const errors = (): string[] =>
  server
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'))
async function openSessions(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.ports.http}/metrics`)).text()
  return [...text.matchAll(/^holdfast_smtp_sessions\{[^}]*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
}

/** What only shows on the whole process, once a second; `end` gives the judgement. */
function watch(): {
  tick(): Promise<void>
  goesOn(): boolean
  end(): { memory: object; failures: Failure[]; reached: number; slowestMs: number }
} {
  const began = Date.now()
  const samples: { at: number; mb: number }[] = []
  const failures: Failure[] = []
  let reached = 0
  let slowestMs = 0
  const wrong = (what: string): void => void failures.push({ state: 'the process', execution: -1, what })
  let isGone = false
  void server.ended.then(() => (isGone = true))
  return {
    goesOn: () => !isGone && failures.length === 0 && Date.now() - began < seconds * 1000,
    async tick() {
      samples.push({ at: Date.now() - began, mb: megabytes() })
      const found = errors()
      if (found.length > 0) wrong(found.slice(0, 3).join('\n'))
      // a neighbour is served all the while
      const asked = Date.now()
      const sent = await sendMail(
        server.ports.mx,
        { from: 'n@outside.test', to: ['bob@fuzz.test'] },
        'A: b\r\n\r\nx\r\n',
      )
      if (sent.final?.code !== 250) wrong(`the neighbour was answered ${JSON.stringify(sent)}`)
      slowestMs = Math.max(slowestMs, Date.now() - asked)
      if (slowestMs > NEIGHBOUR_MS) wrong(`the neighbour waited ${slowestMs} ms`)
      // whoever writes to the world has signed in, or is an own system
      const strangers = sink.store.all().filter((mail) => !/^(?:alice@fuzz\.test|)$/.test(mail.envelopeFrom))
      const foreign = strangers.filter((mail) => !mail.bytes.includes(`[${OWN_SYSTEM}]`))
      if (foreign.length > 0)
        wrong(`from ${foreign[0]!.envelopeFrom} to the world: ${foreign[0]!.bytes.toString('latin1').slice(0, 500)}`)
      reached += primary.store.all().length + sink.store.all().length
      primary.store.clear()
      sink.store.clear()
    },
    end() {
      if (isGone) wrong(`the process has ended: ${server.log().slice(-2000)}`)
      const length = samples.at(-1)?.at ?? 0
      const part = (from: number, to: number): number =>
        median(samples.filter(({ at }) => at >= from * length && at <= to * length).map(({ mb }) => mb))
      const afterWarmUpMb = part(WARM_UP, WARM_UP + 0.15)
      const atEndMb = part(0.85, 1)
      if (isLong && atEndMb - afterWarmUpMb > MOST_GROWTH_MB)
        wrong(`memory grew from ${afterWarmUpMb.toFixed(0)} to ${atEndMb.toFixed(0)} MB`)
      const mostMb = Math.max(...samples.map(({ mb }) => mb))
      if (mostMb > MOST_MB) wrong(`the process had ${mostMb.toFixed(0)} MB`)
      const memory = { ...(isLong ? { afterWarmUpMb, atEndMb } : {}), mostMb }
      return { memory, failures, reached, slowestMs }
    },
  }
}

/** All of it, or the one execution that is asked for. */
if (only === undefined)
  test(`${Object.keys(states).length} states, ${seconds} seconds, seed ${seed}`, async () => {
    const watched = watch()
    const over = { now: false }
    const looking = (async () => {
      while (!over.now) {
        await watched.tick()
        await sleep(LOOK_MS)
      }
    })()
    const tally: Tally = await fuzz({ seed, lanes: LANES, ports: () => server.ports, goesOn: () => watched.goesOn() })
    over.now = true
    await looking
    await until('every session to end', async () => (await openSessions()) === 0, 60_000, 200)
    const { failures, ...seen } = watched.end()
    const check = await installation.cli(['check', '--json'])
    const all = [...tally.failures, ...failures]
    if (check.code !== 0) all.push({ state: 'holdfast check', execution: -1, what: check.stdout.slice(-4000) })
    const { executions, byState } = tally
    const result = {
      seed,
      sizes: { seconds, states: Object.keys(states).length },
      executions,
      byState,
      ...seen,
      failures: all,
    }
    console.log(JSON.stringify(result, null, 2))
    writeProofResult(result)
    expect(all).toEqual([])
    expect(Object.values(byState).every((count) => count > 0)).toBe(true)
    // some of it was good mail all the same
    expect(seen.reached).toBeGreaterThan(0)
  })
else
  test(`execution ${only} of seed ${seed} alone`, async () => {
    await repeat(seed, Number(only), server.ports)
    expect(errors()).toEqual([])
  })
