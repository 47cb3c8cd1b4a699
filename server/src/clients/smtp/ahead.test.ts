/** The next transaction said with the final dot of the one before it (RFC 2920 section 3.1): what may be lost, and what never. */
import { afterEach, expect, test } from 'vitest'
import { startNextHop, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type OutgoingMail, type SmtpConnection } from './connection.ts'

let hop: NextHop
let connection: SmtpConnection
afterEach(async () => {
  connection.destroy()
  await hop.close()
})

const mail = (text: string, change: Partial<OutgoingMail> = {}): OutgoingMail => ({
  from: 'a@outside.test',
  size: 100,
  smtputf8: false,
  eightbit: false,
  ret: null,
  envid: null,
  recipients: [{ address: `${text}@corp.test`, notify: null, orcpt: null }],
  body: () => [Buffer.from(`${text}\r\n`)],
  ...change,
})

async function open(options: NextHopOptions = {}, protocol: 'smtp' | 'lmtp' = 'smtp'): Promise<void> {
  hop = await startNextHop(options)
  connection = await openSmtpConnection({
    target: { host: '127.0.0.1', port: hop.port, protocol, tls: 'none' },
    helo: 'mx.test',
    clock: systemClock,
    timeouts: { ahead: 300 },
  })
}
const heard = (): string[] => hop.heard.map(({ line }) => line)
const silentFromDot: NextHopOptions['answer'] = () => (heard().includes('.') ? '' : undefined)

test('each message arrives whole, in its order, and each has its own answer', async () => {
  await open({ answer: ({ line }) => (line === 'RCPT TO:<two@corp.test>' ? '550 5.1.1 who?' : undefined) })
  const mails = ['one', 'two', 'three'].map((text) => mail(text))
  const outcomes: string[] = []
  for (const [i, one] of mails.entries()) {
    expect(connection.usable(one)).toBe(true)
    const results = await connection.send(one, { next: () => mails[i + 1] ?? null })
    outcomes.push(results[0]!.outcome)
  }
  expect(outcomes).toEqual(['delivered', 'refused', 'delivered'])
  expect(heard().filter((line) => ['one', 'two', 'three'].includes(line))).toEqual(['one', 'three'])
  expect(hop.connections()).toBe(1)
})

test('the next is on its way before the answer to the one before it; its body is not', async () => {
  await open({ answer: silentFromDot })
  const second = mail('two')
  const first = connection.send(mail('one'), { next: () => second })
  await expect.poll(heard).toEqual(expect.arrayContaining(['RCPT TO:<two@corp.test>']))
  await expect.poll(() => heard().at(-1)).toBe('DATA')
  connection.destroy()
  expect((await first)[0]!.outcome).toBe('unsure')
  // Nothing of it can have been taken.
  expect((await connection.send(second))[0]).toMatchObject({ outcome: 'deferred', stage: 'mail' })
  expect(heard()).not.toContain('two')
})

test('what was said ahead is the only thing the connection can carry; without it, it is closed in silence', async () => {
  await open()
  const second = mail('two')
  await connection.send(mail('one'), { next: () => second })
  expect([connection.usable(), connection.usable(mail('two')), connection.usable(second)]).toEqual([false, false, true])
  connection.quit()
  await expect.poll(() => connection.usable(second)).toBe(false)
  // Behind DATA it would have been the text of a message.
  expect(heard()).not.toContain('QUIT')
})

test('another message than the one said ahead is not sent by it', async () => {
  await open()
  await connection.send(mail('one'), { next: () => mail('two') })
  const [result] = await connection.send(mail('three'))
  expect(result).toMatchObject({ outcome: 'deferred', failure: 'local' })
  expect(heard()).not.toContain('three')
})

test('a server that has lost it is waited for seconds, not minutes', async () => {
  await open({ answer: ({ line }) => (/two@|DATA/.test(line) && heard().includes('.') ? '' : undefined) })
  const second = mail('two', { from: 'two@outside.test' })
  expect((await connection.send(mail('one'), { next: () => second }))[0]!.outcome).toBe('delivered')
  expect((await connection.send(second))[0]).toMatchObject({ outcome: 'deferred', stage: 'mail', failure: 'timeout' })
})

test.each<[string, NextHopOptions, OutgoingMail, boolean]>([
  ['a plain message', {}, mail('x'), true],
  ['a server that takes one command after the other', { extensions: [] }, mail('x'), false],
  ['a message too large for it', { extensions: ['PIPELINING', 'SIZE 50'] }, mail('x'), false],
  ['a header that has to be read first', {}, mail('x', { smtputf8: true }), false],
  ['an address it does not take', {}, mail('ü'), false],
])('%s: may it follow another?', async (_, options, one, may) => {
  await open(options)
  expect(connection.mayFollow(one)).toBe(may)
})

test('over LMTP nothing follows: one reply for a whole message would be followed by those of the next', async () => {
  await open({}, 'lmtp')
  expect(connection.mayFollow(mail('x'))).toBe(false)
})

test('what is wrong with the next message does not make this one unsure', async () => {
  await open()
  const next = (): OutgoingMail => {
    throw new Error('it cannot be read')
  }
  expect((await connection.send(mail('one'), { next }))[0]!.outcome).toBe('delivered')
  expect(connection.usable()).toBe(true)
})
