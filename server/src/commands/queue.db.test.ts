/** Parked mail for addresses that nobody knows, on the command line: listed, given to a person by an address, once. */
import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call } from '../../testkit/call.ts'
import { sendMail } from '../../testkit/smtp-send.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'

const folder = temporaryFolder('hf-queue-')
const data = join(folder, 'data')
let server: ChildProcess
let port = 0
beforeAll(async () => {
  const main = join(import.meta.dirname, '../main.ts')
  server = spawn(process.execPath, ['--import', 'tsx', main, 'serve', '--json', '--data', data], {
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
  port = (JSON.parse(ready) as { ports: { mx: number } }).ports.mx
  const file = join(folder, 'org.yaml')
  writeFileSync(
    file,
    `organisations:
  - slug: harbour
    name: Harbour
    routes:
      - { name: primary, settings: { hosts: [{ host: 127.0.0.1, port: 9 }], probe: { enabled: false } } }
    domains:
      - { name: harbour.test, route: primary, recipientsComplete: false, unknown: park, callouts: off }
    people: [{ name: Alice, addresses: [alice@harbour.test] }]
`,
  )
  expect((await call('apply', '-f', file, '--yes', '--data', data)).code).toBe(0)
}, 120_000)
afterAll(async () => {
  const ended = new Promise((resolve) => server.once('close', resolve))
  server.kill('SIGTERM')
  await ended
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

const holdfast = (...args: string[]) => call(...args, '--data', data)

test('said whose it is, it leaves the list; a second time there is nothing to say; what is theirs already ends here', async () => {
  const to = ['one@harbour.test', 'two@harbour.test']
  const envelope = { from: 'sender@outside.test', to }
  const bytes = 'Subject: Lost\r\nMessage-ID: <lost@outside.test>\r\n\r\nHello\r\n'
  const end = Date.now() + 20_000
  // The server sees what was applied within a second.
  while (!(await sendMail(port, envelope, bytes)).ok) expect(Date.now()).toBeLessThan(end)
  const list = JSON.parse((await holdfast('queue', 'parked', '--json')).out) as {
    items: { deliveryId: string; recipient: string; reason: string }[]
  }
  expect(list.items.map(({ recipient, reason }) => `${recipient} ${reason}`).sort()).toEqual(
    to.map((address) => `${address} unknown-recipient-parked`),
  )
  const [one, two] = to.map((address) => list.items.find(({ recipient }) => recipient === address)!.deliveryId)

  expect(await holdfast('queue', 'assign', one!, 'eve@harbour.test')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('eve@harbour.test is no address of a person of this organisation') as string,
  })
  expect(await holdfast('queue', 'assign', 'x', 'alice@harbour.test')).toMatchObject({ code: 2 })
  expect(await holdfast('queue', 'assign', one!, 'alice@harbour.test')).toMatchObject({
    code: 0,
    out: 'It goes on to alice@harbour.test.\n',
  })
  const again = await holdfast('queue', 'assign', one!, 'alice@harbour.test')
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('not parked any more') as string })
  const both = await holdfast('queue', 'assign', two!, 'alice@harbour.test', '--json')
  expect(JSON.parse(both.out)).toEqual({
    deliveryId: two,
    act: 'assign',
    address: 'alice@harbour.test',
    outcome: 'already',
  })
  expect((await holdfast('queue', 'parked')).out).toBe('Nothing is parked.\n')
  expect((await holdfast('trace', 'one@harbour.test')).out).toContain('Lost')
  expect(await holdfast('check')).toMatchObject({ code: 0 })
}, 120_000)
