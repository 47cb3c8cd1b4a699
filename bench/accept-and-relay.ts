/**
 * Accept-and-relay of messages of one size: smtp-source to the subject, the subject to smtp-sink. Both subjects stay up
 * for the whole run and take turns inside each round, so that what the machine does meanwhile hits both. A round's
 * figure is messages per second until the last one is at the sink; the ratio is taken inside a round and given as
 * median with its spread. Durability is on for both: Postfix fsyncs its queue files, Holdfast its commits.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { findProgram } from '../e2e/peers/needs.ts'
import { sleep } from '../e2e/peers/processes.ts'
import { recipient, startHoldfast, startPostfixRelay, startSink } from './subjects.ts'
import type { Subject } from './subjects.ts'

export interface Sizes {
  messages: number
  rounds: number
  size: number
  connections: number
}

export interface Cell {
  subject: string
  round: number
  acceptedPerSecond: number
  deliveredPerSecond: number
}

export interface BenchResult {
  sizes: Sizes
  machine: object
  cells: Cell[]
  ratios: number[]
  median: number
}

const run = promisify(execFile)

async function once(subject: Subject, sink: { received(): number }, sizes: Sizes, round: number): Promise<Cell> {
  const wanted = sink.received() + sizes.messages
  const from = performance.now()
  const args = [
    '-s',
    sizes.connections,
    '-m',
    sizes.messages,
    '-l',
    sizes.size,
    '-f',
    'sender@outside.test',
    '-t',
    recipient,
    `127.0.0.1:${subject.port}`,
  ]
  await run(findProgram('smtp-source')!, args.map(String), { timeout: 600_000 })
  const accepted = performance.now()
  while (sink.received() < wanted) {
    if (performance.now() - accepted > 300_000)
      throw new Error(`${subject.name}: ${wanted - sink.received()} messages never came to the sink`)
    await sleep(5)
  }
  const end = performance.now()
  return {
    subject: subject.name,
    round,
    acceptedPerSecond: sizes.messages / ((accepted - from) / 1000),
    deliveredPerSecond: sizes.messages / ((end - from) / 1000),
  }
}

const median = (list: readonly number[]): number => {
  const sorted = [...list].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export async function runBench(sizes: Sizes, say: (line: string) => void = () => undefined): Promise<BenchResult> {
  const sink = await startSink()
  const subjects: Subject[] = []
  const cells: Cell[] = []
  try {
    subjects.push(await startPostfixRelay(sink.port))
    subjects.push(await startHoldfast(sink.port))
    // a warm-up that is not counted: first connections, prepared statements, new files
    for (const subject of subjects) await once(subject, sink, { ...sizes, messages: Math.min(200, sizes.messages) }, 0)
    for (let round = 1; round <= sizes.rounds; round++) {
      // who goes first changes every round
      const order = round % 2 === 1 ? subjects : [...subjects].reverse()
      for (const subject of order) {
        const cell = await once(subject, sink, sizes, round)
        cells.push(cell)
        say(
          `round ${round}  ${cell.subject.padEnd(9)} ${cell.deliveredPerSecond.toFixed(0).padStart(6)} delivered/s  ${cell.acceptedPerSecond.toFixed(0).padStart(6)} accepted/s`,
        )
        await sleep(300)
      }
    }
  } finally {
    for (const subject of subjects) await subject.stop()
    sink.stop()
  }
  const rate = (name: string, round: number): number =>
    cells.find((cell) => cell.subject === name && cell.round === round)!.deliveredPerSecond
  const ratios = Array.from(
    { length: sizes.rounds },
    (_, index) => rate('holdfast', index + 1) / rate('postfix', index + 1),
  )
  const machine = {
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? '',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
  return { sizes, machine, cells, ratios, median: median(ratios) }
}

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string' },
      rounds: { type: 'string' },
      size: { type: 'string' },
      connections: { type: 'string' },
    },
  })
  const sizes = {
    messages: Number(values.messages ?? 3000),
    rounds: Number(values.rounds ?? 5),
    size: Number(values.size ?? 10_240),
    connections: Number(values.connections ?? 20),
  }
  if (!findProgram('smtp-source') || process.getuid?.() !== 0) {
    console.error(
      'the bench needs smtp-source, smtp-sink and Postfix (apt-get install postfix) and runs as root, because Postfix does',
    )
    return 2
  }
  console.log(
    `${sizes.messages} messages of ${sizes.size} bytes, ${sizes.connections} connections, ${sizes.rounds} rounds`,
  )
  const result = await runBench(sizes, console.log)
  const of = (name: string, key: 'deliveredPerSecond' | 'acceptedPerSecond'): number[] =>
    result.cells.filter((cell) => cell.subject === name).map((cell) => cell[key])
  console.log('\n              delivered/s: median (lowest-highest)     accepted/s: median')
  for (const name of ['postfix', 'holdfast']) {
    const list = of(name, 'deliveredPerSecond')
    const spread = `${median(list).toFixed(0)} (${Math.min(...list).toFixed(0)}-${Math.max(...list).toFixed(0)})`
    console.log(
      `${name.padEnd(12)} ${spread.padStart(28)} ${median(of(name, 'acceptedPerSecond')).toFixed(0).padStart(22)}`,
    )
  }
  console.log(
    `\nHoldfast / Postfix: ${result.median.toFixed(2)} (${Math.min(...result.ratios).toFixed(2)}-${Math.max(...result.ratios).toFixed(2)})`,
  )
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${new Date().toISOString().replaceAll(':', '')}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  console.log(file)
  return 0
}
