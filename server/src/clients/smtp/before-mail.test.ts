/** What a server cannot take is refused before a word is said, for those concerned; what it can take is told as it is. */
import { afterEach, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../../../testkit/stand-in/stand-in.ts'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type OutgoingMail } from './connection.ts'

let peer: StandIn
afterEach(() => peer.close())

const ascii = Buffer.from('Subject: x\r\n\r\nhello\r\n')
async function send(extensions: string[], to: string[], change: Partial<OutgoingMail> = {}) {
  peer = await startStandIn({ extensions })
  const connection = await openSmtpConnection({
    target: { host: '127.0.0.1', port: peer.port, protocol: 'smtp', tls: 'none' },
    helo: 'mx.test',
    clock: systemClock,
  })
  const results = await connection.send({
    from: 'a@corp.test',
    size: ascii.length,
    smtputf8: false,
    eightbit: false,
    ret: null,
    envid: null,
    recipients: to.map((address) => ({ address, notify: null, orcpt: null })),
    body: () => [ascii],
    ...change,
  })
  expect(connection.usable()).toBe(true)
  connection.quit()
  return results.map(({ outcome, stage, enhanced }) => [outcome, stage, enhanced])
}
const said = (verb: string): string[] => peer.commands.filter((line) => line.startsWith(verb))

test('a message over the announced size is refused without being sent (RFC 1870 section 6.1)', async () => {
  expect(await send(['SIZE 1000'], ['b@corp.test', 'c@corp.test'], { size: 1001 })).toEqual([
    ['refused', 'data', '5.3.4'],
    ['refused', 'data', '5.3.4'],
  ])
  expect(peer.commands.map((line) => line.split(' ')[0])).toEqual(['EHLO'])
})

test.each([
  ['of just the announced size', ['SIZE 1000']],
  ['where size is offered without a limit', ['SIZE 0']],
  ['where no limit is named', ['SIZE']],
])('a message %s is sent, with its size', async (_, extensions) => {
  expect(await send(extensions, ['b@corp.test'], { size: 1000 })).toEqual([['delivered', 'final', '2.0.0']])
  expect(said('MAIL')).toEqual(['MAIL FROM:<a@corp.test> SIZE=1000'])
})

test('a non-ASCII recipient is refused where SMTPUTF8 is not spoken, whatever was said; the others get theirs', async () => {
  expect(await send(['PIPELINING'], ['jürgen@corp.test', 'b@corp.test'])).toEqual([
    ['refused', 'rcpt', '5.6.7'],
    ['delivered', 'final', '2.0.0'],
  ])
  expect(said('RCPT')).toEqual(['RCPT TO:<b@corp.test>'])
})

test('a non-ASCII sender is not sent raw either (RFC 6531 section 3.2)', async () => {
  expect(await send([], ['b@corp.test'], { from: 'jürgen@corp.test' })).toEqual([['refused', 'mail', '5.6.7']])
  expect(said('MAIL')).toEqual([])
})

test.each([
  ['sender', 'jürgen@corp.test', 'b@corp.test'],
  ['recipient', 'a@corp.test', 'jürgen@corp.test'],
])('a non-ASCII %s asks for SMTPUTF8 of itself', async (_, from, to) => {
  expect(await send(['SMTPUTF8', '8BITMIME'], [to], { from })).toEqual([['delivered', 'final', '2.0.0']])
  expect(said('MAIL')).toEqual([`MAIL FROM:<${from}> SMTPUTF8`])
})

const utf8 = Buffer.from('From: Jürgen <a@corp.test>\r\nSubject: x\r\n\r\nhello\r\n')
test.each<[string, Buffer[], [string, string, string]]>([
  ['UTF-8 in the header', [utf8], ['refused', 'data', '5.6.9']],
  ['UTF-8 in the second piece of the header', [utf8.subarray(0, 5), utf8.subarray(5)], ['refused', 'data', '5.6.9']],
  [
    'UTF-8 in the body alone',
    [Buffer.from('Subject: x\r\n\r'), Buffer.from('\nJürgen\r\n')],
    ['delivered', 'final', '2.0.0'],
  ],
  ['nothing but ASCII', [ascii], ['delivered', 'final', '2.0.0']],
])('SMTPUTF8 was said, with %s, to a server without it', async (_, pieces, expected) => {
  expect(await send(['8BITMIME'], ['b@corp.test'], { smtputf8: true, eightbit: true, body: () => pieces })).toEqual([
    expected,
  ])
  expect(said('MAIL').join().includes('SMTPUTF8')).toBe(false)
})

test.each([
  [['8BITMIME'], true, 'MAIL FROM:<a@corp.test> BODY=8BITMIME'],
  [['8BITMIME'], false, 'MAIL FROM:<a@corp.test>'],
  [['PIPELINING'], true, 'MAIL FROM:<a@corp.test>'],
])('RFC 6152: a server that offers %j, eight bits %s: %s', async (extensions, eightbit, line) => {
  await send(extensions, ['b@corp.test'], { eightbit })
  expect(said('MAIL')).toEqual([line])
})

test.each([
  ['sender', 'a@corp.test>\r\nRCPT TO:<evil@corp.test', 'b@corp.test', ['refused', 'mail', '5.1.7']],
  ['recipient', 'a@corp.test', 'b@corp.test>\r\nRCPT TO:<evil@corp.test', ['refused', 'rcpt', '5.1.3']],
])('a %s in which a second line hides is not sent', async (_, from, to, expected) => {
  expect(await send([], [to], { from })).toEqual([expected])
  expect(peer.commands).toHaveLength(1)
})
