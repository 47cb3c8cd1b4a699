/**
 * Holdfast beside Postfix and Haraka: all three stay up for the whole run and take turns inside each round of each scene,
 * and who goes first changes. Ratios are taken inside a round and given as median with their spread.
 */
import { cpus, totalmem } from 'node:os'
import { sleep } from '../e2e/peers/processes.ts'
import type { Cell } from './measure.ts'
import { outageOnce } from './scenes/outage.ts'
import { relayOnce, type RelayScene } from './scenes/relay.ts'
import type { Sizes } from './sizes.ts'
import { startHaraka } from './subjects/haraka.ts'
import { startHoldfast } from './subjects/holdfast.ts'
import { startPostfix } from './subjects/postfix.ts'
import { createSink } from './subjects/sink.ts'
import type { Subject, Ways } from './subjects/subject.ts'

export interface BenchResult {
  machine: object
  sizes: Sizes
  cells: Cell[]
}

export interface Wish {
  sizes: Sizes
  /** only scenes whose name has this in it */
  only?: string
  say?: (line: string) => void
}

export const machine = (): object => ({
  cpus: cpus().length,
  cpu: cpus()[0]?.model ?? '',
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
})

const round2 = (value: number): string => (value < 100 ? value.toFixed(2) : value.toFixed(0))

export async function runBench({ sizes, only = '', say = () => undefined }: Wish): Promise<BenchResult> {
  const up = await createSink()
  const down = await createSink()
  const ways: Ways = { up: up.port, down: down.port }
  const subjects: Subject[] = []
  const cells: Cell[] = []
  const note = (scene: string, subject: string, round: number, figures: Record<string, number>): void => {
    cells.push({ scene, subject, round, figures })
    const text = Object.entries(figures).map(([name, value]) => `${name} ${round2(value)}`)
    say(`${scene.padEnd(14)} round ${round}  ${subject.padEnd(9)} ${text.join('  ')}`)
  }
  /** who goes first changes every round */
  const order = (round: number): Subject[] => {
    const shift = round % subjects.length
    return [...subjects.slice(shift), ...subjects.slice(0, shift)]
  }
  try {
    subjects.push(await startPostfix(ways))
    subjects.push(await startHaraka(ways))
    const holdfast = await startHoldfast(ways, { gone: sizes.relay.some(({ stays }) => stays === 'gone') })
    subjects.push(holdfast)
    const inTurns = async (scene: RelayScene): Promise<void> => {
      for (let round = 0; round <= sizes.rounds; round++)
        for (const subject of order(round)) {
          // Haraka has no place where mail is kept without being tried.
          if (scene.stays === 'kept' && subject.name === 'haraka') continue
          // Round 0 warms up and is not counted: first connections, prepared statements, compiled code, new files.
          const figures = await relayOnce(subject, up, scene)
          if (round > 0) note(scene.name, subject.name, round, figures)
          await sleep(300)
        }
    }
    const wanted = sizes.relay.filter(({ name }) => name.includes(only))
    for (const scene of wanted.filter(({ stays }) => !stays)) await inTurns(scene)
    if ('outage'.includes(only))
      for (let round = 1; round <= sizes.outage.rounds; round++)
        for (const subject of order(round)) {
          const knows = async (): Promise<boolean> =>
            subject !== holdfast || (await holdfast.modeOf('down')) === 'emergency'
          note('outage', subject.name, round, await outageOnce(subject, down, sizes.outage, knows))
          if (subject === holdfast) await sleep(1000)
        }
    // Last: what stays would be tried again with each flush.
    for (const scene of wanted.filter(({ stays }) => stays)) await inTurns(scene)
  } finally {
    for (const subject of subjects) await subject.stop()
    await up.off()
    await down.off()
  }
  return { machine: machine(), sizes, cells }
}
