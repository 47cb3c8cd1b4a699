/** The demo as a newcomer has it: ready within a minute from nothing, and the whole story by its own switch in two. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { program } from './kit/holdfast.ts'
import { mailboxIds } from './kit/person.ts'
import { signIn } from './kit/web.ts'
import type { Web } from './kit/web.ts'
import { familyOf, peerFolder, readPid, stopPid, until } from './peers/processes.ts'

interface Shown {
  dataFolder: string
  page: string
  holdfast: string
  ports: Record<string, number>
  logins: { name: string; password: string }[]
}

const folder = join(peerFolder('demo'), 'data')
let child: ChildProcess | null = null
let taken: Server | null = null
/** what the running one has shown */
let current: Shown | null = null

function start(...args: string[]): Promise<Shown> {
  const one = spawn(process.execPath, [program, 'demo', '--json', '--data', folder, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = one
  let out = ''
  let errors = ''
  one.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  return new Promise((resolve, reject) => {
    one.once('close', (code) => reject(new Error(`the demo ended with ${code}: ${out} ${errors.slice(-3000)}`)))
    one.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      const line = out
        .split('\n')
        .slice(0, -1)
        .find((text) => text.startsWith('{'))
      if (!line) return
      current = JSON.parse(line) as Shown
      resolve(current)
    })
  })
}

async function stop(): Promise<number | null> {
  const one = child
  child = null
  if (!one || one.exitCode !== null) return one?.exitCode ?? null
  const ended = new Promise<number | null>((resolve) => one.once('close', resolve))
  one.kill('SIGINT')
  return ended
}

afterAll(async () => {
  await stop()
  taken?.close()
  await stopPid(readPid(join(folder, 'postgres/postmaster.pid')), 'SIGINT')
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

const socketsOf = (pid: number): string[] => {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(join(folder, name)))?.[1] ?? []
    } catch {
      return []
    }
  })
}
const state = async (shown: Shown): Promise<any> => (await fetch(`${shown.page}state.json`)).json()
const press = (shown: Shown, name: string) =>
  fetch(`${shown.page}fault?set=${name}`, { method: 'POST', headers: { 'x-demo': '1' } })
const countOf = (now: any, address: string): number =>
  now.mailboxes.find((box: any) => box.address === address)?.count ?? 0
const login = (shown: Shown, index: number): Promise<Web> =>
  signIn(Number(new URL(shown.holdfast).port), shown.logins[index]!.name, shown.logins[index]!.password)
const mail = (to: string, subject: string) =>
  Buffer.from(
    `From: Visitor <visitor@outside.test>\r\nTo: ${to}\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@outside.test>\r\n\r\nHello.\r\n`,
  )

test('ready within a minute from nothing; a taken port is replaced', async () => {
  taken = createServer().listen(2525, '127.0.0.1')
  taken.on('error', () => undefined)
  const from = Date.now()
  const shown = await start('--fresh')
  expect(Date.now() - from).toBeLessThan(60_000)
  expect(shown.ports.mx).not.toBe(2525)
  expect(shown.logins.map((one) => one.name)).toEqual([
    'alice@harbour.test',
    'bob@harbour.test',
    'carol@harbour.test',
    'admin',
  ])
  const html = await (await fetch(shown.page)).text()
  expect(html).toContain('Stand-in primary')
  const now = await state(shown)
  expect(now.mailboxes.reduce((sum: number, box: { count: number }) => sum + box.count, 0)).toBeGreaterThanOrEqual(30)
  const alice = await login(shown, 0)
  const [all] = await alice.jmap([['Email/query', { calculateTotal: true }]])
  expect(all.total).toBe(countOf(now, 'alice@harbour.test'))
  const operator = await login(shown, 3)
  expect(operator.account.kind).toBe('operator')

  // nobody else's page may press the switch
  expect((await fetch(`${shown.page}fault?set=off`, { method: 'POST' })).status).toBe(403)
})

