import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import type { LineClient } from '../../../testkit/line-client.ts'
import { bytesOf, mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'
import { WireError } from '../../platform/errors.ts'

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
const short = (reply: { raw: string }): string => /^\d{3} (?:[245]\.\d+\.\d+)?/.exec(reply.raw)![0].trim()
const bdat = (text: string | Buffer, last = false): Buffer =>
  Buffer.concat([Buffer.from(`BDAT ${Buffer.byteLength(text)}${last ? ' LAST' : ''}\r\n`), Buffer.from(text)])
const chunk = async (client: LineClient, text: string | Buffer, last = false): Promise<string> => {
  client.send(bdat(text, last))
  return short(await client.reply())
}
const begin = async (client: LineClient): Promise<void> => {
  for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>']) expect((await client.command(line)).code).toBe(250)
}
const greeted = async (options?: MxFixtureOptions): Promise<LineClient> => {
  await open(options)
  return mx.greeted()
}
const alive = async (client: LineClient): Promise<void> =>
  expect((await client.command('NOOP')).raw).toBe('250 2.0.0 Ok\r\n')

describe('RFC 3030 section 2: a message in chunks', () => {
  test('offered; each chunk is answered, the last one for the message', async () => {
    const client = await greeted()
    expect((await client.command('EHLO x')).lines).toContain('CHUNKING')
    await begin(client)
    client.send(bdat('Subject: x\r\n\r\n'))
    expect((await client.reply()).raw).toBe('250 2.0.0 14 octets received\r\n')
    client.send(bdat('text\r\n', true))
    expect((await client.reply()).raw).toBe('250 2.0.0 Ok: queued as q1\r\n')
    expect(bytesOf(mx.seen[0])).toBe('Subject: x\r\n\r\ntext\r\n')
    expect(mx.seen[0]?.outcome).toBe('finished')
    // and the next one by DATA
    await begin(client)
    expect((await client.command('DATA')).code).toBe(354)
    expect((await client.command('x: y\r\n.')).code).toBe(250)
  })

  test('one chunk, an empty last chunk, an empty message', async () => {
    const client = await greeted()
    await begin(client)
    expect(await chunk(client, 'a: b\r\n', true)).toBe('250 2.0.0')
    await begin(client)
    expect(await chunk(client, 'c: d\r\n')).toBe('250 2.0.0')
    expect(short(await client.command('BDAT 0 LAST'))).toBe('250 2.0.0')
    await begin(client)
    expect(short(await client.command('bdat 0 last'))).toBe('250 2.0.0')
    expect(mx.seen.map(bytesOf)).toEqual(['a: b\r\n', 'c: d\r\n', ''])
  })

  test('dots are dots, and what looks like an end or a command is text', async () => {
    const client = await greeted()
    const text = '.\r\n..\r\n\r\n.\r\nQUIT\r\nRSET\r\n.\r\n'
    await begin(client)
    expect(await chunk(client, text, true)).toBe('250 2.0.0')
    expect(bytesOf(mx.seen[0])).toBe(text)
    await alive(client)
  })

  test('all in one write: replies in order, in one write', async () => {
    const client = await greeted()
    const before = client.chunks()
    client.send(
      Buffer.concat([
        Buffer.from('MAIL FROM:<a@b>\r\nRCPT TO:<c@d.example>\r\n'),
        bdat('a: b\r'),
        bdat('\n\r\nx'),
        bdat('', false),
        bdat('y\r\n', true),
        Buffer.from('MAIL FROM:<e@f>\r\n'),
      ]),
    )
    expect((await client.replies(7)).map(short)).toEqual([
      '250 2.1.0',
      '250 2.1.5',
      '250 2.0.0',
      '250 2.0.0',
      '250 2.0.0',
      '250 2.0.0',
      '250 2.1.0',
    ])
    expect(client.chunks() - before).toBeLessThanOrEqual(2)
    expect(bytesOf(mx.seen[0])).toBe('a: b\r\n\r\nxy\r\n')
  })

  test('a last line without its end gets what it lacks of CR LF (RFC 5321 section 4.1.1.4)', async () => {
    const client = await greeted()
    await begin(client)
    expect(await chunk(client, 'a: b\r\n\r\nno end', true)).toBe('250 2.0.0')
    expect(bytesOf(mx.seen[0])).toBe('a: b\r\n\r\nno end\r\n')
    await begin(client)
    expect(await chunk(client, 'a: b\r\n\r\nhalf an end\r', true)).toBe('250 2.0.0')
    expect(bytesOf(mx.seen[1])).toBe('a: b\r\n\r\nhalf an end\r\n')
  })

  test('property: however a message is cut into chunks and pieces, it arrives as it was', async () => {
    const client = await greeted({ smtp: { commands: 1_000_000 } })
    const line = fc.constantFrom('\r\n', '.', 'BDAT 3\r\n', 'a', '\r\n.\r\n', 'QUIT\r\n', '\xff')
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 30 }).map((all) => all.join('') + '\r\n'),
        fc.array(fc.nat(), { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        async (text, chunkCuts, wireCuts) => {
          const cut = (bytes: Buffer, at: number[]): Buffer[] => {
            const points = [...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b)
            return [0, ...points].map((from, i) => bytes.subarray(from, points[i] ?? bytes.length))
          }
          const chunks = cut(Buffer.from(text, 'latin1'), chunkCuts)
          const before = mx.seen.length
          await begin(client)
          const wire = Buffer.concat(chunks.map((one, i) => bdat(one, i === chunks.length - 1)))
          for (const piece of cut(wire, wireCuts)) {
            client.send(piece)
            await new Promise((resolve) => setImmediate(resolve))
          }
          for (const reply of await client.replies(chunks.length)) expect(reply.code).toBe(250)
          expect(mx.seen).toHaveLength(before + 1)
          expect(bytesOf(mx.seen.at(-1))).toBe(text)
        },
      ),
      { numRuns: 150 },
    )
    await alive(client)
  })
})

