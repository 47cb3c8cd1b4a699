/**
 * `npm run bench -- --compare '{"batch 4":{"accept":{"batchMessages":4}},"as it is":{}}' --only SCENE`: settings of Holdfast beside
 * each other, interleaved; an installation each. A variant may name another build of the program (`program`), and settings of
 * the primary's route (`route`).
 */
import { sleep } from '../e2e/peers/processes.ts'
import { figuresOf, ratiosOf, spreadOf, type Cell } from './measure.ts'
import { relayOnce, type RelayScene } from './scenes/relay.ts'
import { startHoldfast, type HoldfastSubject } from './subjects/holdfast.ts'
import { createSink } from './subjects/sink.ts'

export async function compare(
  variants: Record<string, { program?: string; route?: object; env?: NodeJS.ProcessEnv } & Record<string, unknown>>,
  scene: RelayScene,
  rounds: number,
): Promise<string> {
  const sink = await createSink()
  const subjects: HoldfastSubject[] = []
  const cells: Cell[] = []
  try {
    for (const [name, { program, route, env, ...config }] of Object.entries(variants))
      subjects.push(
        await startHoldfast(
          { up: sink.port, down: sink.port },
          {
            name,
            config,
            ...(program === undefined ? {} : { program }),
            ...(route === undefined ? {} : { route }),
            ...(env === undefined ? {} : { env }),
          },
        ),
      )
    for (let round = 0; round <= rounds; round++)
      for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
        const figures = await relayOnce(subject, sink, scene)
        if (round > 0) cells.push({ scene: scene.name, subject: subject.name, round, figures })
        await sleep(300)
      }
  } finally {
    for (const subject of subjects) await subject.stop()
    await sink.off()
  }
  const names = Object.keys(cells[0]!.figures)
  const text = (subject: string, figure: string): string => {
    const { median, lowest, highest } = spreadOf(figuresOf(cells, scene.name, subject, figure))
    const digits = median < 10 ? 2 : 0
    // to the first of them, inside each round: what else the machine does hits both
    const ratio = spreadOf(ratiosOf(cells, scene.name, figure, subject, subjects[0]!.name))
    const parts = [ratio.median, ratio.lowest, ratio.highest].map((value) => value.toFixed(2))
    return `${figure} ${median.toFixed(digits)} (${lowest.toFixed(digits)}-${highest.toFixed(digits)}) x${parts[0]} (${parts[1]}-${parts[2]})`
  }
  return subjects
    .map(({ name }) => `${name.padEnd(24)} ${names.map((figure) => text(name, figure)).join('  ')}`)
    .join('\n')
}
