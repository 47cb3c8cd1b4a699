/** Every command beside a running server: with --json one line of JSON and nothing else, without it words and no JSON. */
import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { program } from '../../testkit/program.ts'
import { call } from '../../testkit/call.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'

const folder = temporaryFolder('hf-answers-')
const data = join(folder, 'data')
const file = join(folder, 'org.yaml')
let server: ChildProcess

beforeAll(async () => {
  writeFileSync(
    file,
    `organisations:
  - slug: harbour
    name: Harbour
    routes:
      - { name: primary, settings: { hosts: [{ host: 127.0.0.1, port: 9 }], probe: { enabled: false } } }
    domains: [{ name: harbour.test, route: primary }]
    people: [{ name: Alice, addresses: [alice@harbour.test] }]
`,
  )
  server = spawn(process.execPath, [...program, 'serve', '--json', '--data', data], {
    env: {
      PATH: process.env.PATH,
      HOLDFAST_LISTEN_MX_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSION_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSIONS_PORT: '0',
      HOLDFAST_LISTEN_HTTP_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ready = await new Promise<string>((resolve) =>
    server.stdout!.once('data', (b: Buffer) => resolve(b.toString())),
  )
  expect(JSON.parse(ready)).toMatchObject({ ready: true })
}, 120_000)
afterAll(async () => {
  const ended = new Promise((resolve) => server.once('close', resolve))
  server.kill('SIGTERM')
  await ended
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

async function expectAnswer(args: string[], words: RegExp, keys: string[], code = 0): Promise<Record<string, unknown>> {
  const plain = await call(...args, '--data', data)
  expect({ args, ...plain }).toMatchObject({ code, out: expect.stringMatching(words) as string })
  expect(plain.out).not.toMatch(/^\{/)
  // A flag stands where it likes: before the words of the subcommand too.
  const asked = await call(args[0]!, '--json', '--data', data, ...args.slice(1))
  expect({ args, ...asked }).toMatchObject({ code, out: expect.stringMatching(/^\{.*\}\n$/) as string })
  const value = JSON.parse(asked.out) as Record<string, unknown>
  expect(Object.keys(value), args.join(' ')).toEqual(expect.arrayContaining(keys))
  return value
}

test('each answers in words, and in JSON when asked', async () => {
  const route = 'primary'
  await expectAnswer(['migrate'], /^Up to date/, ['applied', 'version'])
  await expectAnswer(['apply', '-f', file], /Applied|Up to date/, ['applied', 'changed', 'items'])
  await expectAnswer(['check'], /invariants hold/, ['examined', 'problems'])
  // Once is enough of the longest.
  const selfTest = await call('check', '--self-test', '--json', '--data', data)
  expect(JSON.parse(selfTest.out)).toMatchObject({ missed: 0, corruptions: expect.any(Number) as number })
  expect(selfTest).toMatchObject({ code: 0, err: '' })
  await expectAnswer(['admin', 'setup-link'], /setup#/, ['setupLink'])
  await expectAnswer(['admin', 'recovery-sheet'], /1: /, ['recoverySheet'])
  await expectAnswer(['admin', 'app-passwords', 'alice@harbour.test'], /has no app passwords/, ['name', 'appPasswords'])
  await expectAnswer(['mode'], /primary +normal/, ['organisations'])
  await expectAnswer(['mode', 'pin', route, 'hold', '--reason', 'drill'], /pinned hold/, ['mode', 'pin'])
  expect(await expectAnswer(['mode', 'unpin', route], /primary/, ['mode'])).toMatchObject({ pin: null })
  await expectAnswer(['queue'], /^Nothing/, ['items', 'next'])
  await expectAnswer(['queue', 'parked'], /^Nothing is parked/, ['items'])
  await expectAnswer(['trace', 'alice'], /^Nothing is known/, ['messages', 'more'])
  await expectAnswer(['doctor', '--recovery-sheet'], /1: /, ['sheet'])
}, 240_000)

test('a refusal beside a running server is one error too', async () => {
  const id = '0192f000-0000-7000-8000-000000000000'
  const wrong: [string[], RegExp][] = [
    [['admin', 'password', 'nobody'], /Nobody signs in as "nobody"/],
    [['admin', 'app-passwords', 'nobody'], /Nobody signs in as "nobody"/],
    [['admin', 'app-passwords', 'alice@harbour.test', '--revoke', id], /has no app password 0192f000/],
    [['mode', 'pin', 'tertiary', 'hold', '--reason', 'x'], /There is no route "tertiary"/],
    [['queue', '-o', 'nowhere'], /There is no organisation "nowhere"/],
    ...['retry', 'cancel', 'seen', 'release', 'drop'].map((act): [string[], RegExp] => [
      ['queue', act, id],
      /does not exist/,
    ]),
    [['queue', 'assign', id, 'alice@harbour.test'], /does not exist/],
    [['import', folder], /has no manifest.json/],
    [['export', folder, '--all'], /not empty/],
  ]
  for (const [args, text] of wrong) {
    const plain = await call(...args, '--data', data)
    expect({ args, ...plain }).toMatchObject({ out: '', err: expect.stringMatching(text) as string })
    expect(plain.code, args.join(' ')).toBeGreaterThan(0)
    const asked = await call(...args, '--json', '--data', data)
    expect({ args, ...asked }).toMatchObject({ code: plain.code, err: '' })
    expect(JSON.parse(asked.out), args.join(' ')).toEqual({
      error: { code: plain.code, text: expect.stringMatching(text) as string },
    })
  }
}, 120_000)
