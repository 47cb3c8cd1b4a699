/**
 * Clients that are slow, or that misuse AUTH, in each phase: they are told and ended in bounded time, nothing is kept of
 * them, and a neighbour sends all the while. On a clock that the test moves.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../../testkit/fake-clock.ts'
import type { LineClient } from '../../../../testkit/line-client.ts'
import {
  PLAIN_ALICE,
  submissionFixture,
  type SubmissionFixture,
  type SubmissionFixtureOptions,
} from '../../../../testkit/submission-fixture.ts'
import { SIGN_IN_MS } from '../sending.ts'

let it: SubmissionFixture
let clock: FakeClock
const open = async (options: SubmissionFixtureOptions = {}): Promise<SubmissionFixture> => {
  clock = fakeClock()
  return (it = await submissionFixture({ clock, ...options }))
}
afterEach(async () => {
  await it.close()
  expect(it.violations).toEqual([])
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const b64 = (text: string): string => Buffer.from(text).toString('base64')
const codes = (all: { raw: string }[]): string[] => all.map(({ raw }) => raw.slice(0, 9))
const FROM = 'MAIL FROM:<alice@corp.test>'
const TO = 'RCPT TO:<c@d.example>'
async function say(client: LineClient, ...lines: string[]): Promise<string[]> {
  const said: string[] = []
  for (const line of lines) said.push((await client.command(line)).raw.slice(0, 9))
  return said
}
/** Somebody else sends a message meanwhile. */
async function neighbour(): Promise<void> {
  const before = it.seen.filter(({ outcome }) => outcome === 'finished').length
  const client = await it.signedIn()
  expect((await say(client, FROM, TO, 'DATA', 'x: y\r\n\r\nhello\r\n.')).at(-1)).toMatch(/^250/)
  expect(it.seen.filter(({ outcome }) => outcome === 'finished')).toHaveLength(before + 1)
  client.destroy()
}

/** Sends `bytes` one by one, `everyMs` apart, until the server has ended the connection; how long that took. */
async function drip(client: LineClient, bytes: string, everyMs: number): Promise<number> {
  const ended = new AbortController()
  client.socket.once('end', () => ended.abort())
  client.socket.once('close', () => ended.abort())
  let at = 0
  while (!ended.signal.aborted && at < 2000) {
    if (!client.socket.destroyed) client.send(bytes[at % bytes.length]!)
    at++
    await pause(2)
    await clock.advance(everyMs)
  }
  return at * everyMs
}

const MINUTE = 60_000
/** Silence between commands, in the message, for all of one message (platform/config). */
const [COMMAND, TRANSACTION] = [5 * MINUTE, 60 * MINUTE]

describe('slow, byte by byte', () => {
  test.each<[string, (client: LineClient) => Promise<unknown>, { bytes: string; most: number; last: string[] }]>([
    ['after the greeting', (client) => client.reply(), { bytes: 'N', most: COMMAND, last: ['421 4.4.2'] }],
    [
      'in EHLO, before TLS',
      async (client) => {
        await client.reply()
        client.send('EHLO ')
      },
      { bytes: 'x', most: COMMAND, last: ['421 4.4.2'] },
    ],
    [
      'in the handshake',
      async (client) => {
        await client.reply()
        await say(client, 'EHLO x', 'STARTTLS')
        // The beginning of a record of a handshake, which never ends.
        client.send(Buffer.from([0x16, 3, 1, 2, 0, 1]))
      },
      { bytes: '\0', most: 2 * MINUTE, last: [] },
    ],
  ])('%s', async (_, prepare, { bytes, most, last }) => {
    await open()
    const client = await it.client()
    await prepare(client)
    await neighbour()
    expect(await drip(client, bytes, 5000)).toBeLessThanOrEqual(most + 10_000)
    expect(codes(await client.ended())).toEqual(last)
    await neighbour()
  })

  test.each<[string, string[], { bytes: string; most: number }]>([
    ['in AUTH', ['AUTH LOGIN'], { bytes: 'A', most: COMMAND }],
    ['in the password', ['AUTH LOGIN', b64('alice@corp.test')], { bytes: 'A', most: COMMAND }],
    ['in MAIL', [`AUTH PLAIN ${PLAIN_ALICE}`], { bytes: 'MAIL FROM:<', most: COMMAND }],
    ['in RCPT', [`AUTH PLAIN ${PLAIN_ALICE}`, FROM], { bytes: 'RCPT TO:<', most: COMMAND }],
    ['in DATA', [`AUTH PLAIN ${PLAIN_ALICE}`, FROM, TO, 'DATA'], { bytes: 'x', most: TRANSACTION }],
    ['after DATA', [`AUTH PLAIN ${PLAIN_ALICE}`, FROM, TO, 'DATA', '.'], { bytes: 'N', most: COMMAND }],
  ])('%s', async (_, lines, { bytes, most }) => {
    await open()
    const client = await it.secured()
    await say(client, ...lines)
    await neighbour()
    const step = most === TRANSACTION ? MINUTE : 5000
    expect(await drip(client, bytes, step)).toBeLessThanOrEqual(most + 2 * step)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
    await neighbour()
    // Nothing of a half message; what had its 250 stays.
    expect(new Set(it.seen.map(({ outcome }) => outcome)).has('open')).toBe(false)
    expect(it.seen.filter(({ outcome }) => outcome === 'aborted')).toHaveLength(most === TRANSACTION ? 1 : 0)
  })

  test('many at once take the places that one address may have, and no more', async () => {
    await open({ smtp: { connections: 40, connectionsPerAddress: 20 } })
    const slow: LineClient[] = []
    for (let i = 0; i < 20; i++) {
      const client = await it.client()
      await client.reply()
      client.send('E')
      slow.push(client)
    }
    expect(codes(await (await it.client()).ended())).toEqual(['421 4.7.0'])
    await clock.advance(COMMAND + 2000)
    for (const client of slow) expect(codes(await client.ended())).toEqual(['421 4.4.2'])
    for (const client of slow) client.destroy()
    await pause(20)
    await neighbour()
  })
})

