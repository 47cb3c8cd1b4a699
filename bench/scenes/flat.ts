/**
 * The same Holdfast twice, one new and one that holds years of mail, in turns: what is asked for is that nobody notices
 * which is which. Checkpoints and vacuums of both fall into the rounds.
 */
import type pg from 'pg'
import { sleep } from '../../e2e/peers/processes.ts'
import type { Cell } from '../measure.ts'
import { cpuSeconds } from '../meter.ts'
import { connectTo, preload } from '../preload.ts'
import { addressOf, type Shape } from '../preload/shape.ts'
import { startHoldfast, type HoldfastSubject } from '../subjects/holdfast.ts'
import { createSink, type Sink } from '../subjects/sink.ts'
import { domains, personOf } from '../subjects/subject.ts'
import { force, forcedUpkeep, upkeepOf, type ForcedUpkeep } from '../upkeep.ts'
import { firstRcpt } from './first-rcpt.ts'
import { relayOnce, type RelayScene } from './relay.ts'

export interface FlatSizes {
  /** stored before the first round, and of each round */
  stored: number
  messages: number
  rounds: number
  idleSeconds: number
}

const RCPTS = 60
/** After a start: connections, first looks. */
const SETTLE_MS = 5_000

type Note = (scene: string, subject: string, round: number, figures: Record<string, number>) => void

/** Nobody asks anything: what the pollers cost, both at once. */
async function idle(subjects: readonly HoldfastSubject[], seconds: number, note: Note): Promise<void> {
  await sleep(SETTLE_MS)
  const before = subjects.map((subject) => cpuSeconds(subject.roots()))
  await sleep(seconds * 1000)
  subjects.forEach((subject, n) =>
    note('idle', subject.name, 1, {
      processorPercent: ((cpuSeconds(subject.roots()) - before[n]!) / seconds) * 100,
    }),
  )
}

async function oneRound(
  subject: HoldfastSubject,
  sink: Sink,
  scene: RelayScene,
  client: pg.Client,
  what: ForcedUpkeep,
): Promise<Record<string, number>> {
  const beside = force(client, what)
  const [figures] = await Promise.all([relayOnce(subject, sink, scene), beside])
  return figures
}

async function rounds(
  subjects: readonly [HoldfastSubject, HoldfastSubject],
  sink: Sink,
  sizes: FlatSizes,
  note: Note,
): Promise<void> {
  const clients = new Map<HoldfastSubject, pg.Client>()
  for (const subject of subjects) clients.set(subject, await connectTo(subject.installation.data))
  try {
    const before = new Map<HoldfastSubject, Awaited<ReturnType<typeof upkeepOf>>>()
    for (const [subject, client] of clients) before.set(subject, await upkeepOf(client))
    const scenes: RelayScene[] = [
      { name: 'flat-relay', title: '10 KB, 20 sessions', messages: sizes.messages, size: 10_240, sessions: 20 },
      { name: 'flat-kept', title: 'kept', messages: sizes.messages, size: 10_240, sessions: 20, stays: 'kept' },
    ]
    // Round 0 warms up and is not counted.
    for (let round = 0; round <= sizes.rounds; round++)
      for (const scene of scenes)
        for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
          const what = round === 0 ? 'none' : forcedUpkeep[round % forcedUpkeep.length]!
          const figures = await oneRound(subject, sink, scene, clients.get(subject)!, what)
          if (round > 0) note(scene.name, subject.name, round, figures)
          await sleep(300)
        }
    // The statistics are written with some delay.
    await sleep(2000)
    for (const [subject, client] of clients) {
      const now = await upkeepOf(client)
      const then = before.get(subject)!
      note('upkeep', subject.name, 1, {
        checkpoints: now.checkpoints - then.checkpoints,
        autovacuums: now.autovacuums - then.autovacuums,
      })
    }
  } finally {
    for (const client of clients.values()) await client.end()
  }
}

export async function runFlat(sizes: FlatSizes, say: (line: string) => void): Promise<{ shape: Shape; cells: Cell[] }> {
  const sink = await createSink()
  const ways = { up: sink.port, down: sink.port }
  const subjects: HoldfastSubject[] = []
  const cells: Cell[] = []
  const note: Note = (scene, subject, round, figures) => {
    cells.push({ scene, subject, round, figures })
    const text = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(2)}`)
    say(`${scene.padEnd(12)} round ${round}  ${subject.padEnd(6)} ${text.join('  ')}`)
  }
  try {
    const empty = await startHoldfast(ways, { name: 'empty' })
    subjects.push(empty)
    const full = await startHoldfast(ways, { name: 'full' })
    subjects.push(full)
    // Its database outlives it, and the next one takes it over.
    await full.running().kill()
    const shape = await preload({ data: full.installation.data, messages: sizes.stored, port: sink.port, say })
    await full.restart()
    for (const subject of subjects) note('start-up', subject.name, 1, { seconds: (await subject.restart()) / 1000 })
    await idle(subjects, sizes.idleSeconds, note)
    // Of the full one each recipient is of another domain.
    const strangers = {
      empty: Array.from({ length: RCPTS }, (_, n) => `${personOf(n)}@${domains.up}`),
      full: Array.from({ length: RCPTS }, (_, n) => addressOf(shape, Math.floor((n * shape.people) / 2 / RCPTS))),
    }
    note('first-rcpt', 'empty', 1, { milliseconds: await firstRcpt(empty.port, strangers.empty) })
    note('first-rcpt', 'full', 1, { milliseconds: await firstRcpt(full.port, strangers.full) })
    await rounds([empty, full], sink, sizes, note)
    return { shape, cells }
  } finally {
    for (const subject of subjects) await subject.stop()
    await sink.off()
  }
}
