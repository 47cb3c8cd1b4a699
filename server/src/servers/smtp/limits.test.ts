import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import type { LineClient } from '../../../testkit/line-client.ts'
import { mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'
import { selfSigned } from '../../platform/certificate.ts'

let mx: MxFixture
let clock: FakeClock
const open = async (options?: MxFixtureOptions): Promise<MxFixture> => {
  clock = fakeClock()
  return (mx = await mxFixture({ clock, ...options }))
}
afterEach(async () => {
  await mx.close()
  expect(mx.violations).toEqual([])
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const codes = (all: { raw: string }[]): string[] => all.map((one) => one.raw.slice(0, 9))
const inData = async (client: LineClient): Promise<void> => {
  for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
}

describe('connections', () => {
  test('in all', async () => {
    await open({ smtp: { connections: 2 } })
    const first = await mx.greeted()
    await mx.greeted()
    const third = await mx.client()
    expect(codes(await third.ended())).toEqual(['421 4.3.2'])
    await first.command('QUIT')
    first.finish()
    await first.ended()
    await pause(20)
    const fourth = await mx.greeted()
    expect((await fourth.command('NOOP')).code).toBe(250)
  })
  test('from one address', async () => {
    await open({ smtp: { connectionsPerAddress: 1 } })
    await mx.greeted()
    const second = await mx.client()
    expect(codes(await second.ended())).toEqual(['421 4.7.0'])
  })
})

describe('errors, commands, recipients', () => {
  test('errors', async () => {
    await open({ smtp: { errors: 3 } })
    const client = await mx.greeted()
    for (let i = 0; i < 3; i++) expect((await client.command('FOO')).code).toBe(500)
    client.send('FOO\r\nNOOP\r\nNOOP\r\n')
    expect(codes(await client.ended())).toEqual(['500 5.5.2', '421 4.7.0'])
  })
  test('commands without a message', async () => {
    await open({ smtp: { commands: 6 } })
    const client = await mx.greeted()
    for (let i = 0; i < 5; i++) expect((await client.command('NOOP')).code).toBe(250)
    client.send('NOOP\r\nNOOP\r\n')
    expect(codes(await client.ended())).toEqual(['421 4.7.0'])
  })
  test('a message starts the count anew', async () => {
    await open({ smtp: { commands: 4 } })
    const client = await mx.greeted()
    for (let i = 0; i < 5; i++) {
      await inData(client)
      expect((await client.command('.')).code).toBe(250)
    }
  })
  test('recipients: 452, the message goes to those before; no end of patience either', async () => {
    await open({ smtp: { recipients: 2 } })
    const client = await mx.greeted()
    expect((await client.command('EHLO x')).lines).toContain('LIMITS RCPTMAX=2')
    await client.command('MAIL FROM:<a@b>')
    for (const code of [250, 250, 452, 452])
      expect((await client.command(`RCPT TO:<c${Math.random()}@d.example>`)).code).toBe(code)
    client.send('RCPT TO:<e@d.example>\r\n'.repeat(50))
    const rest = codes(await client.ended())
    expect(rest.at(-1)).toBe('421 4.7.0')
    expect(rest).toHaveLength(37)
  })
})

test('the count of RCPT commands begins anew with each transaction', async () => {
  await open({ smtp: { recipients: 1 } })
  const client = await mx.greeted()
  for (let i = 0; i < 3; i++) {
    await client.command('MAIL FROM:<a@b>')
    client.send('RCPT TO:<c@d.example>\r\n'.repeat(15) + 'RSET\r\n')
    expect((await client.replies(16)).at(-1)?.code).toBe(250)
  }
})

describe('size (RFC 1870)', () => {
  test('announced', async () => {
    await open({ smtp: { messageBytes: 1000 } })
    const client = await mx.greeted()
    expect((await client.command('MAIL FROM:<a@b> SIZE=1001')).raw).toMatch(/^552 5\.3\.4/)
    expect((await client.command('MAIL FROM:<a@b> SIZE=1000')).code).toBe(250)
  })
  test('real: 552 after the dot, the session goes on, nothing is kept', async () => {
    await open({ smtp: { messageBytes: 1000 } })
    const client = await mx.greeted()
    await inData(client)
    client.send('\r\n' + 'x'.repeat(1001) + '\r\n.\r\n')
    expect((await client.reply()).raw).toMatch(/^552 5\.3\.4/)
    expect(mx.seen[0]?.outcome).toBe('aborted')
    await inData(client)
    expect((await client.command('\r\nfine\r\n.')).code).toBe(250)
  })
  test('beyond twice the limit the connection ends', async () => {
    await open({ smtp: { messageBytes: 1000 } })
    const client = await mx.greeted()
    await inData(client)
    client.send('\r\n' + 'x'.repeat(2500))
    expect(codes(await client.ended())).toEqual(['552 5.3.4'])
    expect(mx.seen[0]?.outcome).toBe('aborted')
  })
  test('a header line of 10 MB', async () => {
    await open()
    const client = await mx.greeted()
    await inData(client)
    client.send('Subject: ' + 'x'.repeat(10_000_000) + '\r\n\r\nbody\r\n.\r\n')
    expect((await client.reply()).raw).toMatch(/^552 5\.3\.4 The message's header/)
    expect(mx.seen[0]?.outcome).toBe('aborted')
    expect(Buffer.concat(mx.seen[0]!.chunks).length).toBeLessThan(1_200_000)
    expect((await client.command('NOOP')).code).toBe(250)
  })
  test('a header line of 100 KB, and lines of 998 to 1,001 octets, pass as they are', async () => {
    await open()
    const client = await mx.greeted()
    await inData(client)
    const lines = [998, 999, 1000, 1001].map((length) => 'x'.repeat(length))
    const text = ['Subject: ' + 'x'.repeat(100_000), '', ...lines, ''].join('\r\n')
    client.send(`${text}.\r\n`)
    expect((await client.reply()).code).toBe(250)
    expect(Buffer.concat(mx.seen[0]!.chunks).toString()).toBe(text)
  })
  test('a body line of 10 MB passes', async () => {
    await open()
    const client = await mx.greeted()
    await inData(client)
    client.send('a: b\r\n\r\n' + 'x'.repeat(10_000_000) + '\r\n.\r\n')
    expect((await client.reply()).code).toBe(250)
    expect(Buffer.concat(mx.seen[0]!.chunks).length).toBe(10_000_010)
  })
})

describe('back-pressure', () => {
  test('while the sink asks to wait, the socket is not read', async () => {
    let release = (): void => undefined
    await open({ onWrite: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    await inData(client)
    const block = 'x'.repeat(998).concat('\r\n').repeat(1000)
    client.send('a: b\r\n\r\n')
    let sent = 0
    while (sent < 40) {
      client.send(block)
      sent++
      if (!(await client.flushed(200))) break
    }
    expect(sent).toBeLessThan(40)
    expect(mx.seen[0]?.chunks).toHaveLength(1)
    const timer = setInterval(() => release(), 0)
    client.send('.\r\n')
    expect((await client.reply()).code).toBe(250)
    clearInterval(timer)
    expect(Buffer.concat(mx.seen[0]!.chunks).length).toBe(8 + sent * block.length)
  })
  test('while a recipient is checked, little of what follows is read', async () => {
    let release = (): void => undefined
    await open({ smtp: { commands: 10_000_000 }, onRecipient: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    client.send('MAIL FROM:<a@b>\r\nRCPT TO:<c@d.example>\r\n')
    let sent = 0
    while (sent < 400) {
      client.send('NOOP\r\n'.repeat(10_000))
      sent++
      if (!(await client.flushed(1000))) break
    }
    expect(sent).toBeLessThan(400)
    // The commands are of no interest any more.
    client.destroy()
    await pause(20)
    release()
  })
  test('the client breaks off while we wait: aborted once', async () => {
    let release = (): void => undefined
    await open({ onWrite: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    await inData(client)
    client.send('a: b\r\n\r\n')
    await pause(30)
    client.socket.resetAndDestroy()
    await pause(30)
    release()
    await pause(30)
    expect(mx.seen[0]?.outcome).not.toBe('finished')
    await clock.advance(400_000)
    expect(mx.seen[0]?.outcome).toBe('aborted')
  })
})

describe('broken connections', () => {
  test('in the middle of the message: aborted', async () => {
    await open()
    const client = await mx.greeted()
    await inData(client)
    client.send('a: b\r\n\r\nhalf')
    await pause(20)
    client.destroy()
    await pause(50)
    expect(mx.seen[0]?.outcome).toBe('aborted')
  })
  test('between the final dot and its reply: the message stays', async () => {
    let release = (): void => undefined
    await open({ onFinish: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    await inData(client)
    client.send('.\r\n')
    await pause(30)
    client.socket.resetAndDestroy()
    await pause(30)
    release()
    await pause(30)
    expect(mx.seen[0]?.outcome).toBe('finished')
  })
  test('while a recipient is checked', async () => {
    let release = (): void => undefined
    await open({ onRecipient: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    client.send('MAIL FROM:<a@b>\r\nRCPT TO:<c@d.example>\r\n')
    await pause(30)
    client.socket.resetAndDestroy()
    await pause(30)
    release()
    await pause(30)
    expect(mx.seen).toEqual([])
  })
})

describe('time (RFC 5321 section 4.5.3.2)', () => {
  test('silence after the greeting', async () => {
    await open()
    const client = await mx.client()
    await client.reply()
    await clock.advance(299_000)
    expect(client.transcript()).toHaveLength('220 mx.holdfast.example ESMTP Holdfast\r\n'.length)
    await clock.advance(2_000)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
  })
  test('each command gives new time; a command sent byte by byte does not', async () => {
    await open()
    const client = await mx.greeted()
    for (let i = 0; i < 4; i++) {
      await clock.advance(200_000)
      expect((await client.command('NOOP')).code).toBe(250)
    }
    for (const byte of 'NOO') {
      client.send(byte)
      await pause(5)
      await clock.advance(99_000)
    }
    client.send('P')
    await clock.advance(5_000)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
  })
  test('inside the message: silence', async () => {
    await open()
    const client = await mx.greeted()
    await inData(client)
    client.send('a: b\r\n')
    await pause(20)
    await clock.advance(301_000)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
    expect(mx.seen[0]?.outcome).toBe('aborted')
  })
  test('inside the message: drop by drop until the transaction has lasted too long', async () => {
    await open()
    const client = await mx.greeted()
    await inData(client)
    let ticks = 0
    while (ticks < 30 && mx.seen[0]?.outcome === 'open') {
      client.send('x')
      await pause(5)
      await clock.advance(200_000)
      ticks++
    }
    expect(ticks).toBe(18)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
  })
  test('recipients drop by drop', async () => {
    await open()
    const client = await mx.greeted()
    await client.command('MAIL FROM:<a@b>')
    for (let i = 0; i < 17; i++) {
      expect((await client.command(`RCPT TO:<c${i}@d.example>`)).code).toBe(250)
      await clock.advance(200_000)
    }
    await clock.advance(201_000)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
  })
  test('our own slowness is not held against the client', async () => {
    let release = (): void => undefined
    await open({ onFinish: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    await inData(client)
    client.send('.\r\n')
    await pause(20)
    await clock.advance(4_000_000)
    release()
    expect((await client.reply()).code).toBe(250)
    await clock.advance(299_000)
    expect(client.transcript()).not.toContain('421')
    await clock.advance(2_000)
    expect(codes(await client.ended())).toEqual(['421 4.4.2'])
  })
  test('the TLS handshake', async () => {
    const pem = selfSigned(['x'], Date.now())
    await open({ tls: () => pem })
    const client = await mx.greeted()
    await client.command('STARTTLS')
    await clock.advance(61_000)
    expect(await client.ended()).toEqual([])
  })
  test('a client that does not close after the last reply', async () => {
    await open()
    const client = await mx.greeted()
    await client.command('QUIT')
    await clock.advance(7_000)
    await pause(20)
    expect(await sessions()).toBe(0)
  })
  test('early talkers', async () => {
    await open({ smtp: { greetingDelay: 2 } })
    const early = await mx.client()
    const polite = await mx.client()
    early.send('EHLO x\r\n')
    expect(codes(await early.ended())).toEqual(['554 5.5.1'])
    await clock.advance(1_900)
    expect(polite.transcript()).toBe('')
    await clock.advance(200)
    expect((await polite.reply()).code).toBe(220)
  })
  test('a session costs no timer', async () => {
    await open()
    const before = clock.pending()
    for (let i = 0; i < 20; i++) await mx.greeted()
    expect(clock.pending()).toBe(before)
  })
})

async function sessions(): Promise<number> {
  const metric = await mx.metrics.registry.getSingleMetric('holdfast_smtp_sessions')!.get()
  return metric.values[0]!.value
}

describe('shutdown', () => {
  test('idle sessions get 421, a message under way is finished first', async () => {
    await open()
    const idle = await mx.greeted()
    const busy = await mx.greeted()
    await inData(busy)
    busy.send('a: b\r\n')
    await pause(20)
    const stopped = mx.listener.stop()
    expect(codes(await idle.ended())).toEqual(['421 4.3.2'])
    idle.finish()
    busy.send('\r\nbody\r\n.\r\n')
    expect(codes(await busy.ended())).toEqual(['250 2.0.0', '421 4.3.2'])
    busy.finish()
    await stopped
    await expect(mx.client()).rejects.toThrow('ECONNREFUSED')
    expect(mx.seen[0]?.outcome).toBe('finished')
  })
  test('bounded: a message that does not end is cut', async () => {
    await open()
    const client = await mx.greeted()
    await inData(client)
    const stopped = mx.listener.stop()
    await clock.advance(10_000)
    await stopped
    expect(mx.seen[0]?.outcome).toBe('aborted')
    await client.ended()
  })
  test('stop without start, and twice', async () => {
    await open()
    await mx.listener.stop()
    await mx.listener.stop()
  })
})