test('an outage by its own switch, in two minutes', async () => {
  const from = Date.now()
  await stop()
  const shown = await start()
  const alice = await login(shown, 0)
  const bob = await login(shown, 1)
  const before = countOf(await state(shown), 'alice@harbour.test')
  expect(before).toBeGreaterThan(5)

  await press(shown, 'off')
  const envelope = { from: 'visitor@outside.test', to: ['alice@harbour.test'] }
  for (let i = 0; i < 3; i++)
    expect((await sendMail(shown.ports.mx!, envelope, mail('alice@harbour.test', `outage-${i}`))).ok).toBe(true)
  await until(
    'the emergency to be declared',
    async () => (await alice.get('/me/standing')).mode === 'emergency',
    20_000,
  )
  const boxes = await mailboxIds(alice)
  const [inbox] = await alice.jmap([['Email/query', { filter: { inMailbox: boxes.inbox, subject: 'outage' } }]])
  expect(inbox.ids).toHaveLength(3)

  const [identities] = await alice.jmap([['Identity/get', { ids: null }]])
  await alice.jmap([
    [
      'Email/set',
      {
        create: {
          a: {
            mailboxIds: { [boxes.drafts!]: true },
            from: [{ email: 'alice@harbour.test' }],
            to: [{ email: 'visitor@outside.test' }, { email: 'bob@harbour.test' }],
            subject: 'outage answer',
            textBody: [{ partId: 't', type: 'text/plain' }],
            bodyValues: { t: { value: 'Still here.' } },
          },
        },
      },
    ],
    ['EmailSubmission/set', { create: { s: { emailId: '#a', identityId: identities.list[0].id } } }],
  ])
  const left = await until(
    'the answer in the sink',
    async () => (await state(shown)).sink.mails.find((one: any) => one.subject === 'outage answer'),
    20_000,
  )
  expect(left.dkim).toBe(true)
  await until(
    "the answer in the colleague's mailbox",
    async () => (await bob.jmap([['Email/query', { filter: { subject: 'outage answer' } }]]))[0].ids.length === 1,
  )

  // one is deleted: it does not go home
  const [found] = await alice.jmap([['Email/query', { filter: { subject: 'outage-1' } }]])
  await alice.jmap([['Email/set', { update: { [found.ids[0]]: { mailboxIds: { [boxes.trash!]: true } } } }]])
  expect(countOf(await state(shown), 'alice@harbour.test')).toBe(before)

  await press(shown, 'on')
  await until('the return to be over', async () => (await alice.get('/me/standing')).mode === 'normal', 60_000)
  await until(
    'two of three at the primary',
    async () => countOf(await state(shown), 'alice@harbour.test') === before + 2,
    30_000,
  )
  const subjects = (await state(shown)).mailboxes
    .find((box: any) => box.address === 'alice@harbour.test')
    .mails.map((one: any) => one.subject)
  expect(subjects).toEqual(expect.arrayContaining(['outage-0', 'outage-2']))
  expect(subjects).not.toContain('outage-1')
  expect(Date.now() - from).toBeLessThan(120_000)

  // nothing in it is canned: a fourth person and another domain work the same way
  const file = join(folder, 'more.yaml')
  const primaryPort = shown.ports.primary!
  writeFileSync(
    file,
    JSON.stringify({
      organisations: [
        {
          slug: 'islands',
          name: 'The islands',
          routes: [
            {
              name: 'primary',
              settings: { hosts: [{ host: '127.0.0.1', port: primaryPort }], tls: 'none', sensitivity: 'quick' },
            },
          ],
          domains: [{ name: 'islands.test', route: 'primary', recipientsComplete: true }],
          people: [{ name: 'Dora', addresses: ['dora@islands.test'], password: 'tide-lantern-dora' }],
        },
      ],
    }),
  )
  const applied = spawn(process.execPath, [program, 'apply', '-f', file, '--yes', '--data', folder], {
    stdio: 'inherit',
  })
  expect(await new Promise((resolve) => applied.once('close', resolve))).toBe(0)
  await until(
    'mail to the new person',
    async () =>
      (
        await sendMail(
          shown.ports.mx!,
          { from: 'visitor@outside.test', to: ['dora@islands.test'] },
          mail('dora@islands.test', 'welcome'),
        )
      ).ok,
    10_000,
    300,
  )
  await until('it at the primary', async () => countOf(await state(shown), 'dora@islands.test') >= 1)
  const dora = await signIn(Number(new URL(shown.holdfast).port), 'dora@islands.test', 'tide-lantern-dora')
  expect((await dora.jmap([['Email/query', {}]]))[0].ids.length).toBeGreaterThanOrEqual(1)
})

test('its page says the numbers, and the faulty switch is noticed like the off switch', async () => {
  const shown = current!
  const { numbers } = await state(shown)
  expect(numbers.length).toBeGreaterThanOrEqual(3)
  for (const text of numbers) expect(text).toMatch(/\d/)
  const alice = await login(shown, 0)
  for (const fault of ['mail-4xx', 'hang-connect']) {
    await press(shown, fault)
    expect((await state(shown)).primary.fault).toBe(fault)
    await until(
      `${fault} to be an emergency`,
      async () => (await alice.get('/me/standing')).mode === 'emergency',
      30_000,
    )
    await press(shown, 'on')
    await until('it to be over', async () => (await alice.get('/me/standing')).mode === 'normal', 60_000)
  }
})

test('it listens on loopback alone, and connects to nothing else', () => {
  const own = new Set(familyOf(child!.pid!).flatMap(socketsOf))
  const rows = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , , , , , , , inode]) => own.has(inode ?? '')),
  )
  expect(rows.filter(([, , , socket]) => socket === '0A').length).toBeGreaterThanOrEqual(5)
  // 127.x.x.x as the kernel prints it; ::1; ::ffff:127.x.x.x
  const loopback = /^(\w{6}7F|0{24}01000000|0{16}FFFF0000\w{6}7F):/
  for (const [, local, remote, socket] of rows)
    expect(loopback.test(socket === '0A' ? local! : remote!), `${local} ${remote}`).toBe(true)
})

test('ends on Ctrl-C, and refuses a folder that is not its own', async () => {
  expect(await stop()).toBe(0)
  const other = peerFolder('not-a-demo')
  writeFileSync(join(other, 'letter.txt'), 'not mine')
  const refused = spawn(process.execPath, [program, 'demo', '--fresh', '--data', other], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  refused.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  expect(await new Promise((resolve) => refused.once('close', resolve))).not.toBe(0)
  expect(errors).toContain('not a demo')
  rmSync(other, { recursive: true })
})
