/**
 * Our client against servers that say anything at any time, in any pieces: it never throws, hangs or lies. Each recipient gets
 * a result of bounded, printable text; delivered is only what was sent whole and answered; a connection that is lost behind the
 * final dot is unsure; and nothing is left open.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type OutgoingMail } from './connection.ts'
import { MOST_TEXT, SmtpFailure, type RecipientResult, type SmtpTarget } from './result.ts'

const WAIT_MS = 60
const waits = ['connect', 'greeting', 'command', 'data', 'block', 'final', 'ahead'] as const
const timeouts = Object.fromEntries(waits.map((step) => [step, WAIT_MS])) as Record<(typeof waits)[number], number>

type Act = { say: string } | { end: 'end' | 'reset' } | { wait: number }
const word = fc.constantFrom(
  '220 hop ESMTP\r\n',
  '250 ok\r\n',
  '250-hop\r\n250-PIPELINING\r\n250-SIZE 100\r\n250 DSN\r\n',
  '250-hop\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n',
  '250-hop\r\n250 CHUNKING\r\n',
  '354 go on\r\n',
  '334 \r\n',
  '235 in\r\n',
  '421 4.3.2 bye\r\n',
  '450 4.7.1 later\r\n',
  '452 4.5.1 enough\r\n',
  '550 5.1.1 no\r\n',
  '554 no\r\n',
  '250-never ends\r\n',
  '250 different\r\n550 codes\r\n',
  '999 what\r\n',
  '25\r\n',
  '250',
  '\r\n',
  '\n',
  '\0',
  '<script>\r\n',
  `250-${'x'.repeat(5000)}\r\n`,
)
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 12, arbitrary: word.map((say) => ({ say })) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }).map((say) => ({ say })) },
  { weight: 1, arbitrary: fc.constantFrom<Act>({ end: 'end' }, { end: 'reset' }) },
  { weight: 1, arbitrary: fc.nat(2 * WAIT_MS).map((wait) => ({ wait })) },
)
/** By the book up to somewhere, so that every stage is reached; from there on anything. */
const bookFor = (signsIn: boolean): Act[] =>
  [
    '220 hop\r\n',
    signsIn ? '250-hop\r\n250 AUTH PLAIN\r\n' : '250-hop\r\n250 PIPELINING\r\n',
    ...(signsIn ? ['235 in\r\n'] : []),
    '250 ok\r\n',
    '250 ok\r\n',
    '250 ok\r\n',
    '354 go\r\n',
  ].map((say) => ({ say }))
const scriptFor = (book: Act[]): fc.Arbitrary<Act[]> =>
  fc
    .tuple(fc.nat(book.length), fc.array(act, { maxLength: 10 }))
    .map(([good, wild]) => [...book.slice(0, good), ...wild])

/** By the book to the final dot, which is the fourth line of the mail below, and then each of its answers; and no greeting. */
const endings = (book: Act[]): Act[][] => [
  ...(['250 ok\r\n', '450 4.7.1 later\r\n', '554 no\r\n'] as const).map((say) => [
    ...book,
    ...Array.from({ length: 3 }, () => ({ wait: 0 })),
    // LMTP has a reply for each recipient
    ...Array.from({ length: 2 }, () => ({ say })),
  ]),
  [...book, ...Array.from({ length: 3 }, () => ({ wait: 0 })), { end: 'reset' }],
  [{ say: '554 no\r\n' }],
]

const mail: OutgoingMail = {
  from: 'a@corp.test',
  size: 30,
  smtputf8: false,
  eightbit: false,
  ret: null,
  envid: null,
  recipients: ['b@hop.test', 'c@hop.test'].map((address) => ({ address, notify: null, orcpt: null })),
  body: () => [Buffer.from('Subject: x\r\n\r\n'), Buffer.from('.dots\r\n')],
}

/** Plays the script: an act for each thing that comes, and one for the connection itself. */
async function serve(acts: readonly Act[]): Promise<{ port: number; heard: () => string; close: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  let heard = ''
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    const left = [...acts]
    let busy = Promise.resolve()
    const next = (): void => {
      busy = busy.then(async () => {
        const one = left.shift()
        if (one === undefined || socket.destroyed) return
        if ('wait' in one) await new Promise((resolve) => setTimeout(resolve, one.wait))
        else if ('say' in one) socket.write(Buffer.from(one.say, 'latin1'))
        else if (one.end === 'end') socket.end()
        else socket.resetAndDestroy()
      })
    }
    next()
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
      // commands may travel together: each is answered
      for (let n = chunk.toString('latin1').split('\r\n').length; n > 1; n--) next()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => heard,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** On a busy machine the server hears what was sent a moment after the client has given up. */
const DOT = { timeout: 5_000, interval: 5 }

async function expectHonest(results: readonly RecipientResult[], heard: () => string): Promise<void> {
  expect(results).toHaveLength(mail.recipients.length)
  for (const { outcome, stage, text, code } of results) {
    expect(text.length).toBeLessThanOrEqual(MOST_TEXT)
    // what was never sent whole was never taken, and cannot have arrived
    if (outcome === 'delivered') {
      await expect.poll(heard, DOT).toMatch(/\r\n\.\r\n/)
      expect(Math.floor(code / 100)).toBe(2)
    }
    if (outcome === 'unsure') await expect.poll(heard, DOT).toMatch(/\r\n\.\r\n/)
    if (outcome === 'refused') expect(Math.floor(code / 100)).toBe(5)
    if (stage === 'rcpt' || stage === 'mail') expect(['deferred', 'refused']).toContain(outcome)
  }
}

test.each<Pick<SmtpTarget, 'protocol' | 'tls' | 'username' | 'password'>>([
  { protocol: 'smtp', tls: 'none' },
  { protocol: 'smtp', tls: 'opportunistic' },
  { protocol: 'smtp', tls: 'none', username: 'u', password: 'secret' },
  { protocol: 'lmtp', tls: 'none' },
])('$protocol, tls $tls, $username: whatever it is told', async (target) => {
  const reached = new Set<string>()
  const one = async (acts: Act[]): Promise<void> => {
    const hop = await serve(acts)
    try {
      const connection = await openSmtpConnection({
        target: { host: '127.0.0.1', port: hop.port, ...target },
        helo: 'mx.test',
        clock: systemClock,
        timeouts,
      }).catch((error: unknown) => {
        // the one thing it may throw
        expect(error).toBeInstanceOf(SmtpFailure)
        return null
      })
      reached.add(connection ? 'open' : 'no connection')
      // twice, as kept connections do
      for (let n = 0; connection?.usable() && n < 2; n++) {
        const results = await connection.send(mail)
        await expectHonest(results, hop.heard)
        for (const { outcome } of results) reached.add(outcome)
      }
      connection?.destroy()
    } finally {
      await hop.close()
    }
  }
  // Several at once: most of the time is waiting.
  await fc.assert(
    fc.asyncProperty(
      fc.array(scriptFor(bookFor(target.username !== undefined)), { minLength: 8, maxLength: 8 }),
      async (scripts) => {
        await Promise.all(scripts.map(one))
      },
    ),
    // The first are the ways a transaction can go: that each is reached is not left to chance.
    { numRuns: 40, examples: [[endings(bookFor(target.username !== undefined))]] },
  )
  const every = ['open', 'no connection', 'deferred', 'delivered', 'refused', 'unsure']
  expect([...reached].sort()).toEqual(every.sort())
})
