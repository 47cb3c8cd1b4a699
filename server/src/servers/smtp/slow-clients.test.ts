/**
 * Clients that give an octet now and then and never finish, in every phase of a session: each is ended in bounded time with a
 * clear answer where one can be given, holds nothing afterwards, and others are served all the while.
 */
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import type { LineClient } from '../../../testkit/line-client.ts'
import { mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'
import { PLAIN_ALICE, submissionFixture } from '../../../testkit/submission-fixture.ts'
import { selfSigned } from '../../platform/certificate.ts'
import type { Metrics } from '../../platform/metrics.ts'

const pem = selfSigned(['x'], Date.now())
/** Between two octets: less than any time-out of silence. */
const STEP_MS = 50_000

let clock: FakeClock
let mx: MxFixture | null = null
afterEach(async () => {
  await mx?.close()
  expect(mx?.violations ?? []).toEqual([])
  mx = null
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
async function sessions(metrics: Metrics): Promise<number> {
  return (await metrics.registry.getSingleMetric('holdfast_smtp_sessions')!.get()).values[0]!.value
}

/** One octet of `text` every STEP_MS, round and round; resolves with the milliseconds until the server has ended it. */
async function drip(client: LineClient, text: string, meanwhile: () => Promise<void>, step = STEP_MS): Promise<number> {
  const end = { over: false }
  client.socket.once('close', () => (end.over = true))
  client.socket.once('end', () => (end.over = true))
  client.socket.on('error', () => (end.over = true))
  const began = clock.monotonic()
  for (let i = 0; !end.over; i++) {
    if (clock.monotonic() - began > 20_000_000) throw new Error('it was never ended')
    if (client.socket.writable) client.send(text[i % text.length]!)
    await pause(2)
    await clock.advance(step)
    await pause(2)
    if (i % 10 === 0) await meanwhile()
  }
  return clock.monotonic() - began
}

interface Phase {
  lines: string[]
  text: string
  /** most seconds that the client gets: of silence, or of a whole transaction */
  most: number
  answer: RegExp
  options?: MxFixtureOptions
}
const command = /421 4\.4\.2 [^\r\n]*\r\n$/
const phases: Record<string, Phase> = {
  'before EHLO': { lines: [], text: 'x', most: 360, answer: command },
  'EHLO': { lines: [], text: 'EHLO a.very.long.name', most: 360, answer: command },
  'MAIL': { lines: ['EHLO x'], text: 'MAIL FROM:<aaaaaaaaaaaaaaa', most: 360, answer: command },
  'RCPT': { lines: ['EHLO x', 'MAIL FROM:<a@b>'], text: 'RCPT TO:<aaaaaaaaaaaaaaaaaa', most: 360, answer: command },
  'DATA': {
    lines: ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA'],
    text: 'x',
    most: 3700,
    answer: command,
  },
  'dots that end nothing': {
    lines: ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA'],
    text: '\r\n..',
    most: 3700,
    answer: command,
  },
  'BDAT': {
    lines: ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>'],
    text: 'BDAT 99999',
    most: 360,
    answer: command,
  },
  'the octets of BDAT': {
    lines: ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'BDAT 0', 'BDAT 900000\r\nNOOP'],
    text: 'x',
    most: 3700,
    answer: command,
  },
  'the octets of a BDAT that was refused': {
    lines: ['EHLO x', 'BDAT 900000\r\nNOOP'],
    text: 'x',
    most: 3700,
    answer: command,
  },
  'AUTH where there is none': { lines: ['EHLO x'], text: 'AUTH PLAIN AAAA', most: 360, answer: command },
  'the TLS handshake': {
    lines: ['EHLO x', 'STARTTLS'],
    text: '\x16\x03\x01\x01\x00\x01',
    most: 120,
    answer: /^220 2\.0\.0 [^\r\n]*\r\n$/m,
    options: { tls: () => pem },
  },
  'after QUIT': { lines: ['EHLO x', 'QUIT'], text: 'x', most: 60, answer: /221 2\.0\.0 [^\r\n]*\r\n$/ },
  'a PROXY header': {
    lines: [],
    text: 'PROXY TCP4 192.0.2.1 192.0.2.2 4000 25',
    most: 60,
    answer: /^$/,
    options: { smtp: { proxies: ['127.0.0.1'] } },
  },
}

describe('drop by drop at the MX', () => {
  test.each(Object.keys(phases))('%s', async (name) => {
    const { lines, text, most, answer, options } = phases[name]!
    clock = fakeClock()
    mx = await mxFixture({ clock, ...options })
    const it = mx
    const behindProxy = options?.smtp?.proxies !== undefined
    /** A neighbour who comes now and then and gets its message through at once. */
    async function meanwhile(): Promise<void> {
      const other = await it.client()
      if (behindProxy) other.send('PROXY UNKNOWN\r\n')
      await other.reply()
      for (const line of ['EHLO n', 'MAIL FROM:<n@n>', 'RCPT TO:<n@d.example>', 'DATA', 'a: b\r\n.'])
        expect((await other.command(line)).code).toBeLessThan(400)
      await other.command('QUIT')
      other.destroy()
    }
    const slow = await it.client()
    if (!behindProxy) await slow.reply()
    for (const line of lines) {
      slow.send(`${line}\r\n`)
      if (!line.includes('\r\n')) await slow.reply()
    }
    const took = await drip(slow, text, meanwhile)
    expect(took / 1000).toBeLessThanOrEqual(most)
    expect(slow.transcript()).toMatch(answer)
    slow.destroy()
    await pause(20)
    expect(await sessions(it.metrics)).toBe(0)
    const slowOnes = it.seen.filter(({ envelope }) => envelope.from === 'a@b')
    expect(slowOnes.filter(({ outcome }) => outcome !== 'aborted')).toEqual([])
    expect(
      it.seen.filter(({ envelope, outcome }) => envelope.from === 'n@n' && outcome === 'finished').length,
    ).toBeGreaterThan(0)
  })

  test('replies that nobody reads: the session ends all the same', async () => {
    clock = fakeClock()
    mx = await mxFixture({ clock, smtp: { commands: 10_000_000 } })
    const client = await mx.greeted()
    client.socket.pause()
    for (let i = 0; i < 400; i++) client.send('HELP\r\n'.repeat(2000))
    await pause(100)
    await clock.advance(400_000)
    await pause(20)
    expect(await sessions(mx.metrics)).toBe(0)
    client.destroy()
  })

  test('inside TLS', async () => {
    clock = fakeClock()
    mx = await mxFixture({ clock, tls: () => pem })
    const client = await mx.greeted()
    await client.command('STARTTLS')
    await client.startTls()
    const took = await drip(client, 'EHLO aaaaaaaaaaaaa', async () => undefined)
    expect(took).toBeLessThanOrEqual(360_000)
    expect(client.transcript()).toMatch(command)
  })
})

describe('drop by drop at submission', () => {
  test.each([
    ['a password', ['AUTH PLAIN'], PLAIN_ALICE.slice(0, 20), 360],
    ['a name', ['AUTH LOGIN'], 'YWxp', 360],
    ['signed in', [`AUTH PLAIN ${PLAIN_ALICE}`], 'MAIL FROM:<aaaa', 360],
    [
      'a message',
      [`AUTH PLAIN ${PLAIN_ALICE}`, 'MAIL FROM:<alice@corp.test>', 'RCPT TO:<c@d.example>', 'DATA'],
      'x',
      3700,
    ],
  ])('%s', async (_name, lines, text, most) => {
    clock = fakeClock()
    const it = await submissionFixture({ clock })
    const client = await it.secured()
    for (const line of lines) await client.command(line)
    expect((await drip(client, text, async () => undefined)) / 1000).toBeLessThanOrEqual(most)
    expect(client.transcript()).toMatch(command)
    client.destroy()
    await pause(20)
    expect(await sessions(it.metrics)).toBe(0)
    expect(it.seen.filter(({ outcome }) => outcome !== 'aborted')).toEqual([])
    expect(it.violations).toEqual([])
    await it.close()
  })

  test('the handshake of TLS from the start', async () => {
    clock = fakeClock()
    const it = await submissionFixture({ clock, name: 'submissions' })
    const client = await it.client()
    expect((await drip(client, '\x16\x03\x01\x01\x00\x01', async () => undefined)) / 1000).toBeLessThanOrEqual(120)
    // and somebody who shakes hands properly is greeted
    const proper = connectTls({ port: it.port, host: '127.0.0.1', rejectUnauthorized: false })
    const said = await new Promise<string>((resolve) =>
      proper.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    expect(said).toMatch(/^220 /)
    proper.destroy()
    await it.close()
  })
})
