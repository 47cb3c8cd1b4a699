/** What goes wrong in the world, and the answer to it: clear, in time, and nothing lost. Ends with `holdfast check`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { greet, openLine, sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { makeOperator } from './kit/operator.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { unsureAttempts } from './kit/unsure.ts'
import { signIn } from './kit/web.ts'
import type { Web } from './kit/web.ts'
import { familyOf, sleep, until } from './peers/processes.ts'

const alice = 'alice@bad.test'
let installation: Installation
let server: RunningHoldfast
let primary: StandIn
/** the outside world: nothing here may write to it */
let sink: StandIn
let operator: Web

beforeAll(async () => {
  primary = await startStandIn({ mailboxes: [alice, 'bob@bad.test'] })
  sink = await startStandIn()
  installation = createInstallation({ name: 'bad', config: { delivery: { lease: 3 } } })
  server = await installation.start()
  operator = await makeOperator(server)
  await declareOrganisation(installation, {
    domain: 'bad.test',
    people: ['alice', 'bob'],
    primaryPort: primary.port,
    outboundPort: sink.port,
    sensitivity: 'patient',
    probe: false,
    route: { unsureWait: 1, retryFirst: 0.5, retryMax: 2 },
  })
})
afterAll(async () => {
  await server.stop()
  await installation.remove()
  await primary.close()
  await sink.close()
})

const simple = (nonce: string): Buffer =>
  Buffer.from(`From: a@outside.test\r\nTo: ${alice}\r\nSubject: kill proof ${nonce}\r\n\r\nnonce:${nonce}\r\n`)
const arrived = (nonce: string): number =>
  primary.store.all().filter((mail) => mail.bytes.includes(`nonce:${nonce}`)).length
