/** The client against every ill-behaviour of the stand-in: which results, and whether anything could have been taken. */
import { afterEach, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../../../testkit/stand-in/stand-in.ts'
import type { FaultName } from '../../../testkit/stand-in/faults.ts'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type OutgoingMail } from './connection.ts'
import { SmtpFailure } from './result.ts'

let peer: StandIn
afterEach(() => peer.close())

const bytes = Buffer.from('Subject: x\r\n\r\n.first dot\r\n..two\r\nmiddle\r\n.\r\nlast')
const mail = (to: string[], change: Partial<OutgoingMail> = {}): OutgoingMail => ({
  from: 'a@corp.test',
  size: bytes.length,
  smtputf8: false,
  eightbit: false,
  ret: null,
  envid: null,
  recipients: to.map((address) => ({ address, notify: null, orcpt: null })),
  body: () => [bytes.subarray(0, 20), bytes.subarray(20)],
  ...change,
})
const timeouts = { connect: 1000, greeting: 700, command: 700, data: 700, block: 700, final: 700 } as never
const open = (protocol: 'smtp' | 'lmtp' = 'smtp') =>
  openSmtpConnection({
    target: { host: '127.0.0.1', port: peer.port, protocol, tls: 'none' },
    helo: 'mx.test',
    clock: systemClock,
    timeouts,
  })

test('bytes arrive unchanged, several transactions on one connection, a result for each recipient', async () => {
  peer = await startStandIn()
  peer.answer('full@corp.test', { rcpt: '452 4.2.2 Mailbox full' })
  peer.answer('gone@corp.test', { rcpt: '550 5.1.1 No such user' })
  const connection = await open()
  const results = await connection.send(mail(['ok@corp.test', 'full@corp.test', 'gone@corp.test']))
  expect(results.map((r) => [r.outcome, r.stage, r.enhanced])).toEqual([
    ['delivered', 'final', '2.0.0'],
    ['deferred', 'rcpt', '4.2.2'],
    ['refused', 'rcpt', '5.1.1'],
  ])
  expect((await connection.send(mail(['gone@corp.test']))).map((r) => r.outcome)).toEqual(['refused'])
  expect((await connection.send(mail(['ok@corp.test']))).map((r) => r.outcome)).toEqual(['delivered'])
  expect(peer.connections).toBe(1)
  expect(peer.store.all()).toHaveLength(2)
  expect(peer.store.all()[0]!.bytes.toString()).toBe(`${bytes.toString()}\r\n`)
  connection.quit()
})

test('a server without PIPELINING is spoken to line by line', async () => {
  peer = await startStandIn({ extensions: ['8BITMIME'] })
  const connection = await open()
  expect((await connection.send(mail(['a@corp.test', 'b@corp.test']))).map((r) => r.outcome)).toEqual([
    'delivered',
    'delivered',
  ])
  connection.quit()
})

test('LMTP: one reply for each recipient', async () => {
  peer = await startStandIn({ protocol: 'lmtp' })
  peer.answer('full@corp.test', { delivery: '452 4.2.2 Mailbox full' })
  const connection = await open('lmtp')
  expect((await connection.send(mail(['a@corp.test', 'full@corp.test', 'c@corp.test']))).map((r) => r.outcome)).toEqual(
    ['delivered', 'deferred', 'delivered'],
  )
  connection.quit()
})

test.each<[FaultName, string, string]>([
  ['drop-body', 'deferred', 'data'],
  ['hang-dot', 'unsure', 'final'],
  ['hang-dot-stored', 'unsure', 'final'],
  ['drop-dot', 'unsure', 'final'],
  ['drop-dot-stored', 'unsure', 'final'],
  ['dot-5xx', 'refused', 'final'],
])('%s is %s', async (fault, outcome, stage) => {
  peer = await startStandIn()
  const connection = await open()
  await peer.setFault(fault)
  // Larger than the kernel's buffers, so that "in the middle of the message" is in the middle.
  const big = Buffer.alloc(fault === 'drop-body' ? 8_000_000 : 100, 'x')
  const [result] = await connection.send(
    mail(['a@corp.test'], { size: big.length, body: () => [big, Buffer.from('\r\n')] }),
  )
  expect([result!.outcome, result!.stage]).toEqual([outcome, stage])
  if (outcome === 'unsure') expect(connection.usable()).toBe(false)
})

