import { afterEach, describe, expect, test } from 'vitest'
import type { LineClient } from '../../../../testkit/line-client.ts'
import {
  PLAIN_ALICE,
  submissionFixture,
  type SubmissionFixture,
  type SubmissionFixtureOptions,
} from '../../../../testkit/submission-fixture.ts'
import { WireError } from '../../../platform/errors.ts'
import { silentLog } from '../../../platform/log.ts'

let it: SubmissionFixture
const open = async (options?: SubmissionFixtureOptions): Promise<SubmissionFixture> =>
  (it = await submissionFixture(options))
afterEach(async () => {
  await it.close()
  expect(it.violations).toEqual([])
})

/** Says each line and gives the codes with their enhanced codes. */
async function say(client: LineClient, ...lines: string[]): Promise<string[]> {
  const codes: string[] = []
  for (const line of lines) codes.push(short(await client.command(line)))
  return codes
}
const short = (reply: { raw: string }): string =>
  /^\d{3}[ -](?:[245]\.\d+\.\d+)?/.exec(reply.raw)![0].replace('-', ' ').trim()
const b64 = (text: string): string => Buffer.from(text).toString('base64')
const wrong = b64('\0alice@corp.test\0guess')

describe.each(['submission', 'submissions'] as const)('%s', (name) => {
  test('from greeting to QUIT', async () => {
    await open({ name })
    const client = await it.client()
    if (name === 'submissions') await client.startTls()
    expect((await client.reply()).raw).toBe('220 mx.holdfast.example ESMTP Holdfast\r\n')
    if (name === 'submission') {
      const clear = (await client.command('EHLO client.example')).lines
      expect(clear).toContain('STARTTLS')
      expect(clear.join()).not.toContain('AUTH')
      expect(await say(client, 'STARTTLS')).toEqual(['220 2.0.0'])
      await client.startTls()
    }
    expect((await client.command('EHLO client.example')).lines).toEqual([
      'mx.holdfast.example',
      'PIPELINING',
      'SIZE 157286400',
      '8BITMIME',
      'SMTPUTF8',
      'ENHANCEDSTATUSCODES',
      'DSN',
      'CHUNKING',
      'REQUIRETLS',
      'LIMITS RCPTMAX=100',
      'AUTH PLAIN LOGIN',
      expect.stringMatching(/^FUTURERELEASE 2592000 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    ])
    expect(
      await say(
        client,
        `AUTH PLAIN ${PLAIN_ALICE}`,
        'MAIL FROM:<Alice@corp.test> SIZE=20 BODY=8BITMIME SMTPUTF8 AUTH=<> REQUIRETLS',
        'RCPT TO:<c@d.example>',
        'RCPT TO:<C@D.example>',
        'RCPT TO:<x@unknown.example>',
        'DATA',
        'Subject: x\r\n\r\n..dot\r\n.',
        'STARTTLS',
        'QUIT',
      ),
    ).toEqual([
      '235 2.7.0',
      '250 2.1.0',
      '250 2.1.5',
      '250 2.1.5',
      '250 2.1.5',
      '354',
      '250 2.0.0',
      '503 5.5.1',
      '221 2.0.0',
    ])
    await client.ended()
    expect(it.tried).toEqual([
      { name: 'alice@corp.test', password: 'secret', clientIp: '127.0.0.1', protocol: 'submission' },
    ])
    expect(it.seen).toMatchObject([
      {
        outcome: 'finished',
        personId: '00000000-0000-7000-8000-000000000002',
        envelope: {
          from: 'Alice@corp.test',
          to: ['c@d.example', 'x@unknown.example'],
          smtputf8: true,
          requireTls: true,
        },
      },
    ])
    expect(Buffer.concat(it.seen[0]!.chunks).toString()).toBe('Subject: x\r\n\r\n.dot\r\n')
  })
})

describe('RFC 4954: AUTH', () => {
  test.each<[string, string[], string[]]>([
    ['PLAIN in two steps', ['AUTH PLAIN', PLAIN_ALICE], ['334', '235 2.7.0']],
    ['in any case', ['auth plain', PLAIN_ALICE], ['334', '235 2.7.0']],
    ['for oneself by name', [`AUTH PLAIN ${b64('Alice@corp.test\0alice@corp.test\0secret')}`], ['235 2.7.0']],
    ['LOGIN', ['AUTH LOGIN', b64('alice@corp.test'), b64('secret')], ['334', '334', '235 2.7.0']],
    ['LOGIN with the name', [`AUTH LOGIN ${b64('alice@corp.test')}`, b64('secret')], ['334', '235 2.7.0']],
    ['twice', [`AUTH PLAIN ${PLAIN_ALICE}`, `AUTH PLAIN ${PLAIN_ALICE}`], ['235 2.7.0', '503 5.5.1']],
    ['given up', ['AUTH PLAIN', '*', 'NOOP', 'AUTH LOGIN', '*'], ['334', '501 5.5.2', '250 2.0.0', '334', '501 5.5.2']],
    ['given up in the middle', ['AUTH LOGIN', b64('alice'), '*', 'NOOP'], ['334', '334', '501 5.5.2', '250 2.0.0']],
    ['not base64', ['AUTH PLAIN', 'what?', 'AUTH PLAIN !', 'NOOP'], ['334', '501 5.5.2', '501 5.5.2', '250 2.0.0']],
    ['an empty initial response', ['AUTH PLAIN =', 'AUTH LOGIN ='], ['501 5.5.2', '501 5.5.2']],
    ['a message that is none', [`AUTH PLAIN ${b64('alice secret')}`], ['501 5.5.2']],
    [
      'no mechanism, a strange one, too much',
      ['AUTH', 'AUTH CRAM-MD5', 'AUTH PLAIN AA== AA=='],
      ['501 5.5.4', '504 5.5.4', '501 5.5.4'],
    ],
    ['a command instead of an answer is an answer', ['AUTH PLAIN', 'NOOP', 'NOOP'], ['334', '501 5.5.2', '250 2.0.0']],
    ['for somebody else', [`AUTH PLAIN ${b64('bob@corp.test\0alice@corp.test\0secret')}`], ['535 5.7.8']],
    ['a password to be changed first', [`AUTH PLAIN ${b64('\0new@corp.test\0secret')}`], ['535 5.7.8']],
    ['after HELO', ['HELO x', `AUTH PLAIN ${PLAIN_ALICE}`], ['250', '503 5.5.1']],
    [
      'EHLO, RSET and a message do not sign out',
      [`AUTH PLAIN ${PLAIN_ALICE}`, 'EHLO y', 'RSET', 'MAIL FROM:<alice@corp.test>'],
      ['235 2.7.0', '250', '250 2.0.0', '250 2.1.0'],
    ],
    [
      'inside a transaction',
      [`AUTH PLAIN ${PLAIN_ALICE}`, 'MAIL FROM:<alice@corp.test>', 'AUTH LOGIN', 'RCPT TO:<a@b.example>', 'AUTH LOGIN'],
      ['235 2.7.0', '250 2.1.0', '503 5.5.1', '250 2.1.5', '503 5.5.1'],
    ],
    [
      'nothing goes without it',
      [
        'MAIL FROM:<alice@corp.test>',
        'RCPT TO:<a@b.example>',
        'DATA',
        `AUTH PLAIN ${wrong}`,
        'MAIL FROM:<alice@corp.test>',
      ],
      ['530 5.7.0', '503 5.5.1', '503 5.5.1', '535 5.7.8', '530 5.7.0'],
    ],
  ])('%s', async (_, lines, codes) => {
    await open()
    expect(await say(await it.secured(), ...lines)).toEqual(codes)
    expect(it.seen).toEqual([])
  })

  test('in clear nothing is taken, not even a right password, and nobody is asked', async () => {
    await open()
    const client = await it.client()
    await client.reply()
    expect(
      await say(
        client,
        'EHLO x',
        `AUTH PLAIN ${PLAIN_ALICE}`,
        'AUTH LOGIN',
        PLAIN_ALICE,
        'MAIL FROM:<alice@corp.test>',
      ),
    ).toEqual(['250', '538 5.7.11', '538 5.7.11', '500 5.5.2', '530 5.7.0'])
    expect(it.tried).toEqual([])
  })

  test('before EHLO', async () => {
    await open({ name: 'submissions' })
    const client = await it.client()
    await client.startTls()
    await client.reply()
    expect(await say(client, `AUTH PLAIN ${PLAIN_ALICE}`)).toEqual(['503 5.5.1'])
  })

  test('three wrong tries end the connection', async () => {
    await open()
    const client = await it.secured()
    expect(await say(client, `AUTH PLAIN ${wrong}`, `AUTH PLAIN ${wrong}`)).toEqual(['535 5.7.8', '535 5.7.8'])
    client.send(`AUTH PLAIN ${wrong}\r\nAUTH PLAIN ${PLAIN_ALICE}\r\n`)
    expect((await client.ended()).map(short)).toEqual(['535 5.7.8', '421 4.7.0'])
    expect(it.tried).toHaveLength(3)
  })

  test('trouble of ours is 451 and no wrong try', async () => {
    await open({
      onVerify: () => {
        throw new Error('boom')
      },
    })
    const client = await it.secured()
    const lines = Array.from({ length: 5 }, () => `AUTH PLAIN ${PLAIN_ALICE}`)
    expect(new Set(await say(client, ...lines))).toEqual(new Set(['451 4.3.0']))
  })

  test('pipelined: what stands behind AUTH waits for it', async () => {
    let release = (): void => undefined
    await open({ onVerify: () => new Promise((resolve) => (release = resolve)) })
    const client = await it.secured()
    client.send(
      `AUTH LOGIN\r\n${b64('alice@corp.test')}\r\n${b64('secret')}\r\nMAIL FROM:<alice@corp.test>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n`,
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(client.transcript()).not.toContain('530')
    release()
    expect((await client.replies(6)).map(short)).toEqual(['334', '334', '235 2.7.0', '250 2.1.0', '250 2.1.5', '354'])
  })

  test('its lines may be long, all others keep their limit', async () => {
    await open()
    const client = await it.secured()
    const long = b64(`\0alice@corp.test\0${'x'.repeat(900)}`)
    expect(long.length).toBeLessThan(2048)
    const longer = 'AAAA'.repeat(2900)
    // Read to its end and refused for what it is.
    expect(await say(client, `AUTH PLAIN ${longer}`, 'AUTH PLAIN', longer)).toEqual(['501 5.5.2', '334', '501 5.5.2'])
    const tooLong = 'AAAA'.repeat(4000)
    expect(await say(client, `AUTH PLAIN ${tooLong}`, 'NOOP')).toEqual(['500 5.5.2', '250 2.0.0'])
    // The exchange is over as well.
    expect(await say(client, 'AUTH PLAIN', tooLong, PLAIN_ALICE)).toEqual(['334', '500 5.5.2', '500 5.5.2'])
    expect(await say(client, `NOOP ${'x'.repeat(2100)}`, `AUTHX ${'x'.repeat(2100)}`, 'NOOP')).toEqual([
      '500 5.5.2',
      '500 5.5.2',
      '250 2.0.0',
    ])
    client.send('AUTH PLAIN ' + 'A'.repeat(300_000))
    expect((await client.ended()).map(short)).toEqual(['421 4.7.0'])
    expect(it.tried).toEqual([])
  })

  test('no password and no name comes into the log', async () => {
    const lines: string[] = []
    const keep = (fields: object, text: string): void => void lines.push(JSON.stringify({ ...fields, text }))
    await open({ log: { ...silentLog, debug: keep, info: keep, warn: keep, error: keep } })
    const client = await it.secured()
    await say(client, `AUTH PLAIN ${wrong}`, 'AUTH LOGIN', b64('alice@corp.test'), wrong, 'AUTH PLAIN', `${wrong}!`)
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.join('\n')).not.toContain(wrong.slice(0, 8))
    expect(lines.join('\n')).not.toMatch(/guess|PLAIN|LOGIN/)
  })
})

describe('RFC 3207: STARTTLS', () => {
  test('what was slipped in behind it in plain text is never carried out', async () => {
    await open()
    const client = await it.client()
    await client.reply()
    await client.command('EHLO x')
    client.send(`STARTTLS\r\nEHLO evil\r\nAUTH PLAIN ${PLAIN_ALICE}\r\nMAIL FROM:<alice@corp.test>\r\n`)
    expect((await client.reply()).code).toBe(220)
    await client.startTls()
    expect(await say(client, 'NOOP', 'MAIL FROM:<alice@corp.test>', 'EHLO x', 'MAIL FROM:<alice@corp.test>')).toEqual([
      '250 2.0.0',
      '503 5.5.1',
      '250',
      '530 5.7.0',
    ])
    expect(it.tried).toEqual([])
  })
})

describe('RFC 8314 section 3.3: TLS from the start', () => {
  test('plain text there ends the connection without a word, and only that one', async () => {
    await open({ name: 'submissions' })
    const client = await it.client()
    client.send('EHLO x\r\n')
    expect(await client.ended()).toEqual([])
    expect(client.transcript()).not.toContain('220')
    expect((await (await it.signedIn()).command('NOOP')).code).toBe(250)
  })
  test('one connection too many is closed, not talked to in clear', async () => {
    await open({ name: 'submissions', smtp: { connections: 1 } })
    await it.secured()
    const client = await it.client()
    expect(await client.ended()).toEqual([])
    expect(client.transcript()).toBe('')
  })
  test('a client that never begins is ended', async () => {
    await open({ name: 'submissions', smtp: { commandTimeout: 0.2 } })
    expect(await (await it.client()).ended()).toEqual([])
  })
})

describe('MAIL, RCPT and DATA', () => {
  test.each<[string, string[], string[]]>([
    [
      'only from an own address',
      ['MAIL FROM:<bob@corp.test>', 'MAIL FROM:<alice@corp.test>'],
      ['550 5.7.1', '250 2.1.0'],
    ],
    ['not from nobody', ['MAIL FROM:<>'], ['550 5.7.1']],
    [
      'syntax and size',
      ['MAIL', 'MAIL FROM:<a..b@c>', 'MAIL FROM:<alice@corp.test> SIZE=999999999', 'MAIL FROM:<alice@corp.test> X=1'],
      ['501 5.5.4', '501 5.1.7', '552 5.3.4', '555 5.5.4'],
    ],
    [
      'RFC 3461: parameters that are none',
      [
        'MAIL FROM:<alice@corp.test> RET=ALL',
        'MAIL FROM:<alice@corp.test> ENVID=+0A',
        'MAIL FROM:<alice@corp.test> NOTIFY=NEVER',
        'MAIL FROM:<alice@corp.test>',
        'RCPT TO:<a@b.example> NOTIFY=NEVER,SUCCESS',
        'RCPT TO:<a@b.example> ORCPT=rfc822',
        'RCPT TO:<a@b.example> RET=HDRS',
      ],
      ['501 5.5.4', '501 5.5.4', '555 5.5.4', '250 2.1.0', '501 5.5.4', '501 5.5.4', '555 5.5.4'],
    ],
    [
      'recipients',
      ['MAIL FROM:<alice@corp.test>', 'DATA', 'RCPT TO:<>', 'RCPT TO:<Postmaster>', 'RCPT TO:<ü@b.example>', 'DATA'],
      ['250 2.1.0', '554 5.5.1', '501 5.1.3', '501 5.1.3', '553 5.6.7', '554 5.5.1'],
    ],
    ['the small ones', ['HELP', 'VRFY x', 'EXPN x', 'XCLIENT'], ['214 2.0.0', '252 2.5.2', '502 5.5.1', '500 5.5.2']],
  ])('%s', async (_, lines, codes) => {
    await open()
    expect(await say(await it.signedIn(), ...lines)).toEqual(codes)
  })

  test('RFC 4865: held for a time or until one, one of them, not too far ahead; forgotten behind the message', async () => {
    await open()
    const client = await it.signedIn()
    const from = 'MAIL FROM:<alice@corp.test>'
    const ahead = (days: number): string => `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19)}Z`
    expect(
      await say(
        client,
        `${from} HOLDFOR=x`,
        `${from} HOLDUNTIL=tomorrow`,
        `${from} HOLDFOR=60 HOLDUNTIL=${ahead(1)}`,
        `${from} HOLDFOR=2592001`,
        `${from} HOLDUNTIL=${ahead(31)}`,
        `${from} HOLDFOR=999999999999`,
        'NOOP',
      ),
    ).toEqual(['501 5.5.4', '501 5.5.4', '501 5.5.4', '554 5.5.4', '554 5.5.4', '501 5.5.4', '250 2.0.0'])
    for (const more of [' HOLDFOR=60', ` HOLDUNTIL=${ahead(29)}`, ''])
      await say(client, `${from}${more}`, 'RCPT TO:<a@b.example>', 'DATA', '.')
    await say(client, `${from} HOLDFOR=60`, 'RSET', from, 'RCPT TO:<a@b.example>', 'DATA', '.')
    expect(it.seen.map(({ envelope }) => envelope.hold)).toEqual([
      { seconds: 60 },
      { until: expect.any(Number) },
      null,
      null,
    ])
  })

  test('RFC 3461: what is asked to hear goes with the message, and is forgotten behind it', async () => {
    await open()
    const client = await it.signedIn()
    await say(
      client,
      'MAIL FROM:<alice@corp.test> RET=hdrs ENVID=QQ+2B1',
      'RCPT TO:<A@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;first@b.example',
      'RCPT TO:<c@b.example>',
      'RCPT TO:<a@b.example> NOTIFY=NEVER',
      'DATA',
      '.',
      'MAIL FROM:<alice@corp.test>',
      'RCPT TO:<a@b.example>',
      'DATA',
      '.',
    )
    expect(it.seen.map(({ envelope }) => [envelope.to, envelope.dsn])).toEqual([
      [
        ['A@b.example', 'c@b.example'],
        { ret: 'HDRS', envid: 'QQ+1', of: { 'a@b.example': { notify: 10, orcpt: 'rfc822;first@b.example' } } },
      ],
      [['a@b.example'], null],
    ])
  })

  test('one recipient too many is 452, the others are written to', async () => {
    await open({ recipients: 3 })
    const client = await it.signedIn()
    const to = [1, 2, 3, 4].map((n) => `RCPT TO:<r${n}@b.example>`)
    expect((await say(client, 'MAIL FROM:<alice@corp.test>', ...to)).at(-1)).toBe('452 4.5.3')
    expect(await say(client, 'DATA', '.')).toEqual(['354', '250 2.0.0'])
    expect(it.seen[0]?.envelope.to).toHaveLength(3)
  })

  test('in chunks (RFC 3030), and before there is a recipient', async () => {
    await open()
    const client = await it.signedIn()
    expect(await say(client, 'MAIL FROM:<alice@corp.test>', 'BDAT 6 LAST\r\nn: 1')).toEqual(['250 2.1.0', '554 5.5.1'])
    expect(
      await say(
        client,
        'MAIL FROM:<alice@corp.test>',
        'RCPT TO:<c@d.example>',
        'BDAT 6\r\nn: 1',
        'BDAT 5 LAST\r\n\r\nx',
      ),
    ).toEqual(['250 2.1.0', '250 2.1.5', '250 2.0.0', '250 2.0.0'])
    expect(it.seen).toHaveLength(1)
    expect(it.seen[0]?.envelope.to).toEqual(['c@d.example'])
  })

  test('several messages on one connection do not mix', async () => {
    await open()
    const client = await it.signedIn()
    for (const n of [1, 2, 3])
      await say(client, 'MAIL FROM:<alice@corp.test>', `RCPT TO:<c${n}@d.example>`, 'DATA', `n: ${n}\r\n.`)
    expect(it.seen.map((one) => [one.envelope.to, Buffer.concat(one.chunks).toString()])).toEqual([
      [['c1@d.example'], 'n: 1\r\n'],
      [['c2@d.example'], 'n: 2\r\n'],
      [['c3@d.example'], 'n: 3\r\n'],
    ])
  })

  test('a password that was changed meanwhile signs out at the next message', async () => {
    await open()
    const client = await it.signedIn()
    it.changePassword()
    expect(await say(client, 'MAIL FROM:<alice@corp.test>', 'MAIL FROM:<alice@corp.test>')).toEqual([
      '530 5.7.0',
      '530 5.7.0',
    ])
  })

  test('what the door throws is the reply; what its sink is told is kept in order', async () => {
    const thrown: unknown[] = [new WireError('rate-limited'), new WireError('forbidden'), new Error('boom')]
    await open({ onFinish: () => Promise.reject(thrown.shift()) })
    const client = await it.signedIn()
    for (const code of ['450 4.7.0', '550 5.7.1', '451 4.3.0'])
      expect((await say(client, 'MAIL FROM:<alice@corp.test>', 'RCPT TO:<a@b.example>', 'DATA', '.')).at(-1)).toBe(code)
  })

  test('no room in memory: 452, and the sink is let go', async () => {
    await open({
      onWrite: () => {
        throw new WireError('memory-full')
      },
    })
    const client = await it.signedIn()
    await say(client, 'MAIL FROM:<alice@corp.test>', 'RCPT TO:<a@b.example>', 'DATA')
    client.send('a: b\r\n\r\n' + 'line\r\n'.repeat(50_000) + '.\r\n')
    expect(short(await client.reply())).toBe('452 4.3.1')
    expect(it.seen[0]?.outcome).toBe('aborted')
    expect(await say(client, 'NOOP')).toEqual(['250 2.0.0'])
  })

  test('a connection that breaks while its sender is checked, or in the message, leaves nothing open', async () => {
    let release = (): void => undefined
    await open({ onSender: () => new Promise((resolve) => (release = resolve)) })
    const client = await it.signedIn()
    client.send('MAIL FROM:<alice@corp.test>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nhalf')
    await new Promise((resolve) => setTimeout(resolve, 30))
    client.destroy()
    await new Promise((resolve) => setTimeout(resolve, 30))
    release()
    const other = await it.signedIn()
    other.send('MAIL FROM:<alice@corp.test>\r\n')
    await new Promise((resolve) => setTimeout(resolve, 30))
    release()
    expect((await other.reply()).code).toBe(250)
    await say(other, 'RCPT TO:<a@b.example>', 'DATA')
    other.send('x: y\r\nhalf a li')
    other.finish()
    await other.ended()
    expect(new Set(it.seen.map(({ outcome }) => outcome))).toEqual(new Set(['aborted']))
  })
})
