/** Signing in by IMAP at servers that do what they may and what they may not (RFC 3501, RFC 5530), over real TLS. */
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock } from '../../platform/clock.ts'
import { askImap } from './imap.ts'
import type { ImapTarget } from './imap-session.ts'

const { cert, key } = selfSigned(['127.0.0.1'], Date.now())
const PLAIN = Buffer.from('\0probe@corp.test\0s"ecret').toString('base64')

let server: Server | null = null
const sockets = new Set<Socket>()
const heard: string[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server?.close(resolve) ?? resolve(null))
  heard.length = 0
})

type Say = (line: string, write: (text: string) => void, socket: Socket) => void

/** `say` is called with '' when the connection stands. */
async function listen(say: Say, tls: 'implicit' | 'starttls' = 'implicit'): Promise<ImapTarget> {
  const speak = (socket: Socket): void => {
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      text += chunk.toString()
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        heard.push(line)
        if (tls === 'starttls' && / STARTTLS$/.test(line)) {
          socket.removeAllListeners('data')
          socket.write(`${line.split(' ')[0]!} OK go\r\n`)
          return speak(new TLSSocket(socket, { isServer: true, cert, key }))
        }
        say(line, (more) => socket.write(more), socket)
      }
    })
  }
  server = createServer((plain) => {
    sockets.add(plain)
    plain.on('error', () => undefined)
    if (tls === 'starttls') {
      speak(plain)
      return say('', (text) => plain.write(text), plain)
    }
    const secure = new TLSSocket(plain, { isServer: true, cert, key })
    speak(secure)
    secure.once('secure', () => say('', (text) => secure.write(text), secure))
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const who = { username: 'probe@corp.test', password: 's"ecret' }
  return { host: '127.0.0.1', port, tls, ca: cert, timeoutMs: 1000, ...who }
}

/** A server in good health, but for what `wrong` answers instead. */
const imap =
  (capabilities: string, wrong: Record<string, string> = {}): Say =>
  (line, write) => {
    if (line === '') return write(wrong['greeting'] ?? '* OK ready\r\n')
    const [tag, verb = ''] = line.split(' ')
    const answer = wrong[verb.toUpperCase()]
    if (answer !== undefined) return write(answer.replace('TAG', tag!))
    if (tag === PLAIN) return write('h4 OK in\r\n')
    if (verb === 'CAPABILITY') return write(`* CAPABILITY IMAP4rev1 ${capabilities}\r\n${tag} OK\r\n`)
    if (verb === 'AUTHENTICATE' && line.split(' ').length === 3) return write('+ \r\n')
    if (verb === 'EXAMINE') return write(`* 7 EXISTS\r\n* FLAGS (\\Seen)\r\n${tag} OK [READ-ONLY] done\r\n`)
    write(`${tag} OK done\r\n`)
  }

test.each([
  ['AUTH=PLAIN SASL-IR', `h4 AUTHENTICATE PLAIN ${PLAIN}`],
  ['AUTH=PLAIN', 'h4 AUTHENTICATE PLAIN'],
  ['', String.raw`h5 LOGIN "probe@corp.test" "s\"ecret"`],
])('signs in, looks into the Inbox and leaves, with: %s', async (capabilities, line) => {
  expect(await askImap(await listen(imap(capabilities)), systemClock)).toEqual({
    outcome: 'good',
    text: 'signed in, 7 messages in the Inbox',
  })
  await expect.poll(() => heard).toContain('h9 LOGOUT')
  expect(heard).toContain(line)
  expect(heard).toContain('u1 EXAMINE INBOX')
})
test('by STARTTLS: nothing is said in clear but that', async () => {
  const target = await listen(imap('AUTH=PLAIN SASL-IR'), 'starttls')
  expect(await askImap(target, systemClock)).toMatchObject({ outcome: 'good' })
  expect(heard[0]).toBe('h1 STARTTLS')
})
test('a server that refuses STARTTLS is not signed in to', async () => {
  const target = await listen((line, write) => write(line === '' ? '* OK\r\n' : 'h1 NO not today\r\n'))
  server!.close()
  const clear = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.write('* OK ready\r\n')
    socket.on('data', (chunk) => {
      heard.push(chunk.toString())
      socket.write('h1 NO not today\r\n')
    })
  })
  await new Promise<void>((resolve) => clear.listen(0, '127.0.0.1', resolve))
  server = clear
  const { port } = clear.address() as AddressInfo
  expect(await askImap({ ...target, tls: 'starttls', port }, systemClock)).toMatchObject({ outcome: 'bad' })
  expect(heard.join()).not.toMatch(/AUTHENTICATE|LOGIN/)
})

