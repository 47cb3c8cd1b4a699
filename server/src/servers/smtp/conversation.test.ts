import { afterEach, describe, expect, test } from 'vitest'
import { Notify } from '../../platform/codes.ts'
import { WireError } from '../../platform/errors.ts'
import type { LineClient } from '../../../testkit/line-client.ts'
import { bytesOf, mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'

let mx: MxFixture
const open = async (options?: MxFixtureOptions): Promise<MxFixture> => (mx = await mxFixture(options))
afterEach(async () => {
  await mx.close()
  expect(mx.violations).toEqual([])
})

/** Says each line and gives the codes with their enhanced codes. */
async function say(client: LineClient, ...lines: string[]): Promise<string[]> {
  const codes: string[] = []
  for (const line of lines) codes.push(short(await client.command(line)))
  return codes
}
const short = (reply: { raw: string }): string =>
  /^\d{3}[ -](?:[245]\.\d+\.\d+)?/.exec(reply.raw)![0].replace('-', ' ').trim()
const envelope = ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']

describe('RFC 5321 section 3.1 to 3.3: a message', () => {
  test('from greeting to QUIT', async () => {
    await open()
    const client = await mx.client()
    expect((await client.reply()).raw).toBe('220 mx.holdfast.example ESMTP Holdfast\r\n')
    const ehlo = await client.command('EHLO client.example')
    expect(ehlo.lines).toEqual([
      'mx.holdfast.example',
      'PIPELINING',
      'SIZE 157286400',
      '8BITMIME',
      'SMTPUTF8',
      'ENHANCEDSTATUSCODES',
      'DSN',
      'CHUNKING',
      'LIMITS RCPTMAX=1000',
    ])
    expect(await say(client, ...envelope)).toEqual(['250 2.1.0', '250 2.1.5', '354'])
    client.send('Subject: x\r\n\r\n..dot\r\ntext\r\n.\r\n')
    expect((await client.reply()).raw).toBe('250 2.0.0 Ok: queued as q1\r\n')
    expect(await say(client, 'QUIT')).toEqual(['221 2.0.0'])
    expect(await client.ended()).toEqual([])
    expect(mx.seen).toHaveLength(1)
    expect(mx.seen[0]).toMatchObject({
      outcome: 'finished',
      envelope: {
        from: 'a@b.example',
        clientIp: '127.0.0.1',
        helo: 'client.example',
        esmtp: true,
        tls: null,
        bodyType: '7BIT',
        smtputf8: false,
        declaredSize: null,
        ret: null,
        envid: null,
      },
      recipients: [{ recipient: { address: 'c@d.example' }, notify: 0, orcpt: null }],
    })
    expect(bytesOf(mx.seen[0])).toBe('Subject: x\r\n\r\n.dot\r\ntext\r\n')
  })

  test('several messages on one connection do not mix', async () => {
    await open()
    const client = await mx.greeted()
    for (const n of [1, 2, 3]) {
      await say(client, `MAIL FROM:<a${n}@b.example>`, `RCPT TO:<c${n}@d.example>`, 'DATA')
      client.send(`n: ${n}\r\n.\r\n`)
      expect((await client.reply()).code).toBe(250)
    }
    expect(mx.seen.map((one) => [one.envelope.from, one.recipients.length, bytesOf(one)])).toEqual([
      ['a1@b.example', 1, 'n: 1\r\n'],
      ['a2@b.example', 1, 'n: 2\r\n'],
      ['a3@b.example', 1, 'n: 3\r\n'],
    ])
  })

  test('the null sender, postmaster without a domain, an empty message', async () => {
    await open()
    const client = await mx.greeted()
    expect(await say(client, 'MAIL FROM:<>', 'RCPT TO:<Postmaster>', 'DATA', '.')).toEqual([
      '250 2.1.0',
      '250 2.1.5',
      '354',
      '250 2.0.0',
    ])
    expect(mx.seen[0]?.envelope.from).toBe('')
    expect(mx.asked).toEqual(['Postmaster'])
    expect(bytesOf(mx.seen[0])).toBe('')
  })

  test('HELO: no extensions, and the envelope says so', async () => {
    await open()
    const client = await mx.client()
    await client.reply()
    expect((await client.command('HELO old.example')).raw).toBe('250 mx.holdfast.example\r\n')
    await say(client, ...envelope, 'x: y\r\n.')
    expect(mx.seen[0]?.envelope).toMatchObject({ helo: 'old.example', esmtp: false })
  })

  test('parameters reach the door', async () => {
    await open()
    const client = await mx.greeted()
    await say(
      client,
      'MAIL FROM:<ü@b.example> SIZE=99 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e+2B1',
      'RCPT TO:<ö@d.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o@d.example',
      'RCPT TO:<p@d.example> NOTIFY=NEVER',
    )
    await say(client, 'DATA', 'x: ü\r\n.')
    expect(mx.seen[0]).toMatchObject({
      envelope: {
        from: 'ü@b.example',
        declaredSize: 99,
        bodyType: '8BITMIME',
        smtputf8: true,
        ret: 'HDRS',
        envid: 'e+1',
      },
      recipients: [{ notify: Notify.failure | Notify.delay, orcpt: 'rfc822;o@d.example' }, { notify: Notify.never }],
    })
    expect(Buffer.concat(mx.seen[0]!.chunks).toString()).toBe('x: ü\r\n')
  })

  test('a recipient named twice is passed once', async () => {
    await open()
    const client = await mx.greeted()
    expect(
      await say(
        client,
        'MAIL FROM:<a@b.example>',
        'RCPT TO:<c@d.example>',
        'RCPT TO:<C@D.example>',
        'RCPT TO:<e@d.example>',
        'DATA',
        '.',
      ),
    ).toEqual(['250 2.1.0', '250 2.1.5', '250 2.1.5', '250 2.1.5', '354', '250 2.0.0'])
    expect(mx.seen[0]?.recipients.map((one) => one.recipient.address)).toEqual(['c@d.example', 'e@d.example'])
  })
})

describe('RFC 5321 section 4.1.4: order of commands', () => {
  test.each<[string, string[], string[]]>([
    ['before EHLO', ['MAIL FROM:<a@b>', 'RCPT TO:<a@b>', 'DATA'], ['503 5.5.1', '503 5.5.1', '503 5.5.1']],
    ['without MAIL', ['EHLO x', 'RCPT TO:<a@b>', 'DATA'], ['250', '503 5.5.1', '503 5.5.1']],
    ['MAIL twice', ['EHLO x', 'MAIL FROM:<a@b>', 'MAIL FROM:<c@d>'], ['250', '250 2.1.0', '503 5.5.1']],
    ['DATA without recipients', ['EHLO x', 'MAIL FROM:<a@b>', 'DATA'], ['250', '250 2.1.0', '554 5.5.1']],
    [
      'RSET ends the transaction',
      ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<a@b>', 'RSET', 'DATA', 'MAIL FROM:<a@b>'],
      ['250', '250 2.1.0', '250 2.1.5', '250 2.0.0', '503 5.5.1', '250 2.1.0'],
    ],
    ['RSET does not greet', ['RSET', 'MAIL FROM:<a@b>'], ['250 2.0.0', '503 5.5.1']],
    [
      'EHLO ends the transaction',
      ['EHLO x', 'MAIL FROM:<a@b>', 'RCPT TO:<a@b>', 'EHLO x', 'DATA'],
      ['250', '250 2.1.0', '250 2.1.5', '250', '503 5.5.1'],
    ],
    [
      'a bad EHLO changes nothing',
      ['EHLO x', 'MAIL FROM:<a@b>', 'EHLO', 'RCPT TO:<a@b>'],
      ['250', '250 2.1.0', '501 5.5.4', '250 2.1.5'],
    ],
    [
      'arguments where none belong',
      ['RSET now', 'QUIT now', 'EHLO x', 'STARTTLS now'],
      ['501 5.5.4', '501 5.5.4', '250', '501 5.5.4'],
    ],
    [
      'the small ones',
      ['NOOP', 'NOOP anything', 'HELP', 'VRFY anna', 'VRFY', 'EXPN list'],
      ['250 2.0.0', '250 2.0.0', '214 2.0.0', '252 2.5.2', '501 5.5.4', '502 5.5.1'],
    ],
    [
      'unknown',
      ['FOO', 'AUTH PLAIN AA==', 'BURL imap://x LAST', 'XCLIENT ADDR=1.2.3.4', ''],
      ['500 5.5.2', '500 5.5.2', '500 5.5.2', '500 5.5.2', '500 5.5.2'],
    ],
    ['without TLS configured', ['EHLO x', 'STARTTLS'], ['250', '502 5.5.1']],
    [
      'parameters',
      ['EHLO x', 'MAIL FROM:<a@b> FOO=1', 'MAIL FROM:<a@b> SIZE=x', 'MAIL FROM:<ü@b>', 'MAIL FROM:<a..b@c>'],
      ['250', '555 5.5.4', '501 5.5.4', '553 5.6.7', '501 5.1.7'],
    ],
    [
      'recipients',
      [
        'EHLO x',
        'MAIL FROM:<a@b>',
        'RCPT TO:<>',
        'RCPT TO:<a@b> X',
        'RCPT TO:<x@unknown.example>',
        'RCPT TO:<x@elsewhere.example>',
        'RCPT TO:<x@>',
        'DATA',
      ],
      ['250', '250 2.1.0', '501 5.1.3', '555 5.5.4', '550 5.1.1', '550 5.7.1', '501 5.1.3', '554 5.5.1'],
    ],
  ])('%s', async (_, lines, codes) => {
    await open()
    const client = await mx.client()
    await client.reply()
    expect(await say(client, ...lines)).toEqual(codes)
  })

  test('a refused recipient leaves the others', async () => {
    await open()
    const client = await mx.greeted()
    expect(
      await say(client, 'MAIL FROM:<a@b>', 'RCPT TO:<x@unknown.example>', 'RCPT TO:<c@d.example>', 'DATA', '.'),
    ).toEqual(['250 2.1.0', '550 5.1.1', '250 2.1.5', '354', '250 2.0.0'])
    expect(mx.seen[0]?.recipients).toHaveLength(1)
  })
})

describe('lines', () => {
  test('RFC 5321 section 2.3.8: bare LF is no line end', async () => {
    await open()
    const client = await mx.greeted()
    client.send('NOOP\nNOOP\r\n')
    expect((await client.reply()).raw).toContain('lines must end with CR LF')
    expect((await client.reply()).code).toBe(250)
  })
  test('a long line is refused once, and the next one is understood', async () => {
    await open()
    const client = await mx.greeted()
    client.send('NOOP ' + 'x'.repeat(3000) + '\r\nNOOP\r\n')
    expect((await client.reply()).raw).toMatch(/^500 5\.5\.2 The line is too long/)
    expect((await client.reply()).code).toBe(250)
    for (let i = 0; i < 10; i++) {
      client.send('y'.repeat(500))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(short(await client.command('z'))).toBe('500 5.5.2')
    expect(await say(client, 'NOOP')).toEqual(['250 2.0.0'])
  })
  test('a line without an end is cut off', async () => {
    await open()
    const client = await mx.greeted()
    client.send('x'.repeat(300_000))
    expect((await client.ended()).map(short)).toEqual(['421 4.7.0'])
  })
  test('NUL and other control characters', async () => {
    await open()
    const client = await mx.greeted()
    expect(await say(client, 'NO\0OP', 'MAIL FROM:<a\u0000@b>', 'MAIL FROM:<a\r@b>', 'NOOP')).toEqual([
      '500 5.5.2',
      '500 5.5.2',
      '500 5.5.2',
      '250 2.0.0',
    ])
  })
  test('a browser is shown the door', async () => {
    await open()
    const client = await mx.client()
    await client.reply()
    client.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@b>\r\n')
    expect((await client.ended()).map(short)).toEqual(['421 4.7.0'])
  })
})

describe('RFC 2920: pipelining', () => {
  test('a whole transaction in one write; the replies come together', async () => {
    await open()
    const client = await mx.greeted()
    const before = client.chunks()
    client.send('MAIL FROM:<a@b>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<x@unknown.example>\r\nDATA\r\n')
    expect((await client.replies(4)).map(short)).toEqual(['250 2.1.0', '250 2.1.5', '550 5.1.1', '354'])
    expect(client.chunks() - before).toBe(1)
    client.send('a: b\r\n.\r\nMAIL FROM:<e@f>\r\nRCPT TO:<g@h.example>\r\nDATA\r\n')
    expect((await client.replies(4)).map(short)).toEqual(['250 2.0.0', '250 2.1.0', '250 2.1.5', '354'])
    client.send('c: d\r\n.\r\nQUIT\r\n')
    expect((await client.ended()).map(short)).toEqual(['250 2.0.0', '221 2.0.0'])
    expect(mx.seen.map(bytesOf)).toEqual(['a: b\r\n', 'c: d\r\n'])
  })

  test('byte by byte', async () => {
    await open()
    const client = await mx.greeted()
    for (const byte of 'MAIL FROM:<a@b>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n') client.send(byte)
    expect((await client.ended()).map(short)).toEqual(['250 2.1.0', '250 2.1.5', '354', '250 2.0.0', '221 2.0.0'])
    expect(bytesOf(mx.seen[0])).toBe('.x\r\n')
  })

  test('all recipients refused in a group: DATA is 554 and no sink is made', async () => {
    await open()
    const client = await mx.greeted()
    client.send('MAIL FROM:<a@b>\r\nRCPT TO:<x@unknown.example>\r\nDATA\r\nRSET\r\n')
    expect((await client.replies(4)).map(short)).toEqual(['250 2.1.0', '550 5.1.1', '554 5.5.1', '250 2.0.0'])
    expect(mx.seen).toEqual([])
  })

  test('commands behind a slow one wait, and keep their order', async () => {
    let release = (): void => undefined
    await open({ onRecipient: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    client.send('MAIL FROM:<a@b>\r\nRCPT TO:<c@d.example>\r\nNOOP\r\nFOO\r\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    release()
    expect((await client.replies(4)).map(short)).toEqual(['250 2.1.0', '250 2.1.5', '250 2.0.0', '500 5.5.2'])
  })

  test('commands behind the final dot wait for its reply', async () => {
    let release = (): void => undefined
    await open({ onFinish: () => new Promise((resolve) => (release = resolve)) })
    const client = await mx.greeted()
    await say(client, ...envelope)
    client.send('.\r\nMAIL FROM:<second@b>\r\nQUIT\r\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(client.transcript()).not.toContain('queued')
    release()
    expect((await client.ended()).map(short)).toEqual(['250 2.0.0', '250 2.1.0', '221 2.0.0'])
  })

  test('10,000 recipients: as many as allowed are taken, the rest get 452', async () => {
    await open()
    const client = await mx.greeted()
    client.send(
      'MAIL FROM:<a@b>\r\n' +
        Array.from({ length: 10_000 }, (_, i) => `RCPT TO:<c${i}@d.example>\r\n`).join('') +
        'DATA\r\n',
    )
    const codes = (await client.replies(10_002)).map(short)
    expect(codes.filter((code) => code === '250 2.1.5')).toHaveLength(1000)
    expect(codes.filter((code) => code === '452 4.5.3')).toHaveLength(9000)
    expect(codes.at(-1)).toBe('354')
    client.send('.\r\n')
    expect((await client.reply()).code).toBe(250)
    expect(mx.seen[0]?.recipients).toHaveLength(1000)
  })

  test('a client that never reads its replies is not read from', async () => {
    await open({ smtp: { recipients: 10_000_000, errors: 10_000_000 } })
    const client = await mx.greeted()
    await client.command('MAIL FROM:<a@b>')
    client.socket.pause()
    const block = `RCPT TO:<${'x'.repeat(64)}@unknown.example>\r\n`.repeat(5000)
    for (let i = 0; i < 30; i++) client.send(block)
    let before = -1
    while (mx.asked.length > before) {
      before = mx.asked.length
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(mx.asked.length).toBeGreaterThan(1000)
    expect(mx.asked.length).toBeLessThan(140_000)
    client.socket.resume()
    await client.replies(150_000)
    expect((await client.command('NOOP')).code).toBe(250)
  })
})

describe('half-closed connections', () => {
  test('a client that stops sending still gets its reply', async () => {
    await open({ onFinish: () => new Promise((resolve) => setTimeout(resolve, 50)) })
    const client = await mx.greeted()
    await say(client, ...envelope)
    client.send('x: y\r\n.\r\n')
    client.finish()
    expect((await client.ended()).map(short)).toEqual(['250 2.0.0'])
  })
  test('FIN in the middle of the message: given up', async () => {
    await open()
    const client = await mx.greeted()
    await say(client, ...envelope)
    client.send('x: y\r\nhalf a li')
    client.finish()
    expect(await client.ended()).toEqual([])
    expect(mx.seen[0]?.outcome).toBe('aborted')
  })
})

describe('errors of the door', () => {
  test('finish: its WireError is the reply, anything else is 451', async () => {
    const thrown: unknown[] = [new WireError('disk-full'), new WireError('loop'), new Error('boom'), undefined]
    await open({ onFinish: () => Promise.reject(thrown.shift()) })
    const client = await mx.greeted()
    for (const code of ['452 4.3.1', '554 5.4.6', '451 4.3.0', '451 4.3.0']) {
      await say(client, ...envelope)
      expect(await say(client, 'x: y\r\n.')).toEqual([code])
    }
    expect(await say(client, ...envelope)).toEqual(['250 2.1.0', '250 2.1.5', '354'])
  })
  test('begin: instead of 354', async () => {
    await open({
      onBegin: () => {
        throw new WireError('database-unavailable')
      },
    })
    const client = await mx.greeted()
    expect(await say(client, ...envelope)).toEqual(['250 2.1.0', '250 2.1.5', '451 4.3.0'])
  })
  test('write: the sink is told, the rest is read away, the reply comes after the dot', async () => {
    for (const onWrite of [
      () => {
        throw new WireError('disk-full')
      },
      () => Promise.reject(new WireError('disk-full')),
    ]) {
      await open({ onWrite })
      const client = await mx.greeted()
      await say(client, ...envelope)
      client.send('a: b\r\n\r\n' + 'line\r\n'.repeat(50_000) + '.\r\n')
      expect(short(await client.reply())).toBe('452 4.3.1')
      expect(mx.seen[0]?.outcome).toBe('aborted')
      expect(await say(client, 'NOOP')).toEqual(['250 2.0.0'])
      await mx.close()
    }
  })
  test('recipient: an unexpected error is 451 and does not count against the client', async () => {
    await open({ smtp: { errors: 1 }, onRecipient: () => Promise.reject(new Error('boom')) })
    const client = await mx.greeted()
    await say(client, 'MAIL FROM:<a@b>')
    for (let i = 0; i < 5; i++) expect(await say(client, 'RCPT TO:<c@d.example>')).toEqual(['451 4.3.0'])
  })
})
