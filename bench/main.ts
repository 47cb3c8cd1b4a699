/** `npm run bench`: what is asked for, the table, and the figures as JSON (bench/results, not committed). */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findProgram } from '../e2e/peers/needs.ts'
import { machine, runBench } from './bench.ts'
import { compare } from './compare.ts'
import { edgeSizes, edgeTable, runEdge } from './edge.ts'
import { flat, flatSizes, flatTable } from './flat.ts'
import { runAuthentication, runFairness, runJudging, runMemory, runOverload, runPeople, type Note } from './limits.ts'
import { limitSizes, type LimitSizes } from './limit-sizes.ts'
import { spreadOf, type Cell } from './measure.ts'
import { profile } from './profile.ts'
import { comparePassThrough } from './scenes/pass-through.ts'
import { sizes, type SizeName } from './sizes.ts'
import { table } from './targets.ts'

function write(result: object): string {
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${new Date().toISOString().replaceAll(':', '')}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  return file
}

const limits = ['fairness', 'overload', 'memory', 'authentication', 'judging', 'people'] as const

/** Prints each round, then the median and the spread of each figure. */
async function runLimit(limit: (typeof limits)[number], sizes: LimitSizes, rounds: number): Promise<void> {
  const cells: Cell[] = []
  const note: Note = (scene, subject, round, figures) => {
    cells.push({ scene, subject, round, figures })
    console.log(scene, subject, round, JSON.stringify(figures))
  }
  let more: object = {}
  if (limit === 'fairness') more = await runFairness(sizes.fairness, sizes.flood, rounds, console.log)
  else if (limit === 'overload') await runOverload(sizes.overload, rounds, note)
  else if (limit === 'memory') await runMemory(sizes.memory, rounds, note)
  else if (limit === 'judging') await runJudging(sizes.judging, rounds, note)
  else if (limit === 'people') await runPeople(sizes.people, rounds, note)
  else await runAuthentication(sizes.authentication, rounds, note)
  for (const subject of new Set(cells.map((cell) => cell.subject)))
    for (const name of Object.keys(cells.find((cell) => cell.subject === subject)!.figures)) {
      const { median, lowest, highest } = spreadOf(
        cells.filter((cell) => cell.subject === subject).map(({ figures }) => figures[name]!),
      )
      console.log(
        `${subject.padEnd(14)} ${name.padEnd(20)} ${median.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})`,
      )
    }
  console.log(`\n${write({ machine: machine(), limit, sizes, cells, ...more })}`)
}

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      'size': { type: 'string', default: 'ordinary' },
      'rounds': { type: 'string' },
      'only': { type: 'string' },
      'profile': { type: 'string' },
      'compare': { type: 'string' },
      'pass-through': { type: 'boolean' },
      'flat': { type: 'boolean', default: false },
      'messages': { type: 'string' },
      'fairness': { type: 'boolean' },
      'overload': { type: 'boolean' },
      'memory': { type: 'boolean' },
      'authentication': { type: 'boolean' },
      'judging': { type: 'boolean' },
      'people': { type: 'boolean' },
      'edge': { type: 'boolean' },
    },
  })
  if (!findProgram('smtp-source') || process.getuid?.() !== 0) {
    console.error(
      'the bench needs smtp-source, smtp-sink and Postfix (apt-get install postfix) and runs as root, because Postfix does',
    )
    return 2
  }
  const chosen = sizes[values.size as SizeName] as (typeof sizes)[SizeName] | undefined
  if (!chosen) {
    console.error(`--size ${values.size}: take ${Object.keys(sizes).join(', ')}`)
    return 2
  }
  const limit = limits.find((name) => values[name] === true)
  if (limit) {
    const its = limitSizes[values.size === 'smoke' ? 'smoke' : 'ordinary']
    await runLimit(limit, its, Number(values.rounds ?? its.rounds))
    return 0
  }
  if (values.edge) {
    const its = edgeSizes[values.size === 'smoke' ? 'smoke' : 'ordinary']
    const wanted = { ...its, rounds: Number(values.rounds ?? its.rounds) }
    const cells = await runEdge(
      wanted,
      ({ scene, subject, round, figures }) => console.log(scene, subject, round, JSON.stringify(figures)),
      values.only,
    )
    console.log(`\n${edgeTable(cells)}`)
    console.log(`\n${write({ machine: machine(), sizes: wanted, cells })}`)
    return 0
  }
  const rounds = Number(values.rounds ?? chosen.rounds)
  if (values.compare !== undefined) {
    const scene = chosen.relay.find(({ name }) => name === (values.only ?? 'sessions-20'))!
    console.log(await compare(JSON.parse(values.compare) as Parameters<typeof compare>[0], scene, rounds))
    return 0
  }
  if (values['pass-through']) {
    await comparePassThrough(rounds, console.log)
    return 0
  }
  if (values.profile !== undefined) {
    const scene = values.profile === 'outage' ? chosen.outage : chosen.relay.find(({ name }) => name === values.profile)
    if (!scene) throw new Error(`--profile: take outage, ${chosen.relay.map(({ name }) => name).join(', ')}`)
    console.log(await profile(scene))
    return 0
  }
  if (values.flat) {
    const wanted = flatSizes(values.messages === undefined ? undefined : Number(values.messages))
    const result = await flat({ ...wanted, ...(values.rounds === undefined ? {} : { rounds }) }, console.log)
    console.log(`\n${flatTable(result.cells)}`)
    console.log(`\n${write(result)}`)
    return 0
  }
  const result = await runBench({
    sizes: { ...chosen, rounds },
    say: console.log,
    ...(values.only === undefined ? {} : { only: values.only }),
  })
  console.log(`\n${table(result.cells)}`)
  console.log(`\n${write(result)}`)
  return 0
}
