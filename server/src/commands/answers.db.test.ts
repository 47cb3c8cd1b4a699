/** Every command beside a running server: with --json one line of JSON and nothing else, without it words and no JSON. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { program } from '../../testkit/program.ts'
import { call } from '../../testkit/call.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'

const folder = temporaryFolder('hf-answers-')
const data = join(folder, 'data')
const file = join(folder, 'org.yaml')
let server: ChildProcess
let http = ''

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
  const said = JSON.parse(ready) as { ports: { http: number } }
  expect(said).toMatchObject({ ready: true })
  http = `http://127.0.0.1:${said.ports.http}/api/v1`
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
  const { results, ...counts } = JSON.parse(selfTest.out) as { results: { found: boolean }[] }
  expect(results.filter(({ found }) => !found)).toEqual([])
  expect(counts).toEqual({ missed: 0, corruptions: results.length })
  expect(selfTest).toMatchObject({ code: 0, err: '' })
  await expectAnswer(['admin', 'setup-link'], /setup#/, ['setupLink'])
  await expectAnswer(['admin', 'recovery-sheet'], /1: /, ['recoverySheet'])
  await expectAnswer(['admin', 'letters'], /0 of 1 people have a letter/, ['people', 'withCodes', 'used'])
  await expectAnswer(['admin', 'app-passwords', 'alice@harbour.test'], /has no app passwords/, ['name', 'appPasswords'])
  await expectAnswer(['admin', 'mailbox-access'], /Nobody has asked for a mailbox/, ['mailboxAccess'])
  await expectAnswer(['mode'], /primary +normal/, ['organisations'])
  await expectAnswer(['mode', 'pin', route, 'hold', '--reason', 'drill'], /pinned hold/, ['mode', 'pin'])
  expect(await expectAnswer(['mode', 'unpin', route], /primary/, ['mode'])).toMatchObject({ pin: null })
  await expectAnswer(['queue'], /^Nothing/, ['items', 'next'])
  await expectAnswer(['queue', 'parked'], /^Nothing is parked/, ['items'])
  await expectAnswer(['trace', 'alice'], /^Nothing is known/, ['messages', 'more'])
  await expectAnswer(['doctor', '--recovery-sheet'], /1: /, ['sheet'])
}, 240_000)

test('letters are a file of their owner alone, never written over; nothing is left of what failed', async () => {
  const out = join(folder, 'letters.pdf')
  const letters = (...args: string[]) => call('admin', 'letters', '--data', data, ...args)
  expect(await letters('--out', out, '--person', 'ALICE@harbour.test')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^1 letters are in .*delete the file\.\n$/s) as string,
  })
  expect(statSync(out).mode & 0o777).toBe(0o600)
  expect(readFileSync(out).subarray(0, 5).toString()).toBe('%PDF-')
  expect(await letters('--out', out)).toMatchObject({
    code: 2,
    err: expect.stringContaining('exists already') as string,
  })
  const next = join(folder, 'next.pdf')
  for (const [args, code, why] of [
    [['--without'], 1, 'Nobody gets a letter'],
    [['--person', 'bob@harbour.test'], 2, 'signs in as "bob@harbour.test"'],
  ] as const)
    expect(await letters('--out', next, ...args)).toMatchObject({ code, err: expect.stringContaining(why) as string })
  expect(existsSync(next)).toBe(false)
}, 120_000)

test('a help desk sees the app passwords that a person made, never the words, and revokes one, or all', async () => {
  const name = 'alice@harbour.test'
  const next = 'seven quiet harbours in fog'
  const revoke = (id: string) => ['admin', 'app-passwords', name, '--revoke', id]
  const { password } = await expectAnswer(['admin', 'password', name], /One-time password for alice/, ['appPasswords'])
  let headers: Record<string, string> = { 'content-type': 'application/json' }
  const post = async (path: string, body: object): Promise<Record<string, string>> => {
    const answer = await fetch(`${http}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    const json = (await answer.json()) as Record<string, string>
    expect({ path, status: answer.status, json }).toMatchObject({ status: 200 })
    const cookie = answer.headers.get('set-cookie')?.split(';')[0]
    if (cookie) headers = { ...headers, cookie, 'x-holdfast-csrf': json['csrf']! }
    return json
  }
  // Asked twice, by words and as JSON, the second one counts: the first is not good any more.
  await post('/session', { name, password })
  await post('/session/password', { current: password, next })
  const make = (device: string) =>
    post('/me/app-passwords', { current: next, name: device, protocols: ['submission', 'imap'] })
  const [phone, laptop, tablet] = [await make('Phone'), await make('Laptop'), await make('Tablet')]

  const list = await expectAnswer(
    ['admin', 'app-passwords', name],
    /Phone \(submission, imap\), made .*, never used/,
    [],
  )
  expect(list['appPasswords']).toMatchObject([{ id: tablet['id'] }, { name: 'Laptop' }, { id: phone['id'] }])
  expect(JSON.stringify(list)).not.toContain(phone['password'])
  expect(await call(...revoke(phone['id']!), '--data', data)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Revoked.*\n {2}[0-9a-f-]{36} {2}Phone /) as string,
  })
  expect(await call(...revoke(phone['id']!), '--data', data)).toMatchObject({ code: 1, out: '' })
  const kept = await call('admin', 'password', name, '--data', data)
  expect(kept.out).toContain('which work again after that: 2 (holdfast admin app-passwords alice@harbour.test)')
  const all = await call(...revoke('all'), '--json', '--data', data)
  expect(JSON.parse(all.out)).toMatchObject({ revoked: [{ id: tablet['id'] }, { id: laptop['id'] }] })
  await expectAnswer(['admin', 'app-passwords', name], /has no app passwords/, ['appPasswords'])
}, 120_000)

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
