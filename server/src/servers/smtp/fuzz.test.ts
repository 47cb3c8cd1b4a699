import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { WireError } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'
import { mxFixture, type MxFixture } from '../../../testkit/mx-fixture.ts'

/**
 * The live session under fire: hostile bytes in several states, cut anywhere. It must answer in the grammar of replies,
 * end when the client ends, log nothing as unexpected, keep every sink's contract (the fixture throws otherwise) and go
 * on serving others.
 */
const states: Record<string, string[]> = {
  'fresh': [],
  'after EHLO': ['EHLO x'],
  'after MAIL': ['EHLO x', 'MAIL FROM:<a@b> SMTPUTF8'],
  'after RCPT': ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>'],
  'in DATA': ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA'],
  'after a message': ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA', 'x: y\r\n.'],
  'between chunks': ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'BDAT 0'],
  'in the TLS handshake': ['EHLO x', 'STARTTLS'],
}

const unexpected: unknown[] = []
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, text) => unexpected.push([text, fields]),
  child: () => log,
}

let mx: MxFixture
let writes = 0
beforeAll(async () => {
  const pem = selfSigned(['x'], Date.now())
  mx = await mxFixture({
    log,
    tls: () => pem,
    smtp: {
      errors: 30,
      commands: 60,
      recipients: 5,
      messageBytes: 3000,
      headerBytes: 1000,
      connections: 5000,
      connectionsPerAddress: 5000,
    },
    onRecipient: (address) => (address.startsWith('s') ? new Promise((resolve) => setImmediate(resolve)) : undefined),
    onWrite: () => {
      if (++writes % 7 === 0) return Promise.reject(new WireError('disk-full'))
      return writes % 3 === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined
    },
    onFinish: () => {
      if (writes % 5 === 0) throw new WireError('database-unavailable')
    },
  })
})
afterAll(() => mx.close())

const token = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'EHLO x\r\n',
      'HELO x\r\n',
      'MAIL FROM:<a@b>\r\n',
      'MAIL FROM:<>\r\n',
      'RCPT TO:<c@d.example>\r\n',
      'RCPT TO:<slow@d.example>\r\n',
      'RCPT TO:<x@unknown.example>\r\n',
      'DATA\r\n',
      'BDAT 20\r\n',
      'BDAT 7 LAST\r\n',
      'BDAT 0 LAST\r\n',
      'BDAT 4000\r\n',
      'BDAT ',
      '.\r\n',
      '\r\n.\r\n',
      'RSET\r\n',
      'NOOP\r\n',
      'QUIT\r\n',
      'STARTTLS\r\n',
      'VRFY x\r\n',
      'From: x\r\n\r\nbody\r\n',
      '..\r\n',
      '\r\n',
      '\n',
      '\r',
      '.',
      '\0',
      ' ',
      '<',
      '>',
      '@',
      'MAIL FROM:',
      'SIZE=',
      ' NOTIFY=',
      'ü',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 10 }) },
  { weight: 1, arbitrary: fc.nat(3000).map((n) => 'x'.repeat(n)) },
)
const pieces = fc.array(
  fc.array(token, { maxLength: 6 }).map((all) => all.join('')),
  { minLength: 1, maxLength: 8 },
)

test.each(Object.keys(states))('%s', async (state) => {
  await fc.assert(
    fc.asyncProperty(pieces, fc.constantFrom('finish', 'destroy'), async (sent, end) => {
      const client = await mx.client()
      await client.reply()
      for (const line of states[state]!) await client.command(line)
      for (const piece of sent) {
        client.send(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (end === 'destroy') return client.destroy()
      client.finish()
      // Rejects on a line that is no reply, and when the server does not end within ten seconds.
      const rest = await client.ended()
      for (const reply of rest) expect(String(reply.code)).toMatch(/^[2-5][0-9]{2}$/)
      if (state !== 'in the TLS handshake') expect(client.transcript()).toMatch(/^(?:[2-5][0-9]{2}[ -][ -~]*\r\n)*$/)
      client.destroy()
    }),
    { numRuns: 500 },
  )
  const other = await mx.greeted()
  expect((await other.command('NOOP')).code).toBe(250)
  other.destroy()
  expect(unexpected).toEqual([])
  expect(mx.violations).toEqual([])
})

test('afterwards no session is left and every message has its end', async () => {
  const open = async (): Promise<number> =>
    (await mx.metrics.registry.getSingleMetric('holdfast_smtp_sessions')!.get()).values[0]!.value
  for (let i = 0; i < 200 && (await open()) > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await open()).toBe(0)
  expect(mx.seen.length).toBeGreaterThan(100)
  expect(mx.seen.filter((one) => one.outcome === 'open')).toEqual([])
  expect(mx.seen.some((one) => one.outcome === 'finished')).toBe(true)
})
