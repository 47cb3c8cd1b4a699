/** What the README tells an admin to type is what the programs take. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkDeclaration } from '../server/src/core/directory/model/problems.ts'
import { configSchema } from '../server/src/platform/config/config.ts'
import { layers } from './layers.mjs'

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
const blocks = [...read('README.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => parse(text!) as object)

test('the configuration and the organisation file in the README are valid', () => {
  expect(blocks).toHaveLength(10)
  expect(() => configSchema.parse(blocks[0])).not.toThrow()
  expect(checkDeclaration(blocks[1])).not.toHaveProperty('problems')
  // Those behind it are files of their own, or parts of this organisation, or of its first route.
  const [organisation] = (blocks[1] as { organisations: { routes: { settings: object }[] }[] }).organisations
  const [route, ...others] = organisation!.routes
  for (const block of blocks.slice(2)) {
    const part = block as { organisations?: unknown; settings?: object }
    const settings = { ...route!.settings, ...part.settings }
    const more = part.settings ? { routes: [{ ...route, ...part, settings }, ...others] } : part
    const file = part.organisations ? part : { organisations: [{ ...organisation, ...more }] }
    expect(checkDeclaration(file), JSON.stringify(part)).not.toHaveProperty('problems')
  }
})

test('the two commands come first', () => {
  expect(
    read('README.md')
      .match(/```\n([\s\S]*?)```/)![1]!
      .trim()
      .split('\n'),
  ).toEqual(['npm ci && npm run demo', 'npm ci && npm test'])
})

test('ARCHITECTURE.md prints the border table as lint holds it', () => {
  const text = read('ARCHITECTURE.md')
  for (const [room, may] of Object.entries(layers)) {
    const row = new RegExp(`^\\| ${room} \\| (.*) \\|$`, 'm').exec(text)
    expect(row, room).not.toBeNull()
    for (const other of may)
      expect(row![1]!.includes('all above') || row![1]!.includes(other), `${room} → ${other}`).toBe(true)
  }
})

const foldersOf = (path: string): string[] =>
  readdirSync(new URL(`../${path}`, import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .map((entry) => entry.name)

test('ARCHITECTURE.md names every folder of the house', () => {
  const rooms = read('ARCHITECTURE.md').match(/## The rooms\n```\n([\s\S]*?)```/)![1]!
  const lineOf = (start: string): string => rooms.split('\n').find((line) => line.startsWith(start)) ?? ''
  const missing: string[] = []
  for (const folder of foldersOf('.')) if (!new RegExp(`^${folder}/`, 'm').test(rooms)) missing.push(folder)
  for (const folder of foldersOf('server')) if (!rooms.includes(`server/${folder}/`)) missing.push(`server/${folder}`)
  for (const folder of foldersOf('server/src'))
    if (!new RegExp(`(server/src/|  )${folder}/`).test(rooms)) missing.push(`server/src/${folder}`)
  for (const room of ['platform', 'protocols', 'clients', 'core', 'servers'])
    for (const folder of foldersOf(`server/src/${room}`))
      if (!new RegExp(`\\b${folder}\\b`).test(lineOf(`server/src/${room}/`))) missing.push(`${room}/${folder}`)
  for (const folder of foldersOf('web/src')) if (!lineOf('web/src/').includes(folder)) missing.push(`web/src/${folder}`)
  expect(missing).toEqual([])
})
