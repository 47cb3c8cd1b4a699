import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf, mxFixture, type MxFixture } from '../../../testkit/mx-fixture.ts'

/**
 * SMTP smuggling: a message that holds what some program takes for the end of data, followed by commands. Whatever the
 * look-alike and wherever the bytes are cut, the whole is one message, refused with 550 5.6.11, and nothing in it is
 * carried out.
 */
const lookAlikes = ['\n.\n', '\r.\r', '\r\n.\n', '\n.\r\n', '\r\n.\r', '\r.\r\n', '\n.\r']

let mx: MxFixture
beforeAll(async () => {
  mx = await mxFixture({ smtp: { errors: 1_000_000, commands: 1_000_000 } })
})
afterAll(() => mx.close())

describe('only CR LF . CR LF ends a message', () => {
  test.each(lookAlikes)('%j', async (end) => {
    const inner = `MAIL FROM:<evil@x>\r\nRCPT TO:<evil@d.example>\r\nDATA\r\nforged\r\n`
    const wire = Buffer.from(`From: a@b\r\n\r\nx${end}${inner}.\r\n`, 'latin1')
    const from = wire.indexOf(end, 0, 'latin1')
    const client = await mx.greeted()
    const before = mx.seen.length
    let sent = 0
    // Every cut around the look-alike, in one and in two places.
    for (let i = from - 1; i <= from + end.length + 1; i++)
      for (let j = i; j <= from + end.length + 1; j++) {
        for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
        for (const piece of [wire.subarray(0, i), wire.subarray(i, j), wire.subarray(j)]) {
          client.send(piece)
          await new Promise((resolve) => setImmediate(resolve))
        }
        const reply = await client.reply()
        expect(reply.raw).toMatch(/^550 5\.6\.11 /)
        sent++
        expect(mx.seen).toHaveLength(before + sent)
        expect(mx.seen.at(-1)).toMatchObject({ outcome: 'aborted', envelope: { from: 'a@b' } })
      }
    expect((await client.command('NOOP')).code).toBe(250)
    expect(mx.asked).not.toContain('evil@d.example')
  })

  test.each(lookAlikes)('%j in BDAT: refused as a whole, wherever chunks and packets are cut', async (end) => {
    const inner = `MAIL FROM:<evil@x>\r\nRCPT TO:<evil@d.example>\r\nBDAT 8 LAST\r\nforged\r\n`
    const text = Buffer.from(`From: a@b\r\n\r\nx${end}${inner}.\r\n`, 'latin1')
    const from = text.indexOf(end, 0, 'latin1')
    const client = await mx.greeted()
    const before = mx.seen.length
    let sent = 0
    for (let i = from - 1; i <= from + end.length + 1; i++)
      for (let j = 0; j <= end.length + 1; j++) {
        for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>']) await client.command(line)
        const wire = Buffer.concat([
          Buffer.from(`BDAT ${i}\r\n`),
          text.subarray(0, i),
          Buffer.from(`BDAT ${text.length - i} LAST\r\n`),
          text.subarray(i),
        ])
        // a packet ends somewhere around the border of the chunks
        const cut = wire.indexOf(text.subarray(i)) - 2 + j
        for (const piece of [wire.subarray(0, cut), wire.subarray(cut)]) {
          client.send(piece)
          await new Promise((resolve) => setImmediate(resolve))
        }
        const codes = (await client.replies(2)).map((one) => one.raw.slice(0, 10))
        expect(codes[1]).toBe('550 5.6.11')
        sent++
        expect(mx.seen).toHaveLength(before + sent)
        expect(mx.seen.at(-1)).toMatchObject({ outcome: 'aborted', envelope: { from: 'a@b' } })
      }
    expect((await client.command('NOOP')).code).toBe(250)
    expect(mx.asked).not.toContain('evil@d.example')
  })

  test('a whole end of data and commands inside a chunk are text of one message', async () => {
    const client = await mx.greeted()
    const before = mx.seen.length
    const text = `From: a@b\r\n\r\n.\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@d.example>\r\nBDAT 3 LAST\r\nx\r\n`
    for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>']) await client.command(line)
    client.send(`BDAT ${text.length} LAST\r\n${text}`)
    expect((await client.reply()).code).toBe(250)
    expect(mx.seen).toHaveLength(before + 1)
    expect(bytesOf(mx.seen.at(-1))).toBe(text)
    expect(mx.asked).not.toContain('evil@d.example')
  })

  test('NUL', async () => {
    const client = await mx.greeted()
    for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
    expect((await client.command('a: b\r\n\r\nx\0y\r\n.')).raw).toMatch(/^550 5\.6\.11 /)
    expect(mx.seen.at(-1)?.outcome).toBe('aborted')
  })

  test('dots that are none of these pass unchanged', async () => {
    const client = await mx.greeted()
    const text = 'a: b\r\n\r\n.\r\n..\r\n. \r\n.x\r\nx.\r\n\r\n.\r\n'
    for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
    client.send(text.replace(/(^|\r\n)\./g, '$1..') + '.\r\n')
    expect((await client.reply()).code).toBe(250)
    expect(bytesOf(mx.seen.at(-1))).toBe(text)
  })
})

describe('of an own system every look-alike is mended, and ends nothing', () => {
  let own: MxFixture
  beforeAll(async () => {
    own = await mxFixture({ mends: true })
  })
  afterAll(() => own.close())

  test.each(lookAlikes)('%j', async (end) => {
    const inner = `MAIL FROM:<evil@x>\r\nRCPT TO:<evil@d.example>\r\nDATA\r\nforged\r\n`
    const client = await own.greeted()
    for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
    client.send(Buffer.from(`From: a@b\r\n\r\nx${end}${inner}.\r\n`, 'latin1'))
    expect((await client.reply()).code).toBe(250)
    const text = bytesOf(own.seen.at(-1))
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(text).toContain('MAIL FROM:<evil@x>')
    expect(own.asked).not.toContain('evil@d.example')
  })
})