const status = async (path: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${server.ports.http}${path}`)).status
const send = (nonce: string, timeoutMs = 30_000) =>
  sendMail(server.ports.mx, { from: 'a@outside.test', to: [alice] }, simple(nonce), { timeoutMs })

describe('configuration and sign-in', () => {
  test('a wrong key is named with its path, and the server does not start', async () => {
    const file = join(installation.data, 'wrong.yaml')
    writeFileSync(file, 'listen:\n  mx:\n    prot: 2525\nsmtp:\n  messageBytes: lots\n')
    const other = createInstallation({ name: 'wrong' })
    const result = await other.cli(['serve', '--config', file])
    await other.remove()
    expect(result.code).toBe(2)
    expect(result.stderr).toContain('listen.mx.prot')
    expect(result.stderr).toContain('smtp.messageBytes')
  })

  test('a wrong password is told apart from nothing, and does not lock the right one out for long', async () => {
    for (const password of ['wrong-password', '', 'x'.repeat(5000)])
      await expect(signIn(server.ports.http, alice, password)).rejects.toMatchObject({
        status: expect.toSatisfy((code: number) => [400, 401, 429].includes(code)),
      })
    await expect(signIn(server.ports.http, 'nobody@bad.test', 'wrong-password')).rejects.toMatchObject({
      status: expect.toSatisfy((code: number) => [401, 429].includes(code)),
    })
    const web = await until(
      'sign-in with the right password',
      () => signIn(server.ports.http, alice.toUpperCase(), passwordFor('alice')),
      20_000,
      500,
    )
    expect(web.account.address).toBe(alice)
  })
})

describe('on the wire', () => {
  test.each([
    ['an address that is none', 'MAIL FROM:<a b@c>', /^(50[13]|553)/],
    ['a NUL', 'MAIL FROM:<a\0b@outside.test>', /^5\d\d/],
    ['two at signs', 'MAIL FROM:<a@b@outside.test>', /^(501|553)/],
    ['a local part without end', `MAIL FROM:<${'a'.repeat(3000)}@outside.test>`, /^5\d\d/],
  ])('%s gets a 5xx and the session goes on', async (_name, line, answer) => {
    const session = openLine(server.ports.mx)
    await greet(session)
    const reply = await session.command(line)
    expect(`${reply.code} ${reply.text}`).toMatch(answer)
    expect((await session.command('NOOP')).code).toBe(250)
    session.close()
  })

  test.each([
    ['nobody@bad.test', 550],
    ['alice@elsewhere.test', 550],
  ])('%s is refused with %i', async (to, code) => {
    const sent = await sendMail(server.ports.mx, { from: 'a@outside.test', to: [to] }, simple('never'))
    expect(sent.recipients[0]!.reply.code).toBe(code)
  })

  test('a header line of ten megabytes gets a clear answer', async () => {
    const bytes = Buffer.from(`From: a@outside.test\r\nX-Long: ${'x'.repeat(10_000_000)}\r\n\r\nnonce:long-header\r\n`)
    const sent = await sendMail(server.ports.mx, { from: 'a@outside.test', to: [alice] }, bytes)
    expect(sent.final?.code).toSatisfy((code: number) => code >= 500 && code < 600)
    expect(sent.final?.text).toMatch(/header|line/i)
    expect((await send('after-long-header')).final?.code).toBe(250)
  })

  test('a bare line feed is refused, nothing is smuggled', async () => {
    const session = openLine(server.ports.mx)
    await greet(session)
    for (const line of ['MAIL FROM:<a@outside.test>', `RCPT TO:<${alice}>`])
      expect((await session.command(line)).code).toBe(250)
    expect((await session.command('DATA')).code).toBe(354)
    session.write(
      `Subject: one\r\n\r\nnonce:smuggle-1\r\n\n.\r\nMAIL FROM:<b@outside.test>\r\nRCPT TO:<${alice}>\r\nDATA\r\nnonce:smuggle-2\r\n.\r\n`,
    )
    expect((await session.reply()).code).toSatisfy((code: number) => code >= 500)
    session.close()
    await sleep(500)
    expect([arrived('smuggle-1'), arrived('smuggle-2')]).toEqual([0, 0])
  })

  test('a message without its final dot is not accepted', async () => {
    const session = openLine(server.ports.mx)
    await greet(session)
    for (const line of ['MAIL FROM:<a@outside.test>', `RCPT TO:<${alice}>`, 'DATA']) await session.command(line)
    session.write('Subject: cut\r\n\r\nnonce:no-dot\r\n')
    session.socket.end()
    await sleep(500)
    expect((await send('after-no-dot')).final?.code).toBe(250)
    await until('the next message', () => arrived('after-no-dot') === 1)
    expect(arrived('no-dot')).toBe(0)
  })

  test('a thousand parts in each other can be read', async () => {
    const depth = 1000
    const open = Array.from(
      { length: depth },
      (_, i) => `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}\r\n`,
    ).join('')
    const close = Array.from({ length: depth }, (_, i) => `\r\n--b${depth - 1 - i}--\r\n`).join('')
    const bytes = Buffer.from(
      `From: a@outside.test\r\nTo: ${alice}\r\nSubject: a thousand parts\r\nMIME-Version: 1.0\r\n${open}Content-Type: text/plain\r\n\r\nnonce:deep\r\n${close}`,
    )
    expect((await sendMail(server.ports.mx, { from: 'a@outside.test', to: [alice] }, bytes)).final?.code).toBe(250)
    const web = await signIn(server.ports.http, alice, passwordFor('alice'))
    const [found] = await web.jmap([['Email/query', { filter: { subject: 'a thousand parts' } }]])
    const properties = ['subject', 'bodyValues', 'textBody']
    const asked = Date.now()
    const [read] = await web.jmap([['Email/get', { ids: found.ids, properties, fetchAllBodyValues: true }]])
    // fifty parts deep it is no more taken apart, but shown as it came, and says so
    expect(Date.now() - asked).toBeLessThan(3000)
    const [{ subject, bodyValues, textBody }] = read.list
    expect(subject).toBe('a thousand parts')
    expect(textBody).toHaveLength(1)
    expect(bodyValues[textBody[0].partId]).toMatchObject({
      value: expect.stringContaining('nonce:deep'),
      isTruncated: true,
    })
    await until('it at the primary', () => arrived('deep') === 1)
  })
})

describe('the database is gone', () => {
  const readySoon = (wanted: number) =>
    until(`/readyz ${wanted}`, async () => (await status('/readyz')) === wanted, 30_000, 100)

  /** Session up to the final dot, then `breakIt`, then the dot: the answer and how long it took. */
  async function dotAfter(nonce: string, breakIt: () => void): Promise<{ code: number; ms: number }> {
    const session = openLine(server.ports.mx)
    await greet(session)
    for (const line of ['MAIL FROM:<a@outside.test>', `RCPT TO:<${alice}>`, 'DATA']) await session.command(line)
    session.write(simple(nonce))
    await sleep(50)
    breakIt()
    const from = Date.now()
    session.write('.\r\n')
    const { code } = await session.reply()
    session.close()
    return { code, ms: Date.now() - from }
  }
  const signal = (name: NodeJS.Signals, pids: readonly number[]): void => {
    for (const pid of pids) process.kill(pid, name)
  }

  test('frozen: 451 within two seconds, not ready, and well again afterwards', async () => {
    const family = familyOf(installation.postmaster()!)
    try {
      const { code, ms } = await dotAfter('frozen', () => signal('SIGSTOP', family))
      expect(code).toBe(451)
      expect(ms).toBeLessThan(3000)
      await readySoon(503)
      expect(await status('/healthz')).toBe(200)
    } finally {
      signal('SIGCONT', family)
    }
    await readySoon(200)
    expect(
      await until(
        '250 again',
        async () => ((await send('after-frozen')).final?.code === 250 ? true : null),
        20_000,
        300,
      ),
    ).toBe(true)
    await until('it at the primary', () => arrived('after-frozen') === 1)
  })

  test('killed: 451 or a true 250, and well again by itself', async () => {
    const killed = installation.postmaster()!
    const { code } = await dotAfter('killed', () => signal('SIGKILL', [killed]))
    // A backend may outlive its postmaster for the moment it takes to commit: then 250 is the truth.
    expect([250, 451]).toContain(code)
    await until('a new postmaster', () => ![null, killed].includes(installation.postmaster()), 40_000, 100)
    await readySoon(200)
    if (code === 250) await until('what got its 250 at the primary', () => arrived('killed') >= 1, 60_000)
    await until('250 again', async () => ((await send('after-killed')).final?.code === 250 ? true : null), 40_000, 300)
    await until('it at the primary', () => arrived('after-killed') >= 1)
  })
})

describe('the primary', () => {
  test('hangs after the final dot and is cut off: unsure, and at most one duplicate', async () => {
    await primary.setFault('hang-dot-stored', 1)
    expect((await send('hang')).final?.code).toBe(250)
    await until('it to hang', () => arrived('hang') === 1)
    await sleep(300)
    // the connection breaks, as it does when the primary's machine goes down
    await primary.setFault('off')
    await sleep(300)
    await primary.setFault(null)
    await until('a second arrival or peace', () => arrived('hang') === 2, 15_000).catch(() => undefined)
    const unsure = (await unsureAttempts(operator, new Set(['hang']))).get(`hang ${alice}`) ?? 0
    expect(unsure).toBeGreaterThanOrEqual(1)
    expect(arrived('hang')).toBeLessThanOrEqual(1 + unsure)
  })

  test('refuses after our 250: nothing is dropped silently', async () => {
    primary.answer(alice, { rcpt: '550 5.7.1 Not today' })
    onTestFinished(() => primary.answer(alice, null))
    expect(
      (await sendMail(server.ports.mx, { from: 'forged@outside.test', to: [alice] }, simple('refused'))).final?.code,
    ).toBe(250)
    const state = async (): Promise<string> => {
      const traced = await installation.must(['trace', '--json', '--organisation', 'bad', 'kill proof refused'])
      return traced.json.messages[0].deliveries[0].state
    }
    // the sender is not who it says it is: a notice would go to somebody who wrote nothing (promise 9)
    await until('it to be dealt with', async () => !['leased', 'ready', 'refused'].includes(await state()))
    expect(await state()).toBe('parked')
    expect(sink.store.all()).toEqual([])
  })
})

describe('the disk is full', () => {
  test('at the reserve: 452, and 250 as soon as there is room', async () => {
    await server.stop()
    installation.configure({ storage: { reserveBytes: 2 ** 50 }, delivery: { lease: 3 } })
    server = await installation.start()
    const full = await send('full')
    expect([full.final?.code, full.recipients[0]?.reply.code]).toContain(452)
    await server.stop()
    installation.configure({ delivery: { lease: 3 } })
    server = await installation.start()
    expect((await send('room')).final?.code).toBe(250)
    await until('it at the primary', () => arrived('room') === 1)
    expect(arrived('full')).toBe(0)
  })
})

test('every invariant holds afterwards', async () => {
  const check = await installation.cli(['check', '--json'])
  expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
})
