/**
 * One round of the kill proof: mail pours in from an independent sender, a victim drawn by the seed is killed with
 * SIGKILL at a moment drawn by the seed, everything is started again, the sender goes on until every message has its
 * 250. Then each accepted nonce must be at the primary once per recipient, and nowhere else. A further arrival is counted
 * apart and needs a reason of its own: an attempt that ended `unsure` (the trace says so), or a try that the sender got
 * no final reply to.
 */
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StandIn } from '../../server/testkit/stand-in/stand-in.ts'
import { familyOf, isAlive, sleep, until } from '../peers/processes.ts'
import type { Installation, RunningHoldfast } from './holdfast.ts'
import { readJournal } from './journal.ts'
import type { Journal } from './journal.ts'
import { countKey } from './messages.ts'
import type { Random } from './random.ts'
import { countArrivals, explain, nonceOfKey, tally } from './tally.ts'
import type { Claims, Counts } from './tally.ts'
import { look } from './witness.ts'
import type { Moment } from './witness.ts'

/** A process of ours by the role it is known by: `server` has them all. */
export const together = ['server'] as const
export const apart = ['work', 'deliver', 'mx'] as const
export type Part = (typeof together)[number] | (typeof apart)[number]
export type Victim = Part | 'postmaster' | 'backend' | 'all'
export const victimsOf = (parts: readonly Part[]): Victim[] => [...parts, 'postmaster', 'backend', 'all']

export interface Process {
  part: Part
  running: RunningHoldfast
}

/** What all rounds on one installation know of each other: a late arrival of an earlier round is seen in a later one. */
export interface Book {
  claims: Claims
  /** extra arrivals that an earlier round has explained */
  explained: Counts
}

export interface RoundReport {
  round: number
  victim: Victim
  /** of a backend: what it served */
  serving: string | null
  deliveriesAtKill: Record<string, number>
  killedAfter: number
  attempts: number
  accepted: number
  /** step of the session -> transactions that broke there */
  brokenAt: Record<string, number>
  lost: string[]
  strangers: string[]
  /** further arrivals with an `unsure` attempt each */
  unsureTwice: number
  /** further arrivals with a try each that the sender saw no reply to */
  unansweredTwice: number
  unexplainedTwice: string[]
  seconds: number
}

export interface RoundOptions {
  installation: Installation
  primary: StandIn
  book: Book
  random: Random
  round: number
  people: readonly string[]
  messages: number
  processes: readonly Process[]
  start(part: Part): Promise<RunningHoldfast>
  /** attempts that ended unsure, by nonce and recipient, as the processes that run now tell */
  unsureOf(nonces: ReadonlySet<string>, processes: readonly Process[]): Promise<Counts>
  victim?: Victim
}

interface Message {
  nonce: string
  from: string
  to: string[]
  size: number
  messageId: string | null
  pause: number
}

/** Mail with missing, empty and repeated Message-IDs, mostly small, some above each size class. */
function makeMessages({ random, people, messages, round }: RoundOptions): Message[] {
  return Array.from({ length: messages }, (_, index) => {
    const nonce = `k${random.seed}-${round}-${index}`
    const id = [`<${nonce}@proof.outside.test>`, null, '', '<always-the-same@proof.outside.test>'][index % 4]!
    const size = index % 150 === 7 ? 300_000 : index % 40 === 3 ? 90_000 : 200 + random.below(6000)
    const first = random.below(people.length)
    const to = Array.from({ length: index % 9 === 0 ? 2 : 1 }, (_one, i) => people[(first + i) % people.length]!)
    return {
      nonce,
      from: 'proof@outside.test',
      to,
      size,
      messageId: id,
      pause: index % 10 === 5 ? random.below(40) : 0,
    }
  })
}

const mxPort = (processes: readonly Process[]): number =>
  processes.find(({ running }) => 'mx' in running.ports)!.running.ports.mx

const killNow = (pids: readonly number[]): void => {
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone already
    }
}

/** A client's backend; every second time, by the seed, the one whose commits are answered with 250. */
function drawBackend(random: Random, { backends }: Moment): { pid: number; serving: string } {
  const all = [...backends].map(([pid, serving]) => ({ pid, serving })).sort((a, b) => a.pid - b.pid)
  const accept = all.filter(({ serving }) => serving === 'accept')
  return random.pick(random.next() < 0.5 && accept.length > 0 ? accept : all)
}

interface Kill {
  pids: number[]
  serving: string | null
}

function drawKill(victim: Victim, options: RoundOptions, postmaster: number | null, moment: Moment): Kill {
  const { processes, random } = options
  const whole = (pids: number[]): Kill => ({ pids, serving: null })
  const part = processes.find((one) => one.part === victim)
  if (part) return whole([part.running.pid])
  if (victim === 'backend') {
    const { pid, serving } = drawBackend(random, moment)
    return { pids: [pid], serving }
  }
  if (postmaster === null) throw new Error('there is no postmaster to kill')
  if (victim === 'postmaster') return whole([postmaster])
  return whole([...processes.map(({ running }) => running.pid), ...familyOf(postmaster).reverse()])
}