test("our own failure to read the bytes is nobody else's: deferred, nothing taken, not evidence", async () => {
  peer = await startStandIn()
  const connection = await open()
  const [result] = await connection.send(
    mail(['a@corp.test'], {
      body: async function* () {
        yield bytes
        throw new Error('the disk says no')
      },
    }),
  )
  expect(result).toMatchObject({ outcome: 'deferred', failure: 'local' })
  expect(peer.store.all()).toHaveLength(0)
})

test('cut: before the dot it ends as deferred, at the dot it goes on', async () => {
  peer = await startStandIn()
  const connection = await open()
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const sending = connection.send(
    mail(['a@corp.test'], {
      body: async function* () {
        yield bytes
        await gate
        yield bytes
      },
    }),
  )
  await systemClock.sleep(50)
  connection.cut()
  release()
  expect((await sending)[0]!.outcome).toBe('deferred')
  expect(peer.store.all()).toHaveLength(0)
})

test('an internationalised address does not go where SMTPUTF8 is not spoken', async () => {
  peer = await startStandIn({ extensions: ['PIPELINING'] })
  const connection = await open()
  expect((await connection.send(mail(['jürgen@corp.test'], { smtputf8: true })))[0]).toMatchObject({
    outcome: 'refused',
    enhanced: '5.6.7',
  })
  connection.quit()
})

test.each<[FaultName, string, string]>([
  ['off', 'connect', 'refused'],
  ['hang-connect', 'greeting', 'timeout'],
  ['greet-421', 'greeting', 'reply'],
  ['greet-554', 'greeting', 'reply'],
])('%s fails at %s as %s', async (fault, stage, kind) => {
  peer = await startStandIn()
  await peer.setFault(fault)
  const failure = await open().then(
    () => null,
    (error: unknown) => error as SmtpFailure,
  )
  expect(failure).toBeInstanceOf(SmtpFailure)
  expect([failure!.stage, failure!.kind]).toEqual([stage, kind])
})

test('a slow answer is told again and again while the wait goes on: a connection that hangs stays evidence', async () => {
  peer = await startStandIn()
  const connection = await open()
  await peer.setFault('hang-dot')
  const slow: string[] = []
  const [result] = await connection.send(mail(['a@corp.test']), {
    slowMs: 40,
    onSlow: (stage, waitedMs) => slow.push(`${stage} ${waitedMs}`),
  })
  expect(slow.slice(0, 3)).toEqual(['final 40', 'final 80', 'final 120'])
  expect(result!.outcome).toBe('unsure')
})

test('what a sender wrote into ENVID, ORCPT or an address cannot become a command or a parameter', async () => {
  peer = await startStandIn()
  const connection = await open()
  const tricky = mail(['a@corp.test'], {
    envid: 'x y=1 SIZE=1',
    recipients: [{ address: 'a@corp.test', notify: 'FAILURE', orcpt: 'rfc822;a b+c@corp.test NOTIFY=NEVER' }],
  })
  expect((await connection.send(tricky))[0]!.outcome).toBe('delivered')
  expect(peer.commands.some((line) => line.includes('ENVID=x+20y+3D1+20SIZE+3D1'))).toBe(true)
  expect(
    peer.commands.some((line) =>
      /^RCPT TO:<a@corp\.test> NOTIFY=FAILURE ORCPT=rfc822;a\+20b\+2Bc@corp\.test\+20NOTIFY\+3DNEVER$/.test(line),
    ),
  ).toBe(true)
  const [refused] = await connection.send(mail(['a@corp.test>\r\nRCPT TO:<b@corp.test']))
  expect(refused).toMatchObject({ outcome: 'refused', enhanced: '5.1.3' })
  expect(peer.store.all()).toHaveLength(1)
  connection.quit()
})
