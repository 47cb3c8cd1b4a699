/** `npm run bench`: what is asked for, the table, and the figures as JSON (bench/results, not committed). */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findProgram } from '../e2e/peers/needs.ts'
import { runBench } from './bench.ts'
import { compare } from './compare.ts'
import { flat, flatSizes, flatTable } from './flat.ts'
import { profile } from './profile.ts'
import { comparePassThrough } from './scenes/pass-through.ts'
import { sizes, type SizeName } from './sizes.ts'
import { table } from './targets.ts'

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
    const scene = chosen.relay.find(({ name }) => name === values.profile)
    if (!scene) throw new Error(`--profile: take ${chosen.relay.map(({ name }) => name).join(', ')}`)
    console.log(await profile(scene))
    return 0
  }
  if (values.flat) {
    const wanted = flatSizes(values.messages === undefined ? undefined : Number(values.messages))
    const result = await flat({ ...wanted, ...(values.rounds === undefined ? {} : { rounds }) }, console.log)
    write(result, flatTable(result.cells))
    return 0
  }
  const result = await runBench({
    sizes: { ...chosen, rounds },
    say: console.log,
    ...(values.only === undefined ? {} : { only: values.only }),
  })
  write(result, table(result.cells))
  return 0
}

function write(result: object, shown: string): void {
  console.log(`\n${shown}`)
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${new Date().toISOString().replaceAll(':', '')}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  console.log(`\n${file}`)
}
