import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Log } from '../../platform/log.ts'
import { createProxyGate } from './proxy-gate.ts'

let mx: MxFixture
let clock: FakeClock
let said: string[]
/** what the trace gets */
let noted: string[]
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, text) => void said.push(`${text} ${(fields as { reason?: string }).reason ?? ''}`.trim()),
  error: (_, text) => void said.push(text),
  child: () => log,
}
const open = async (options?: MxFixtureOptions): Promise<MxFixture> => {
  said = []
  noted = []
  clock = fakeClock()
  const refused = ({ clientIp, during, reply }: { clientIp: string; during: string; reply: string }): void =>
    void noted.push(`${clientIp} ${during} ${reply}`)
  return (mx = await mxFixture({ clock, log, refused, ...options, smtp: { proxies: ['127.0.0.1'], ...options?.smtp } }))
}
afterEach(async () => {
  await mx.close()
  expect(mx.violations).toEqual([])
})
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const v1 = (address: string): string =>
  `PROXY ${address.includes(':') ? 'TCP6' : 'TCP4'} ${address} ${address.includes(':') ? '::1' : '127.0.0.1'} 4000 25\r\n`
const v2Local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')
const v2 = Buffer.concat([
  Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
  Buffer.from([198, 51, 100, 9, 127, 0, 0, 1, 0xc0, 0, 0, 25]),
])

describe('from a listed host', () => {
  test.each<[string, string | Buffer, string]>([
    ['version 1', v1('198.51.100.7'), '198.51.100.7'],
    ['version 1, IPv6', v1('2001:db8::7'), '2001:db8::7'],
    ['version 2', v2, '198.51.100.9'],
    ['LOCAL', v2Local, '127.0.0.1'],
    ['UNKNOWN', 'PROXY UNKNOWN\r\n', '127.0.0.1'],
  ])('%s: no greeting before it, then the client is whom it names', async (_, header, address) => {
    await open()
    const client = await mx.client()
    await pause(20)
    expect(client.transcript()).toBe('')
    client.send(header)
    expect((await client.reply()).code).toBe(220)
    for (const line of ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA', 'x: y\r\n.'])
      expect((await client.command(line)).code).toBeLessThan(400)
    expect(mx.seen[0]?.envelope.clientIp).toBe(address)
    expect(said).toEqual([])
  })

  test('byte by byte, and with the first commands behind it in one piece', async () => {
    await open()
    const slow = await mx.client()
    for (const byte of v2) {
      slow.send(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await slow.reply()).code).toBe(220)
    const fast = await mx.client()
    fast.send(`${v1('198.51.100.7')}EHLO x\r\nNOOP\r\n`)
    expect((await fast.replies(3)).map((one) => one.code)).toEqual([220, 250, 250])
    expect((await fast.command('NOOP')).code).toBe(250)
  })

  test('limits count the real client', async () => {
    await open({ smtp: { connectionsPerAddress: 1 } })
    const reply = async (address: string): Promise<number> => {
      const client = await mx.client()
      client.send(v1(address))
      return (await client.reply()).code
    }
    expect([await reply('198.51.100.7'), await reply('198.51.100.7'), await reply('198.51.100.8')]).toEqual([
      220, 421, 220,
    ])
    // an IPv6 site by its /64
    expect([await reply('2001:db8::1'), await reply('2001:db8::2'), await reply('2001:db8:0:1::1')]).toEqual([
      220, 421, 220,
    ])
  })

  test('whose header is not there yet counts in all', async () => {
    await open({ smtp: { connections: 2 } })
    const first = await mx.client()
    await mx.client()
    await pause(20)
    const third = await mx.client()
    expect((await third.ended()).map((one) => one.raw.slice(0, 9))).toEqual(['421 4.3.2'])
    first.send(v1('198.51.100.7'))
    expect((await first.reply()).code).toBe(220)
  })

  test('a broken header, or none: closed without a word, with a line in the log and a note in the trace', async () => {
    for (const bytes of [
      'EHLO x\r\n',
      'PROXY TCP4 nonsense\r\n',
      Buffer.concat([v2.subarray(0, 12), Buffer.alloc(4)]),
    ]) {
      await open()
      const client = await mx.client()
      client.send(bytes)
      expect(await client.ended()).toEqual([])
      expect(client.transcript()).toBe('')
      expect(said).toEqual([expect.stringMatching(/^a broken PROXY header; the connection is closed \w+/)])
      expect(noted).toEqual([
        expect.stringMatching(/^127\.0\.0\.1 connect closed without an answer: a broken PROXY header: \w+/),
      ])
      await mx.close()
    }
  })

  test('silence: closed after a few seconds', async () => {
    await open()
    const client = await mx.client()
    client.send('PROXY TCP4 ')
    await pause(20)
    await clock.advance(4_900)
    expect(said).toEqual([])
    await clock.advance(200)
    expect(await client.ended()).toEqual([])
    expect(said).toEqual([expect.stringContaining('no PROXY header within 5 seconds')])
    expect(noted).toEqual(['127.0.0.1 connect closed without an answer: no PROXY header within 5 seconds'])
  })

  test('looks at the port say nothing: closed and reset before, within and behind the header', async () => {
    await open()
    for (const header of ['', 'PROXY ', 'PROXY UNKNOWN\r\n'])
      for (const how of ['end', 'resetAndDestroy'] as const) {
        const socket = connect(mx.port, '127.0.0.1')
        socket.on('error', () => undefined)
        await new Promise((resolve) => socket.once('connect', resolve))
        socket.write(header)
        await pause(10)
        socket[how]()
        await pause(10)
        socket.destroy()
      }
    await clock.advance(6_000)
    expect([said, noted]).toEqual([[], []])
    expect(clock.pending()).toBeLessThanOrEqual(1)
  })

  test('stop ends what waits for its header', async () => {
    await open()
    const client = await mx.client()
    await pause(20)
    await mx.listener.stop()
    expect(await client.ended()).toEqual([])
  })
})

test('from anybody else a header is never read', async () => {
  await open({ smtp: { proxies: ['192.0.2.0/24'] } })
  const client = await mx.client()
  expect((await client.reply()).code).toBe(220)
  expect((await client.command(v1('198.51.100.7').trimEnd())).code).toBe(500)
  for (const line of ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA', 'x: y\r\n.'])
    await client.command(line)
  expect(mx.seen[0]?.envelope.clientIp).toBe('127.0.0.1')
})

test('without proxies there is no gate, and a name is none', () => {
  expect(createProxyGate([], fakeClock(), log, () => undefined)).toBeNull()
  expect(configSchema.safeParse({ smtp: { proxies: ['proxy.example'] } }).success).toBe(false)
})