describe('the order of commands', () => {
  test('DATA and RCPT and MAIL after a chunk are 503, the message goes on', async () => {
    const client = await greeted()
    await begin(client)
    expect(await chunk(client, 'a: b\r\n')).toBe('250 2.0.0')
    for (const line of ['DATA', 'RCPT TO:<e@d.example>', 'MAIL FROM:<a@b>', 'STARTTLS'])
      expect(short(await client.command(line))).toBe('503 5.5.1')
    await alive(client)
    expect(await chunk(client, '\r\nx\r\n', true)).toBe('250 2.0.0')
    expect(bytesOf(mx.seen[0])).toBe('a: b\r\n\r\nx\r\n')
  })

  test.each(['RSET', 'EHLO x', 'HELO x'])('%s between chunks: given up, and a new message fits', async (line) => {
    const client = await greeted()
    await begin(client)
    expect(await chunk(client, 'a: b\r\n')).toBe('250 2.0.0')
    expect((await client.command(line)).code).toBe(250)
    expect(mx.seen[0]?.outcome).toBe('aborted')
    expect(await chunk(client, 'RSET\r\n', true)).toBe('503 5.5.1')
    await begin(client)
    expect(await chunk(client, 'c: d\r\n', true)).toBe('250 2.0.0')
    expect(mx.seen.map((one) => one.outcome)).toEqual(['aborted', 'finished'])
  })

  test('without EHLO, MAIL or recipients the octets are thrown away', async () => {
    await open()
    const client = await mx.client()
    await client.reply()
    client.send(bdat('EHLO evil\r\nQUIT\r\n', true))
    expect((await client.reply()).raw).toMatch(/^503 5\.5\.1 .*EHLO or HELO must come first/)
    expect((await client.command('MAIL FROM:<a@b>')).raw).toContain('EHLO or HELO must come first')
    await client.command('EHLO x')
    client.send(bdat('QUIT\r\n', true))
    expect((await client.reply()).raw).toMatch(/^503 5\.5\.1 .*MAIL must come first/)
    await client.command('MAIL FROM:<a@b>')
    await client.command('RCPT TO:<x@unknown.example>')
    client.send(Buffer.concat([bdat('QUIT\r\n'), bdat('RSET\r\n'), bdat('QUIT\r\n', true)]))
    expect((await client.replies(3)).map(short)).toEqual(['554 5.5.1', '554 5.5.1', '554 5.5.1'])
    await alive(client)
    expect(mx.seen).toEqual([])
  })

  test('after LAST: 503, thrown away', async () => {
    const client = await greeted()
    await begin(client)
    expect(await chunk(client, 'a: b\r\n', true)).toBe('250 2.0.0')
    expect(await chunk(client, 'QUIT\r\n')).toBe('503 5.5.1')
    await begin(client)
    expect(await chunk(client, 'a: b\r\n', true)).toBe('250 2.0.0')
  })

  test('what cannot be counted ends the connection: no octet behind it is looked at', async () => {
    for (const line of [
      'BDAT',
      'BDAT x',
      'BDAT -1',
      'BDAT 1 FIRST',
      'BDAT 1 LAST x',
      'BDAT 0x5',
      `BDAT ${'9'.repeat(30)}`,
    ]) {
      const client = await greeted()
      await begin(client)
      client.send(`${line}\r\nRSET\r\nMAIL FROM:<evil@x>\r\n`)
      expect((await client.ended()).map(short)).toEqual(['501 5.5.4'])
      await mx.close()
    }
  })

  test('BODY=BINARYMIME is refused', async () => {
    const client = await greeted()
    expect((await client.command('EHLO x')).lines).not.toContain('BINARYMIME')
    expect((await client.command('MAIL FROM:<a@b> BODY=BINARYMIME')).code).toBe(501)
  })
})