/** The sender's work, the kill in the middle of it, and everything started again. */
async function pourAndKill(
  options: RoundOptions,
  victim: Victim,
  messages: readonly Message[],
): Promise<{ journal: Journal; processes: Process[]; kill: Kill; moment: Moment; killedAfter: number }> {
  const { installation, random, round } = options
  const portFile = join(installation.data, 'sender.port')
  const messagesFile = join(installation.data, `sender-${round}.jsonl`)
  const journalFile = join(installation.data, `sender-${round}.journal`)
  const journal = (): Journal => readJournal(existsSync(journalFile) ? readFileSync(journalFile, 'utf8') : '')
  writeFileSync(portFile, String(mxPort(options.processes)))
  writeFileSync(messagesFile, messages.map((one) => JSON.stringify(one)).join('\n'))
  const sender = spawn(
    process.execPath,
    [join(import.meta.dirname, 'sender.mjs'), portFile, messagesFile, journalFile, '12', '120'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const sent = new Promise((resolve) => sender.once('close', resolve))

  // the moment: after a drawn number of 250s and a few milliseconds, so that it falls anywhere in the steps
  const killAfter = Math.floor(messages.length * (0.05 + 0.85 * random.next()))
  const extra = random.below(25)
  await until(`${killAfter} accepted`, () => journal().accepted.size >= killAfter, 60_000, 5)
  await sleep(extra)
  const moment = await look(installation.data, installation.env.DATABASE_URL)
  const kill = drawKill(victim, options, installation.postmaster(), moment)
  killNow(kill.pids)
  const killedAfter = journal().accepted.size

  const processes = [...options.processes]
  // On a busy machine a killed process needs a moment to be gone; one that seems alive would not be started again.
  await until('the killed processes are gone', () => kill.pids.every((pid) => !isAlive(pid)), 20_000, 20)
  for (const [index, { part, running }] of processes.entries())
    if (!isAlive(running.pid)) processes[index] = { part, running: await options.start(part) }
  // before the sender learns the new port: nothing it was told until here is known to the new process
  if (mxPort(processes) !== mxPort(options.processes)) appendFileSync(journalFile, 'K mx\n')
  writeFileSync(portFile, String(mxPort(processes)))
  await sent
  return { journal: journal(), processes, kill, moment, killedAfter }
}

export async function runRound(options: RoundOptions): Promise<{ report: RoundReport; processes: Process[] }> {
  const from = Date.now()
  const { primary, random, round, book } = options
  const victim = options.victim ?? random.pick(victimsOf(options.processes.map(({ part }) => part)))
  const messages = makeMessages(options)
  const { journal, processes, kill, moment, killedAfter } = await pourAndKill(options, victim, messages)

  for (const { nonce, to } of messages)
    for (const one of to) book.claims.due.set(countKey(nonce, one), journal.accepted.get(nonce) ?? 0)
  for (const [nonce, tries] of journal.unanswered) book.claims.unanswered.set(nonce, tries)
  // what was being sent at the kill waits for its lease to end
  const now = (): ReturnType<typeof tally> => tally(countArrivals(primary.store.mailboxes()), book.claims)
  await until('everything accepted is at the primary', () => now().missing.length === 0, 60_000, 200).catch(
    () => undefined,
  )
  await sleep(300)
  const { missing: lost, strangers, twice } = await settle({ ...options, processes })
  const report: RoundReport = {
    round,
    victim,
    serving: kill.serving,
    deliveriesAtKill: moment.deliveries,
    killedAfter,
    attempts: journal.attempts,
    accepted: journal.accepted.size,
    brokenAt: journal.brokenAt,
    lost,
    strangers,
    unsureTwice: twice.byUnsure,
    unansweredTwice: twice.byUnanswered,
    unexplainedTwice: twice.unexplained,
    seconds: (Date.now() - from) / 1000,
  }
  return { report, processes }
}

/** Everything at the primary now against everything that may be there, of this round and those before it. */
export async function settle({
  primary,
  book,
  processes,
  unsureOf,
}: Pick<RoundOptions, 'primary' | 'book' | 'processes' | 'unsureOf'>): Promise<
  Omit<ReturnType<typeof tally>, 'extra'> & { twice: ReturnType<typeof explain> }
> {
  const { missing, strangers, extra } = tally(countArrivals(primary.store.mailboxes()), book.claims)
  const fresh: Counts = new Map([...extra].filter(([key, count]) => count > (book.explained.get(key) ?? 0)))
  const unsure =
    fresh.size > 0 ? await unsureOf(new Set([...fresh.keys()].map(nonceOfKey)), processes) : new Map<string, number>()
  for (const [key, count] of fresh) book.explained.set(key, count)
  return { missing, strangers, twice: explain(fresh, unsure, book.claims.unanswered) }
}

/** The steps at which transactions broke, over all rounds. */
export function brokenSteps(reports: readonly RoundReport[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const { brokenAt } of reports)
    for (const [step, count] of Object.entries(brokenAt)) sum[step] = (sum[step] ?? 0) + count
  return sum
}

/** The same as bars. */
export function histogram(reports: readonly RoundReport[]): string {
  const sum = brokenSteps(reports)
  const most = Math.max(1, ...Object.values(sum))
  return ['mail', 'rcpt', 'data', 'body', 'dot']
    .map(
      (step) =>
        `${step.padEnd(9)} ${String(sum[step] ?? 0).padStart(5)} ${'#'.repeat(Math.round(((sum[step] ?? 0) / most) * 40))}`,
    )
    .join('\n')
}
