import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PLAIN_ALICE, submissionFixture, type SubmissionFixture } from '../../../../testkit/submission-fixture.ts'
import type { LineClient } from '../../../../testkit/line-client.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Log } from '../../../platform/log.ts'

/**
 * The live session under fire: hostile bytes in several states, cut anywhere. It must answer in the grammar of replies,
 * end when the client ends, log nothing as unexpected, keep every sink's contract, let nobody send who has not signed in,
 * and go on serving others.
 */
const states: Record<string, { secured: boolean; lines: string[] }> = {
  'in clear': { secured: false, lines: ['EHLO x'] },
  'under TLS': { secured: true, lines: [] },
  'in AUTH PLAIN': { secured: true, lines: ['AUTH PLAIN'] },
  'in AUTH LOGIN, after the name': { secured: true, lines: ['AUTH LOGIN', 'YWxpY2VAY29ycC50ZXN0'] },
  'after AUTH': { secured: true, lines: [`AUTH PLAIN ${PLAIN_ALICE}`] },
  'after RCPT': {
    secured: true,
    lines: [`AUTH PLAIN ${PLAIN_ALICE}`, 'MAIL FROM:<alice@corp.test>', 'RCPT TO:<c@d.example>'],
  },
  'in DATA': {
    secured: true,
    lines: [`AUTH PLAIN ${PLAIN_ALICE}`, 'MAIL FROM:<alice@corp.test>', 'RCPT TO:<c@d.example>', 'DATA'],
  },
}

const unexpected: unknown[] = []
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, text) => unexpected.push([text, fields]),
  child: () => log,
}

let it: SubmissionFixture
let steps = 0
const sometimes = (): Promise<void> | undefined =>
  ++steps % 3 === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined
beforeAll(async () => {
  it = await submissionFixture({
    log,
    recipients: 5,
    smtp: {
      errors: 30,
      commands: 60,
      messageBytes: 3000,
      headerBytes: 1000,
      connections: 5000,
      connectionsPerAddress: 5000,
    },
    onVerify: sometimes,
    onSender: sometimes,
    onWrite: () => {
      if (++steps % 7 === 0) throw new WireError('memory-full')
      return sometimes()
    },
    onFinish: () => {
      if (steps % 5 === 0) throw new WireError('database-unavailable')
    },
  })
})
afterAll(() => it.close())

const token = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      'EHLO x\r\n',
      'HELO x\r\n',
      'AUTH PLAIN\r\n',
      'AUTH LOGIN\r\n',
      'AUTH PLAIN ',
      'AUTH ',
      `AUTH PLAIN ${PLAIN_ALICE}\r\n`,
      `${PLAIN_ALICE}\r\n`,
      'YWxpY2VAY29ycC50ZXN0\r\n',
      'c2VjcmV0\r\n',
      '*\r\n',
      '=\r\n',
      'MAIL FROM:<alice@corp.test>\r\n',
      'MAIL FROM:<bob@corp.test>\r\n',
      'MAIL FROM:<>\r\n',
      'RCPT TO:<c@d.example>\r\n',
      'RCPT TO:<e@d.example>\r\n',
      'DATA\r\n',
      '.\r\n',
      '\r\n.\r\n',
      'RSET\r\n',
      'NOOP\r\n',
      'QUIT\r\n',
      'HELP\r\n',
      'From: x\r\n\r\nbody\r\n',
      '\r\n',
      '\n',
      '\r',
      '\0',
      ' ',
      'ü',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 10 }) },
  { weight: 1, arbitrary: fc.nat(14_000).map((n) => 'A'.repeat(n)) },
)
const pieces = fc.array(
  fc.array(token, { maxLength: 6 }).map((all) => all.join('')),
  { minLength: 1, maxLength: 8 },
)

async function reach(state: { secured: boolean; lines: string[] }): Promise<LineClient> {
  const client = state.secured ? await it.secured() : await it.client()
  if (!state.secured) await client.reply()
  for (const line of state.lines) await client.command(line)
  return client
}

test.each(Object.keys(states))('%s', async (name) => {
  const state = states[name]!
  const before = it.seen.length
  await fc.assert(
    fc.asyncProperty(pieces, fc.constantFrom('finish', 'destroy'), async (sent, end) => {
      const client = await reach(state)
      for (const piece of sent) {
        client.send(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (end === 'destroy') return client.destroy()
      client.finish()
      // Rejects on a line that is no reply, and when the server does not end within ten seconds.
      const rest = await client.ended()
      for (const reply of rest) expect(String(reply.code)).toMatch(/^[2-5][0-9]{2}$/)
      expect(client.transcript()).toMatch(/^(?:[2-5][0-9]{2}[ -][ -~]*\r\n)*$/)
      client.destroy()
    }),
    { numRuns: 150 },
  )
  const other = await it.secured()
  expect((await other.command('NOOP')).code).toBe(250)
  other.destroy()
  expect(unexpected).toEqual([])
  expect(it.violations).toEqual([])
  if (!state.secured) expect(it.seen).toHaveLength(before)
})

test('afterwards no session is left, every message has its end and its sender', async () => {
  const open = async (): Promise<number> =>
    (await it.metrics.registry.getSingleMetric('holdfast_smtp_sessions')!.get()).values[0]!.value
  for (let i = 0; i < 200 && (await open()) > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await open()).toBe(0)
  expect(it.seen.length).toBeGreaterThan(100)
  expect(it.seen.filter((one) => one.outcome === 'open')).toEqual([])
  expect(it.seen.some((one) => one.outcome === 'finished')).toBe(true)
  expect(new Set(it.seen.map(({ envelope }) => envelope.from))).toEqual(new Set(['alice@corp.test']))
})