describe('refusals', () => {
  test.each([
    ['bare LF', 'x\ny'],
    ['bare CR', 'x\ry'],
    ['NUL', 'x\0y'],
  ])('%s: refused at its chunk, what is pipelined behind it too, one error', async (_, bad) => {
    const client = await greeted({ smtp: { errors: 1 } })
    await begin(client)
    client.send(Buffer.concat([bdat('a: b\r\n\r\n'), bdat(bad), bdat('MAIL FROM:<evil@x>\r\n'), bdat('z\r\n', true)]))
    expect((await client.replies(4)).map(short)).toEqual(['250 2.0.0', '550 5.6.11', '550 5.6.11', '550 5.6.11'])
    expect(mx.seen[0]?.outcome).toBe('aborted')
    await begin(client)
    expect(await chunk(client, 'a: b\r\n', true)).toBe('250 2.0.0')
  })

  test('RSET ends what was refused: the next chunk has an answer of its own', async () => {
    const client = await greeted()
    await begin(client)
    expect(await chunk(client, 'x\ny')).toBe('550 5.6.11')
    expect(await chunk(client, 'x')).toBe('550 5.6.11')
    await client.command('RSET')
    expect(await chunk(client, 'x')).toBe('503 5.5.1')
  })

  test('a CR at the end of one chunk and no LF in the next', async () => {
    const client = await greeted()
    await begin(client)
    expect(await chunk(client, 'a: b\r')).toBe('250 2.0.0')
    expect(await chunk(client, 'x\r\n', true)).toBe('550 5.6.11')
  })

  test('too large: said before its octets are taken, which are thrown away', async () => {
    const client = await greeted({ smtp: { messageBytes: 1000 } })
    await begin(client)
    expect(await chunk(client, 'x'.repeat(600))).toBe('250 2.0.0')
    client.send('BDAT 401\r\n')
    await pause(20)
    expect(mx.seen[0]?.outcome).toBe('aborted')
    client.send('x'.repeat(401))
    expect(short(await client.reply())).toBe('552 5.3.4')
    await begin(client)
    expect(await chunk(client, 'x'.repeat(998) + '\r\n', true)).toBe('250 2.0.0')
  })

  test('more than twice the limit thrown away: cut off', async () => {
    const client = await greeted({ smtp: { messageBytes: 1000 } })
    await begin(client)
    client.send(Buffer.concat([bdat('x'.repeat(1001)), bdat('x'.repeat(900)), bdat('x'.repeat(100)), bdat('y', true)]))
    expect((await client.ended()).map(short)).toEqual(['552 5.3.4', '552 5.3.4', '552 5.3.4'])
    const other = await mx.greeted()
    await begin(other)
    other.send('BDAT 2001 LAST\r\n')
    expect((await other.ended()).map(short)).toEqual(['552 5.3.4'])
  })

  test('what is refused is noted once for the trace', async () => {
    const noted: string[] = []
    const client = await greeted({
      smtp: { messageBytes: 1000 },
      refused: ({ from, recipient, reply }) => noted.push(`${from} ${recipient} ${reply.slice(0, 9)}`),
    })
    await begin(client)
    client.send(Buffer.concat([bdat('x\ny'), bdat('x', true)]))
    await client.replies(2)
    await begin(client)
    client.send('BDAT 2001 LAST\r\n')
    await client.ended()
    expect(noted).toEqual(['a@b c@d.example 550 5.6.1', 'a@b c@d.example 552 5.3.4'])
  })

  test('a header that is too large', async () => {
    const client = await greeted({ smtp: { headerBytes: 1000 } })
    await begin(client)
    client.send(Buffer.concat([bdat('a: b\r\n'.repeat(100)), bdat('a: b\r\n'.repeat(100))]))
    expect((await client.replies(2)).map(short)).toEqual(['250 2.0.0', '552 5.3.4'])
  })

  test('the door: begin, write and finish', async () => {
    let where = 'begin'
    const at = (place: string) => () => {
      if (place === where) throw new WireError('disk-full')
    }
    const client = await greeted({ onBegin: at('begin'), onWrite: at('write'), onFinish: at('finish') })
    for (where of ['begin', 'write', 'finish']) {
      await begin(client)
      client.send(Buffer.concat([bdat('a: b\r\n\r\n'), bdat('x\r\n', true)]))
      const codes = (await client.replies(2)).map(short)
      expect(codes).toEqual([where === 'finish' ? '250 2.0.0' : '452 4.3.1', '452 4.3.1'])
    }
    where = 'nowhere'
    await begin(client)
    expect(await chunk(client, 'a: b\r\n', true)).toBe('250 2.0.0')
  })

  test('chunks of next to nothing count as commands, others do not', async () => {
    const client = await greeted({ smtp: { commands: 10 } })
    await begin(client)
    for (let i = 0; i < 20; i++) expect(await chunk(client, 'x'.repeat(512))).toBe('250 2.0.0')
    client.send('BDAT 0\r\n'.repeat(20))
    const rest = (await client.ended()).map(short)
    expect(rest.at(-1)).toBe('421 4.7.0')
    expect(rest.length).toBeLessThan(12)
    expect(mx.seen[0]?.outcome).toBe('aborted')
  })
})

