/**
 * `npm run bench -- --fairness | --overload | --memory | --authentication | --judging | --people`: what Holdfast does at its limits. Each gives
 * its figures, round by round; whoever is compared takes turns inside a round.
 */
import { sleep } from '../e2e/peers/processes.ts'
import { buildWithDoor } from './authentication/build.ts'
import { signedLetter } from './authentication/signed.ts'
import { authenticationOnce, forms, verificationMs, type AuthenticationScene } from './scenes/authentication.ts'
import { fairnessOnce, type FairnessFigures, type FairnessScene } from './scenes/fairness.ts'
import { floodOnce, type FloodFigures, type FloodScene } from './scenes/flood.ts'
import { judgingOnce, type JudgingScene } from './scenes/judging.ts'
import { memoryOnce, type MemoryScene } from './scenes/memory.ts'
import { overloadOnce, type OverloadScene } from './scenes/overload.ts'
import { peopleOnce, type PeopleScene } from './scenes/people.ts'
import { startHoldfast, type HoldfastSubject } from './subjects/holdfast.ts'
import { createSink, type Sink } from './subjects/sink.ts'

export type Note = (scene: string, subject: string, round: number, figures: Record<string, number>) => void

const turns = <T>(list: readonly T[], round: number): readonly T[] => (round % 2 === 0 ? list : [...list].reverse())

async function withSink<T>(work: (sink: Sink) => Promise<T>): Promise<T> {
  const sink = await createSink()
  try {
    return await work(sink)
  } finally {
    await sink.off()
  }
}

export interface FairnessResult {
  bursts: Record<string, FairnessFigures[]>
  flood: FloodFigures
}

export async function runFairness(
  scenes: readonly FairnessScene[],
  flood: FloodScene,
  rounds: number,
  say: (line: string) => void,
): Promise<FairnessResult> {
  const bursts: FairnessResult['bursts'] = {}
  for (let round = 1; round <= rounds; round++)
    for (const scene of turns(scenes, round)) {
      const figures = await fairnessOnce(scene)
      ;(bursts[scene.name] ??= []).push(figures)
      say(`${scene.name} round ${round} ${JSON.stringify(figures)}`)
    }
  const flooded = await floodOnce(flood)
  say(`flood ${JSON.stringify(flooded)}`)
  return { bursts, flood: flooded }
}

export const runOverload = (scene: OverloadScene, rounds: number, note: Note): Promise<void> =>
  withSink(async (sink) => {
    const smtp = { connections: scene.connections, connectionsPerAddress: scene.connections * scene.times }
    const subject = await startHoldfast({ up: sink.port, down: sink.port }, { config: { smtp } })
    try {
      for (let round = 0; round <= rounds; round++)
        for (const times of turns([1, scene.times], round)) {
          const figures = await overloadOnce(subject, sink, scene, times)
          if (round > 0) note('overload', `${times}x`, round, figures)
          await sleep(500)
        }
    } finally {
      await subject.stop()
    }
  })

/** A fresh server for each: what one message left behind is not the next one's. */
export const runMemory = (scenes: readonly MemoryScene[], rounds: number, note: Note): Promise<void> =>
  withSink(async (sink) => {
    for (let round = 1; round <= rounds; round++)
      for (const scene of turns(scenes, round)) {
        const subject = await startHoldfast({ up: sink.port, down: sink.port })
        try {
          note('memory', scene.name, round, await memoryOnce(subject, sink, scene))
        } finally {
          await subject.stop()
        }
      }
  })

export const runAuthentication = (scene: AuthenticationScene, rounds: number, note: Note): Promise<void> =>
  withSink(async (sink) => {
    const letter = await signedLetter(scene.size)
    note('verification', 'ms a message', 1, await verificationMs(letter, 500))
    const program = await buildWithDoor()
    const subjects: HoldfastSubject[] = []
    try {
      for (const name of forms) {
        const env = { BENCH_AUTHENTICATION: name, BENCH_DNS: JSON.stringify(letter.dns) }
        subjects.push(await startHoldfast({ up: sink.port, down: sink.port }, { name, program, env }))
      }
      for (let round = 0; round <= rounds; round++)
        for (const subject of turns(subjects, round)) {
          const figures = await authenticationOnce(subject, sink, scene, letter.bytes)
          if (round > 0) note('authentication', subject.name, round, figures)
          await sleep(300)
        }
    } finally {
      for (const subject of subjects) await subject.stop()
    }
  })

export async function runJudging(scene: JudgingScene, rounds: number, note: Note): Promise<void> {
  for (let round = 1; round <= rounds; round++)
    note('judging', `${scene.routes} routes`, round, await judgingOnce(scene))
}

export async function runPeople(scene: PeopleScene, rounds: number, note: Note): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    const { holdfast, postfix } = await peopleOnce(scene)
    note('people', `${scene.people} people`, round, holdfast)
    note('people', 'postfix', round, postfix)
    for (const figure of ['anybodyPerSecond', 'fewPerSecond'] as const)
      note('people', `by Postfix: ${figure}`, round, { ratio: holdfast[figure]! / postfix[figure]! })
  }
}
