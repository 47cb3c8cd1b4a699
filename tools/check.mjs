/**
 * `npm run check`: format, lint, types, dead code, drift of generated files, RFC index. Two at a time (they are all busy
 * on one core), the longest first. Output of what failed is shown whole, of what passed not at all.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name) => join(root, 'node_modules/.bin', name)
const cache = (name) => ['--cache', '--cache-location', `node_modules/.cache/${name}`]
const lint = (name, ...what) => [
  name,
  bin('eslint'),
  [...what, ...cache(`eslint-${name.replaceAll(' ', '-')}`), '--cache-strategy', 'content', '--max-warnings', '0'],
]
const tasks = [
  // One program of types each: two processes share the two cores, and no work is done twice.
  lint('lint of the server', '.', '--ignore-pattern', 'web/**'),
  lint('lint of the web pages', 'web'),
  ['types of the server', bin('tsc'), ['--noEmit', '-p', '.']],
  ['types of the web pages', bin('tsc'), ['--noEmit', '-p', 'web'], 'web/tsconfig.json'],
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', ...cache('prettier-check'), '.']],
  ['dead code', bin('knip'), ['--no-progress', '--no-config-hints']],
  ['drift of generated files', process.execPath, ['tools/generate.mjs', '--check'], 'tools/generate.mjs'],
  ['RFC index', process.execPath, ['tools/check-rfc.mjs']],
].filter(([, , , file]) => !file || existsSync(join(root, file)))

const run = ([name, command, args]) =>
  new Promise((resolve) => {
    const from = Date.now()
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    const done = (ok, text) => resolve({ name, ok, text, seconds: (Date.now() - from) / 1000 })
    child.on('error', (error) => done(false, error.message))
    child.on('close', (code) => done(code === 0, Buffer.concat(output).toString()))
  })

const from = Date.now()
const results = []
const waiting = [...tasks]
const worker = async () => {
  for (let task = waiting.shift(); task; task = waiting.shift()) {
    const result = await run(task)
    results.push(result)
    console.log(`${result.ok ? 'ok    ' : 'FAILED'} ${result.name} (${result.seconds.toFixed(1)} s)`)
  }
}
await Promise.all([worker(), worker()])
const failed = results.filter((result) => !result.ok)
for (const { name, text } of failed) console.log(`\n---- ${name}\n${text.trim()}`)
console.log(
  `\ncheck: ${results.length - failed.length} of ${results.length} passed in ${((Date.now() - from) / 1000).toFixed(0)} s${failed.length ? `; failed: ${failed.map((one) => one.name).join(', ')}` : ''}`,
)
process.exit(failed.length > 0 ? 1 : 0)