describe('time, back-pressure, broken connections', () => {
  test('while the sink asks to wait, the socket is not read', async () => {
    let release = (): void => undefined
    const client = await greeted({ onWrite: () => new Promise((resolve) => (release = resolve)) })
    await begin(client)
    const block = 'x'.repeat(998).concat('\r\n').repeat(1000)
    client.send(bdat('a: b\r\n\r\n'))
    let sent = 0
    while (sent < 40) {
      client.send(bdat(block))
      sent++
      if (!(await client.flushed(200))) break
    }
    expect(sent).toBeLessThan(40)
    expect(mx.seen[0]?.chunks).toHaveLength(1)
    const timer = setInterval(() => release(), 0)
    client.send(bdat('', true))
    expect((await client.replies(sent + 2)).map((one) => one.code)).toEqual(Array(sent + 2).fill(250))
    clearInterval(timer)
    expect(Buffer.concat(mx.seen[0]!.chunks).length).toBe(8 + sent * block.length)
  })

  test('broken between chunks, and inside one', async () => {
    for (const rest of ['', 'BDAT 100 LAST\r\nhalf']) {
      const client = await greeted()
      await begin(client)
      expect(await chunk(client, 'a: b\r\n\r\n')).toBe('250 2.0.0')
      client.send(rest)
      await pause(20)
      client.destroy()
      await pause(50)
      expect(mx.seen[0]?.outcome).toBe('aborted')
      await mx.close()
    }
  })

  test('silence inside a chunk, also in one that is thrown away drop by drop', async () => {
    const client = await greeted()
    await begin(client)
    client.send('BDAT 100 LAST\r\nx')
    await pause(20)
    await clock.advance(301_000)
    expect((await client.ended()).map(short)).toEqual(['421 4.4.2'])
    expect(mx.seen[0]?.outcome).toBe('aborted')
    const other = await mx.greeted()
    other.send('BDAT 1000 LAST\r\n')
    let ticks = 0
    while (ticks < 30 && !other.transcript().includes('421')) {
      other.send('x')
      await pause(5)
      await clock.advance(200_000)
      await pause(5)
      ticks++
    }
    expect(ticks).toBeLessThan(20)
    expect((await other.ended()).map(short)).toEqual(['421 4.4.2'])
  })
})