test.each<[string, Record<string, string>, string]>([
  ['a wrong password', { AUTHENTICATE: 'TAG NO [AUTHENTICATIONFAILED] no\r\n' }, 'refused'],
  ['a password that has run out', { AUTHENTICATE: 'TAG NO [EXPIRED] no\r\n' }, 'refused'],
  ['no word why', { AUTHENTICATE: 'TAG NO LOGIN failed.\r\n' }, 'refused'],
  ['a directory that is away', { AUTHENTICATE: 'TAG NO [UNAVAILABLE] LDAP is down\r\n' }, 'bad'],
  ['no Inbox', { EXAMINE: 'TAG NO [SERVERBUG] the store is gone\r\n' }, 'bad'],
  ['a farewell for a greeting', { greeting: '* BYE too busy\r\n' }, 'bad'],
  ['a farewell in the middle', { AUTHENTICATE: '* BYE restarting\r\n' }, 'bad'],
  ['another protocol', { greeting: '220 smtp.corp.test ESMTP\r\n' }, 'bad'],
  ['everybody is let in', { greeting: '* PREAUTH welcome\r\n' }, 'bad'],
  ['a line without an end', { greeting: '* OK '.padEnd(100_000, 'x') }, 'bad'],
  ['lines without an answer', { CAPABILITY: '* OK\r\n'.repeat(1000) }, 'bad'],
  ['silence', { AUTHENTICATE: '' }, 'bad'],
])('%s', async (_, wrong, outcome) => {
  const target = await listen(imap('AUTH=PLAIN SASL-IR', wrong))
  const result = await askImap({ ...target, timeoutMs: 500 }, systemClock)
  expect(result).toMatchObject({ outcome })
  expect(result.text).not.toBe('')
  expect(result.text.length).toBeLessThanOrEqual(250)
  expect(JSON.stringify(result)).not.toMatch(/s"ecret|secret|AHByb2/)
})

test('a certificate of somebody else, a port where nobody listens', async () => {
  const target = await listen(imap(''))
  expect(await askImap({ ...target, ca: undefined }, systemClock)).toMatchObject({ outcome: 'bad' })
  expect(heard).toEqual([])
  expect(await askImap({ ...target, port: 1 }, systemClock)).toMatchObject({ outcome: 'bad' })
})

test('whatever a server says, there is an answer in time', async () => {
  let greeting = ''
  let rest = ''
  const target = await listen((line, write, socket) => {
    if (line === '') return write(greeting)
    write(rest)
    if (rest.length % 3 === 0) socket.destroy()
  })
  const piece = fc.oneof(
    fc.constantFrom(
      '* OK\r\n',
      'h2 OK\r\n',
      'h5 OK\r\n',
      'h3 OK\r\n',
      'h2 NO\r\n',
      '* ',
      '\r\n',
      '\n',
      '+ \r\n',
      'h3 ',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  const text = fc.array(piece, { maxLength: 6 }).map((all) => all.join(''))
  await fc.assert(
    fc.asyncProperty(text, text, async (first, second) => {
      greeting = first
      rest = second
      const began = performance.now()
      const { outcome } = await askImap({ ...target, timeoutMs: 60 }, systemClock)
      expect(['good', 'bad', 'refused']).toContain(outcome)
      expect(performance.now() - began).toBeLessThan(2000)
    }),
    { numRuns: 60 },
  )
})
