/**
 * `npm run bench -- --pass-through`: one route with pass-through and one without, interleaved, before the same primary, which
 * refuses a tenth of the messages. What senders wait for the reply to the final dot, how many refusals come after our 250
 * (each is a notice, or an admin's work), and what comes twice when senders are cut off while they wait.
 */
import { sleep, until } from '../../e2e/peers/processes.ts'
import { figuresOf, percentile, ratiosOf, spreadOf, type Cell, type Spread } from '../measure.ts'
import { sendOne, type Sent } from '../sender.ts'
import { startHoldfast, type HoldfastSubject } from '../subjects/holdfast.ts'
import { REFUSE, startSlowPrimary, type SlowPrimary } from '../subjects/slow-primary.ts'
import { recipient } from '../subjects/subject.ts'

interface Scene {
  name: string
  messages: number
  sessions: number
  /** milliseconds the primary takes over a message */
  primaryMs: number
}

const SIZE = 10_240
const scenes: Scene[] = [
  { name: '20 sessions, primary at once', messages: 1000, sessions: 20, primaryMs: 0 },
  { name: '100 sessions, primary at once', messages: 1000, sessions: 100, primaryMs: 0 },
  { name: '20 sessions, primary 200 ms', messages: 500, sessions: 20, primaryMs: 200 },
  // more senders than connections to the primary: they queue for it
  { name: '100 sessions, primary 200 ms', messages: 500, sessions: 100, primaryMs: 200 },
]
const CUT = { name: 'senders cut off after 100 ms, primary 200 ms', senders: 50, cutMs: 100, primaryMs: 200 }

let made = 0
function message(isRefused: boolean): { nonce: string; text: string } {
  const nonce = `n${++made}`
  const head = `From: <sender@outside.test>\r\nSubject: bench\r\nX-Nonce: ${nonce}\r\n${isRefused ? `${REFUSE}\r\n` : ''}\r\n`
  return { nonce, text: head + `${'x'.repeat(76)}\r\n`.repeat(Math.ceil(SIZE / 78)) }
}

/** Refusals by the primary that were told in the session, and those that were not. */
async function refusals(subject: HoldfastSubject): Promise<{ all: number; passedOn: number }> {
  const text = await (await fetch(`http://127.0.0.1:${subject.running().ports.http}/metrics`)).text()
  const sum = (pattern: RegExp): number => [...text.matchAll(pattern)].reduce((n, [, value]) => n + Number(value), 0)
  return {
    all: sum(/^holdfast_delivery_attempts_total\{outcome="refused".*\} (\d+)$/gm),
    passedOn: sum(/^holdfast_pass_through_answers_total\{answer="passed-on"\} (\d+)$/gm),
  }
}

async function onLanes<T>(lanes: number, jobs: (() => Promise<T>)[]): Promise<T[]> {
  const done: T[] = []
  const lane = async (): Promise<void> => {
    for (let job = jobs.pop(); job; job = jobs.pop()) done.push(await job())
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return done
}

async function sendOnce(subject: HoldfastSubject, primary: SlowPrimary, scene: Scene): Promise<Record<string, number>> {
  primary.takes = scene.primaryMs
  const before = await refusals(subject)
  const [had, refusedHad] = [primary.taken.size, primary.refused()]
  const mails = Array.from({ length: scene.messages }, (_, i) => message(i % 10 === 0))
  const from = performance.now()
  const sent = await onLanes<Sent>(
    scene.sessions,
    mails.map(
      ({ text }) =>
        () =>
          sendOne(subject.port, recipient, text),
    ),
  )
  const took = (performance.now() - from) / 1000
  const all = scene.messages
  const here = (): boolean => primary.taken.size - had + primary.refused() - refusedHad >= all
  await until('everything is at the primary', () => Promise.resolve(here()), 60_000, 20)
  const delivered = (performance.now() - from) / 1000
  await sleep(400)
  const after = await refusals(subject)
  const waits = sent.map(({ ms }) => ms)
  return {
    deliveredPerSecond: all / delivered,
    repliedPerSecond: all / took,
    p50Ms: percentile(waits, 50),
    p99Ms: percentile(waits, 99),
    refusedInSession: sent.filter(({ code }) => code >= 500).length,
    refusedLater: after.all - before.all - (after.passedOn - before.passedOn),
  }
}

async function cutOnce(subject: HoldfastSubject, primary: SlowPrimary): Promise<Record<string, number>> {
  primary.takes = CUT.primaryMs
  const mails = Array.from({ length: CUT.senders }, () => message(false))
  await Promise.all(
    mails.map(async ({ text }) => {
      // It heard nothing, so it comes again, on a better line.
      const first = await sendOne(subject.port, recipient, text, CUT.cutMs)
      if (first.code === 0) await sendOne(subject.port, recipient, text)
    }),
  )
  await until('all are there', () => Promise.resolve(mails.every(({ nonce }) => primary.taken.has(nonce))), 60_000, 20)
  await sleep(1000)
  const times = mails.map(({ nonce }) => primary.taken.get(nonce)!)
  return { arrivedTwice: times.filter((n) => n > 1).length, arrivedOnce: times.filter((n) => n === 1).length }
}

/** A ratio to nothing is left out. */
const shown = (figure: string, { median, lowest, highest }: Spread): string[] =>
  [median, lowest, highest].every(Number.isFinite)
    ? [`${figure} ${median.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})`]
    : []

export async function comparePassThrough(rounds: number, say: (line: string) => void): Promise<void> {
  const primary = await startSlowPrimary()
  const ways = { up: primary.port, down: primary.port }
  const subjects: HoldfastSubject[] = []
  const cells: Cell[] = []
  try {
    for (const [name, enabled] of [['off', false] as const, ['on', true] as const])
      subjects.push(await startHoldfast(ways, { name, route: { passThrough: { enabled } } }))
    const all: [string, (subject: HoldfastSubject, round: number) => Promise<Record<string, number>>][] = [
      ...scenes.map((scene): (typeof all)[number] => [
        scene.name,
        (subject, round) => sendOnce(subject, primary, round === 0 ? { ...scene, messages: 100 } : scene),
      ]),
      [CUT.name, (subject) => cutOnce(subject, primary)],
    ]
    for (const [scene, run] of all)
      // Round 0 warms up.
      for (let round = 0; round <= rounds; round++)
        for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
          const figures = await run(subject, round)
          if (round > 0) cells.push({ scene, subject: subject.name, round, figures })
          await sleep(300)
        }
    for (const [scene] of all) {
      const names = Object.keys(cells.find((cell) => cell.scene === scene)!.figures)
      const line = (spread: (figure: string) => Spread): string =>
        names.flatMap((figure) => shown(figure, spread(figure))).join('  ')
      for (const { name } of subjects)
        say(`${scene}  ${name}  ${line((figure) => spreadOf(figuresOf(cells, scene, name, figure)))}`)
      // Inside a round, so that what else the machine does hits both.
      say(`${scene}  on/off  ${line((figure) => spreadOf(ratiosOf(cells, scene, figure, 'on', 'off')))}`)
    }
  } finally {
    for (const subject of subjects) await subject.stop()
    await primary.close()
  }
}
