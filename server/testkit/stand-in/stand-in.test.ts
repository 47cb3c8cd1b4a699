import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { greet, openLine, sendMail, stuff, transact } from '../smtp-send.ts'
import { faultNames } from './faults.ts'
import { unstuff } from './session.ts'
import { startStandIn } from './stand-in.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'

const open: StandIn[] = []
const start = async (options: StandInOptions = {}): Promise<StandIn> => {
  const one = await startStandIn(options)
  open.push(one)
  return one
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
const envelope = { from: 'sender@outside.test', to: ['alice@corp.test'] }
const mail = 'Subject: hello\r\nX-Nonce: n-0001\r\n\r\n.one dot\r\n..two dots\r\nend\r\n'

test('keeps what it was sent, byte for byte, per mailbox', async () => {
  const primary = await start({ mailboxes: ['alice@corp.test', 'bob@corp.test'] })
  const sent = await sendMail(
    primary.port,
    { from: 'a@x.test', to: ['Alice@corp.test', 'bob@corp.test', 'nobody@corp.test'], mailParameters: 'BODY=8BITMIME' },
    mail,
  )
  expect(sent.recipients.map((one) => one.reply.code)).toEqual([250, 250, 550])
  expect(sent.final?.code).toBe(250)
  const [kept] = primary.store.of('ALICE@corp.test')
  expect(kept?.bytes.toString()).toBe(mail)
  expect(kept?.nonce).toBe('n-0001')
  expect(kept?.mailParameters).toBe('BODY=8BITMIME')
  expect(primary.store.of('bob@corp.test')).toHaveLength(1)
  expect(primary.store.all()).toHaveLength(1)
})

test('takes a pipelined conversation and messages cut anywhere', async () => {
  const primary = await start()
  const bytes = Buffer.from(
    `MAIL FROM:<a@x.test>\r\nRCPT TO:<b@corp.test>\r\nDATA\r\n${'line\r\n'.repeat(40)}\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@corp.test>\r\nDATA\r\n.\r\n`,
  )
  for (const step of [1, 2, 3, 5, 7, bytes.length]) {
    primary.store.clear()
    const session = openLine(primary.port)
    await greet(session)
    for (let at = 0; at < bytes.length; at += step) {
      session.write(bytes.subarray(at, at + step))
      if (step < 8 && at % 50 < step) await new Promise((resolve) => setImmediate(resolve))
    }
    const codes: number[] = []
    for (let i = 0; i < 8; i++) codes.push((await session.reply()).code)
    expect(codes).toEqual([250, 250, 354, 250, 250, 250, 354, 250])
    session.close()
    expect(primary.store.all().map((one) => one.bytes.length)).toEqual([242, 0])
  }
})

test('dot stuffing and its opposite are inverse', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('.', '\r\n', 'a', '..', '\r\n.'), { maxLength: 40 }), (parts) => {
      const bytes = Buffer.from(parts.join(''))
      expect(unstuff(stuff(bytes)).toString()).toBe(bytes.toString())
    }),
  )
})

test.each([
  ['greet-421', /421/],
  ['greet-554', /554/],
  ['hang-connect', /no reply/],
  ['hang-ehlo', /no reply/],
  ['drop-body', /closed/],
  ['hang-dot', /no reply/],
  ['drop-dot', /closed/],
  ['half-reply', /closed/],
] as const)('fault %s leaves the client without an answer', async (fault, message) => {
  const primary = await start()
  await primary.setFault(fault)
  await expect(sendMail(primary.port, envelope, mail, { timeoutMs: 200 })).rejects.toThrow(message)
  expect(primary.store.all()).toHaveLength(fault === 'half-reply' ? 1 : 0)
  await primary.setFault(null)
  expect((await sendMail(primary.port, envelope, mail)).ok).toBe(true)
})

test.each([
  ['mail-4xx', 451],
  ['data-4xx', 451],
  ['dot-452', 452],
  ['dot-5xx', 554],
] as const)('fault %s answers %i', async (fault, code) => {
  const primary = await start()
  await primary.setFault(fault, 1)
  expect((await sendMail(primary.port, envelope, mail)).final?.code).toBe(code)
  expect(primary.store.all()).toHaveLength(0)
  expect(primary.fault).toBeNull()
})

test('a lost answer keeps the message and says so', async () => {
  const primary = await start()
  for (const fault of ['drop-dot-stored', 'hang-dot-stored'] as const) {
    await primary.setFault(fault, 1)
    await expect(sendMail(primary.port, envelope, mail, { timeoutMs: 200 })).rejects.toThrow()
  }
  expect(primary.store.all().map((one) => one.answered)).toEqual([false, false])
})

test('off refuses connections, on listens on the same port again', async () => {
  const primary = await start()
  const { port } = primary
  await primary.setFault('off')
  await expect(sendMail(port, envelope, mail)).rejects.toThrow(/ECONNREFUSED/)
  await primary.setFault(null)
  expect(primary.port).toBe(port)
  expect((await sendMail(port, envelope, mail)).ok).toBe(true)
})

test('answers one recipient differently', async () => {
  const primary = await start()
  primary.answer('bob@corp.test', { rcpt: '452 4.2.2 Mailbox full' })
  const sent = await sendMail(primary.port, { from: 'a@x.test', to: ['alice@corp.test', 'bob@corp.test'] }, mail)
  expect(sent.recipients.map((one) => one.reply.code)).toEqual([250, 452])
  expect(primary.store.of('bob@corp.test')).toHaveLength(0)
})

test('LMTP answers once per recipient', async () => {
  const primary = await start({ protocol: 'lmtp' })
  primary.answer('bob@corp.test', { delivery: '452 4.2.2 Mailbox full' })
  const session = openLine(primary.port)
  await session.reply()
  await session.command('LHLO x.test')
  const sent = await transact(
    session,
    { from: 'a@x.test', to: ['alice@corp.test', 'bob@corp.test'] },
    Buffer.from(mail),
  )
  expect([sent.final?.code, (await session.reply()).code]).toEqual([250, 452])
  expect([primary.store.of('alice@corp.test').length, primary.store.of('bob@corp.test').length]).toEqual([1, 0])
  session.close()
})

test('slow is slow', async () => {
  const primary = await start({ slowMs: 60 })
  await primary.setFault('slow')
  const before = Date.now()
  expect((await sendMail(primary.port, envelope, mail)).ok).toBe(true)
  expect(Date.now() - before).toBeGreaterThan(300)
})

test('the journal brings everything back, without a line that was cut', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stand-in-'))
  const journal = join(folder, 'journal')
  const first = await start({ journal, sync: true })
  await sendMail(first.port, envelope, mail)
  await first.close()
  writeFileSync(journal, `${readFileSync(journal, 'utf8')}{"id":2,"at":3,"rec`)
  const second = await start({ journal })
  expect(second.store.of('alice@corp.test').map((one) => one.bytes.toString())).toEqual([mail])
  await sendMail(second.port, envelope, mail)
  const third = await start({ journal })
  expect(third.store.all()).toHaveLength(2)
  rmSync(folder, { recursive: true })
})

test('waits for mail and gives up in time', async () => {
  const primary = await start()
  setTimeout(() => void sendMail(primary.port, envelope, mail), 20)
  expect((await primary.store.waitFor((one) => one.nonce === 'n-0001')).recipients).toEqual(['alice@corp.test'])
  await expect(primary.store.waitForCount(2, 50)).rejects.toThrow('1 of 2')
})

test('every fault is listed with a text', () => {
  expect(faultNames.length).toBeGreaterThan(15)
})
