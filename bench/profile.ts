/**
 * `npm run bench -- --profile SCENE`: where the time of Holdfast's own process goes in one scene, by function (self time of
 * V8's sampling profiler), and what its processes used in all.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuByProcess } from './meter.ts'
import { outageOnce, type OutageScene } from './scenes/outage.ts'
import { relayOnce, type RelayScene } from './scenes/relay.ts'
import { startHoldfast } from './subjects/holdfast.ts'
import { createSink } from './subjects/sink.ts'

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
  /** microseconds */
  endTime: number
  startTime: number
}

/** Percent of the time that was not idle in the last `seconds`, by function, the most first: not the start, nor the warm-up. */
function selfTimes(
  { nodes, samples, timeDeltas, startTime, endTime }: Profile,
  seconds: number,
): { name: string; percent: number }[] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`,
    ]),
  )
  const sums = new Map<string, number>()
  let total = 0
  let at = startTime
  samples.forEach((id, i) => {
    const name = names.get(id)!
    at += timeDeltas[i]!
    if (at < endTime - seconds * 1e6 || name.startsWith('(idle)')) return
    total += timeDeltas[i]!
    sums.set(name, (sums.get(name) ?? 0) + timeDeltas[i]!)
  })
  return [...sums].map(([name, sum]) => ({ name, percent: (sum / total) * 100 })).sort((a, b) => b.percent - a.percent)
}

type Shares = { name: string; ms: number }[]

/** What each process used since `before`, milliseconds a message. */
const sharesSince = (before: Map<string, number>, roots: number[], messages: number): Shares =>
  [...cpuByProcess(roots)]
    .map(([name, seconds]) => ({ name, ms: ((seconds - (before.get(name) ?? 0)) / messages) * 1000 }))
    .filter(({ ms }) => ms >= 0.01)
    .sort((a, b) => b.ms - a.ms)

/** `scene`: one of the relay scenes, or the drain of an outage from the moment its primary is back. */
export async function profile(scene: RelayScene | OutageScene): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-profile-'))
  const sink = await createSink()
  const down = await createSink()
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`]
  const subject = await startHoldfast({ up: sink.port, down: down.port }, { nodeArgs })
  try {
    let before = new Map<string, number>()
    let from = 0
    const begin = (): Promise<void> => {
      before = cpuByProcess(subject.roots())
      from = performance.now()
      return Promise.resolve()
    }
    let figures: Record<string, number>
    if ('name' in scene) {
      await relayOnce(subject, sink, { ...scene, messages: Math.min(1000, scene.messages) })
      await begin()
      figures = await relayOnce(subject, sink, scene)
    } else {
      const isDeclared = async (): Promise<boolean> => (await subject.modeOf('down')) === 'emergency'
      figures = await outageOnce({ ...subject, port: subject.port, flush: begin }, down, scene, isDeclared)
    }
    const shares = sharesSince(before, subject.roots(), scene.messages)
    const seconds = (performance.now() - from) / 1000
    await subject.running().stop()
    const [file] = readdirSync(folder)
    const rows = selfTimes(JSON.parse(readFileSync(join(folder, file!), 'utf8')) as Profile, seconds).slice(0, 45)
    return [
      JSON.stringify(figures),
      ...shares.map(({ name, ms }) => `${ms.toFixed(2).padStart(6)} ms a message  ${name}`),
      ...rows.map(({ name, percent }) => `${percent.toFixed(1).padStart(6)} %  ${name}`),
    ].join('\n')
  } finally {
    await subject.stop()
    await sink.off()
    await down.off()
    if (!process.env.HOLDFAST_KEEP_PROFILE) rmSync(folder, { recursive: true, force: true })
  }
}