describe('who never signs in', () => {
  test('commands now and then do not keep the connection', async () => {
    await open()
    const client = await it.secured()
    for (let minutes = 4; minutes * MINUTE < SIGN_IN_MS; minutes += 4) {
      await clock.advance(4 * MINUTE)
      expect(await say(client, 'NOOP', 'RSET', 'EHLO again')).toEqual(['250 2.0.0', '250 2.0.0', expect.any(String)])
    }
    await clock.advance(4 * MINUTE)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
  })

  test('who has signed in may stay, also through RSET and EHLO', async () => {
    await open()
    const client = await it.signedIn()
    for (let i = 0; i < 8; i++) {
      await clock.advance(4 * MINUTE)
      expect(await say(client, 'RSET')).toEqual(['250 2.0.0'])
    }
    expect((await say(client, FROM, TO, 'DATA', '.')).at(-1)).toBe('250 2.0.0')
  })

  test('a password that was changed begins a new time', async () => {
    await open()
    const client = await it.signedIn()
    for (let i = 0; i < 4; i++) {
      await clock.advance(4 * MINUTE)
      await say(client, 'NOOP')
    }
    it.changePassword()
    expect(await say(client, FROM, 'RSET')).toEqual(['530 5.7.0', '250 2.0.0'])
    await clock.advance(MINUTE)
    expect(await say(client, `AUTH PLAIN ${PLAIN_ALICE}`)).toEqual(['235 2.7.0'])
  })
})

describe('AUTH abused', () => {
  const wrong = b64('\0alice@corp.test\0guess')

  test('guesses over many connections: each is asked once, each connection ends, a neighbour signs in', async () => {
    await open()
    for (let i = 0; i < 20; i++) {
      const client = await it.secured()
      client.send(`AUTH PLAIN ${wrong}\r\n`.repeat(50))
      expect(codes(await client.ended())).toEqual(['535 5.7.8', '535 5.7.8', '535 5.7.8', '421 4.7.0'])
    }
    expect(it.tried).toHaveLength(60)
    await neighbour()
  })

  test.each([
    ['behind AUTH', 'AUTH PLAIN '],
    ['as an answer', 'AUTH PLAIN\r\n'],
    ['as a mechanism', 'AUTH '],
  ])('100 KB in one line %s: told or ended, nothing asked', async (_, start) => {
    await open()
    const client = await it.secured()
    client.send(`${start}${'A'.repeat(100_000)}\r\nNOOP\r\n`)
    const said = codes(await Promise.race([client.ended(), pause(300).then(() => client.replies(2))]).catch(() => []))
    expect(said.filter((code) => !/^(334|500 5\.5\.2|421 4\.7\.0|250 2\.0\.0)/.test(code))).toEqual([])
    expect(it.tried).toEqual([])
    await neighbour()
  })

  test('exchanges that are given up, without end: the connection is ended', async () => {
    await open()
    const client = await it.secured()
    client.send('AUTH LOGIN\r\n*\r\n'.repeat(100))
    const said = codes(await client.ended())
    expect(said.at(-1)).toBe('421 4.7.0')
    expect(said.filter((code) => code.startsWith('501'))).toHaveLength(21)
    expect(it.tried).toEqual([])
    await neighbour()
  })

  test('`=` and nothing, as an initial response and as an answer', async () => {
    await open()
    const client = await it.secured()
    expect(await say(client, 'AUTH PLAIN =', 'AUTH PLAIN', '=', 'AUTH LOGIN', '', 'AUTH LOGIN', '=', 'NOOP')).toEqual([
      '501 5.5.2',
      expect.stringMatching(/^334/),
      '501 5.5.2',
      expect.stringMatching(/^334/),
      '501 5.5.2',
      expect.stringMatching(/^334/),
      '501 5.5.2',
      '250 2.0.0',
    ])
    expect(it.tried).toEqual([])
  })

  test('twice, and signed in all the same', async () => {
    await open()
    const client = await it.signedIn()
    expect(await say(client, `AUTH PLAIN ${PLAIN_ALICE}`, `AUTH PLAIN ${wrong}`, FROM)).toEqual([
      '503 5.5.1',
      '503 5.5.1',
      '250 2.1.0',
    ])
    expect(it.tried).toHaveLength(1)
  })

  test('pipelined behind STARTTLS: never carried out, under TLS neither', async () => {
    await open()
    const client = await it.client()
    await client.reply()
    await client.command('EHLO x')
    client.send(`STARTTLS\r\nAUTH PLAIN ${PLAIN_ALICE}\r\n${FROM}\r\n`)
    expect((await client.reply()).code).toBe(220)
    await client.startTls()
    expect(await say(client, 'EHLO x', FROM)).toEqual([expect.stringMatching(/^250/), '530 5.7.0'])
    expect(it.tried).toEqual([])
  })

  test('broken off while the password is looked at: the next one is not held up', async () => {
    let release = (): void => undefined
    await open({ onVerify: () => new Promise((resolve) => (release = resolve)) })
    const client = await it.secured()
    client.send(`AUTH PLAIN ${PLAIN_ALICE}\r\n${FROM}\r\n`)
    await pause(30)
    client.destroy()
    await pause(30)
    release()
    const other = await it.secured()
    other.send(`AUTH PLAIN ${PLAIN_ALICE}\r\n`)
    await pause(30)
    release()
    expect((await other.reply()).code).toBe(235)
    expect(it.seen).toEqual([])
  })
})
