/** What leaves by a person's hand cannot hold a second message, a second author, or the server up. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { arrangeParts, buildMessage, newPart, removeFields } from '../../protocols/mime/index.ts'
import { prepareOutgoing } from './outgoing.ts'

const own = ['alice@corp.test']
const wish = { own, identity: own[0]!, envelope: null, hostname: 'mx.corp.test' }
const prepare = (text: string) => prepareOutgoing(Buffer.from(text, 'latin1'), wish)
const head = 'From: alice@corp.test\r\nTo: x@elsewhere.test\r\n'

test.each([
  ['bare LF', '\n.\nMAIL FROM:<boss@corp.test>\nRCPT TO:<y@elsewhere.test>\nDATA\n'],
  ['CR LF dot LF', '\r\n.\nMAIL FROM:<boss@corp.test>\r\n'],
  ['LF dot CR LF', '\n.\r\nMAIL FROM:<boss@corp.test>\r\n'],
  ['bare CR', '\r.\rMAIL FROM:<boss@corp.test>\r'],
  ['CR CR LF', '\r\r\n.\r\r\nMAIL FROM:<boss@corp.test>\r\r\n'],
])('%s in an imported message: every line leaves with CR LF', (_, body) => {
  const { bytes } = prepare(`${head}\r\nhello${body}`)
  expect(bytes.toString('latin1')).not.toMatch(/\r(?!\n)|(?<!\r)\n/)
  expect(bytes.toString('latin1')).toContain('MAIL FROM')
})

test('a header with LF alone is the same header: a From that others would see is seen', () => {
  expect(() => prepare(`From: alice@corp.test\nFrom: boss@corp.test\nTo: x@elsewhere.test\n\nhello\n`)).toThrow(
    /boss@corp\.test/,
  )
  expect(() => prepare(`From: alice@corp.test\r\nTo: x@elsewhere.test\rFrom: boss@corp.test\r\n\r\nhello`)).toThrow(
    /boss@corp\.test/,
  )
})

test('a second author behind more fields than we look at is not sent', () => {
  expect(() => prepare(`${head}${'X: y\r\n'.repeat(3000)}From: boss@corp.test\r\n\r\nhello`)).toThrow(
    expect.objectContaining({ code: 'header-too-large' }),
  )
})

const forbidden = expect.objectContaining({ code: 'forbidden' }) as Error

test('an author behind more addresses than are read is not sent', () => {
  const to = 'To: x@elsewhere.test\r\n\r\nhello'
  expect(() => prepare(`From: ${'alice@corp.test,\r\n '.repeat(5000)}boss@corp.test\r\n${to}`)).toThrow(
    expect.objectContaining({ code: 'header-too-large' }),
  )
  const long = `From: "${'x'.repeat(70_000)}" <alice@corp.test>, boss@corp.test\r\n${to}`
  expect(() => prepare(long)).toThrow(/boss@corp\.test/)
  expect(() => prepare(`From: ${Array(11).fill('alice@corp.test').join()}\r\n${to}`)).toThrow(forbidden)
  expect(prepare(`From: ${Array(10).fill('alice@corp.test').join()}\r\n${to}`).recipients).toHaveLength(1)
  expect(() => prepare(`${head}Sender: ${'alice@corp.test,'.repeat(5000)}boss@corp.test\r\n\r\nhello`)).toThrow(
    expect.objectContaining({ code: 'header-too-large' }),
  )
})

test.each(['Sender', 'Resent-From', 'Resent-Sender', 'resent-from '])('%s of somebody else is not sent', (name) => {
  expect(() => prepare(`${head}${name}: Boss <boss@corp.test>\r\n\r\nhello`)).toThrow(forbidden)
  expect(() => prepare(`${name}: alice@corp.test\r\n${name}: boss@corp.test\r\n${head}\r\nhello`)).toThrow(forbidden)
  expect(prepare(`${name}: Alice <Alice@corp.test>\r\n${head}\r\nhello`).recipients).toHaveLength(1)
})

test('what only servers say of a message does not leave with one made here', () => {
  const said = [
    'Return-Path: <boss@corp.test>',
    'Holdfast-Trace: 0199 0199\r\n abc',
    'Holdfast-Resent: yes',
    'X-Holdfast-Returned: event=1;',
    'Authentication-Results: MX.corp.test; spf=pass\r\n smtp.mailfrom=boss@corp.test',
    'Authentication-Results: (we) "mx.corp.test" 1; dmarc=pass',
    'Authentication-Results:\r\n mx.corp.test;\r\n dkim=pass',
    'Resent-Bcc: hidden@elsewhere.test',
  ]
  const others = 'Authentication-Results: other.test; spf=pass\r\nReceived: from a by b; 1 Jan 2026 00:00:00 +0000\r\n'
  expect(prepare(`${said.join('\r\n')}\r\n${others}${head}${said.join('\r\n')}\r\n\r\nhello`).bytes.toString()).toBe(
    `${others}${head}\r\nhello`,
  )
})

test('a message of parts passes', () => {
  const text = `${head}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n`
  expect(prepare(text).bytes.toString('latin1')).toBe(text)
})

test('NUL is refused, other octets stay', () => {
  expect(() => prepare(`${head}\r\na\0b`)).toThrow(expect.objectContaining({ code: 'nul-byte' }))
  const text = `${head}\r\n\xff\xfe caf\xe9\r\n`
  expect(prepare(text).bytes.toString('latin1')).toBe(text)
})

test('a header of many lines without a colon before a large body takes no time', () => {
  const bytes = Buffer.concat([Buffer.from('a\r\n'.repeat(100_000)), Buffer.alloc(20_000_000, 'x')])
  const began = performance.now()
  expect(removeFields(bytes, (name) => name === 'bcc')).toHaveLength(bytes.length)
  expect(performance.now() - began).toBeLessThan(2000)
})

test('whatever is written here can be sent: plain, formatted, with files, with any characters', async () => {
  const words = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', 'a\0b', '\0', 'x'.repeat(2000)),
  )
  const file = fc.record({ name: words, content: fc.uint8Array({ maxLength: 300 }) })
  const written = fc.record({
    subject: fc.option(words),
    display: words,
    text: fc.option(words),
    html: fc.option(words),
    files: fc.array(file, { maxLength: 3 }),
    references: fc.array(fc.stringMatching(/^[a-z]{1,30}@[a-z]{1,30}$/), { maxLength: 40 }),
  })
  const check = async (one: typeof written extends fc.Arbitrary<infer T> ? T : never): Promise<void> => {
    const bytes = await buildMessage({
      from: [{ name: one.display, email: own[0]! }],
      sender: [],
      replyTo: [],
      to: [{ name: one.display, email: 'x@elsewhere.test' }],
      cc: [],
      bcc: [{ name: null, email: 'y@elsewhere.test' }],
      subject: one.subject,
      date: new Date(0),
      messageId: 'a@corp.test',
      inReplyTo: one.references.slice(0, 1),
      references: one.references,
      headers: [],
      body: arrangeParts({
        text: one.text === null ? null : newPart('text/plain', { content: one.text }),
        html: one.html === null ? null : newPart('text/html', { content: one.html }),
        inline: [],
        attachments: one.files.map(({ name, content }) =>
          newPart('application/octet-stream', { name, content: Buffer.from(content), disposition: 'attachment' }),
        ),
      }),
    })
    const { recipients } = prepareOutgoing(bytes, wish)
    expect(recipients).toEqual(['x@elsewhere.test', 'y@elsewhere.test'])
  }
  await fc.assert(fc.asyncProperty(written, check), { numRuns: 100 })
})

const delegated = {
  own: ['alice@corp.test', 'al@corp.test'],
  sendAs: ['office@corp.test'],
  onBehalf: ['boss@corp.test'],
  hostname: 'mx.corp.test',
}
const asDelegate = (header: string, from = 'alice@corp.test') =>
  prepareOutgoing(Buffer.from(`${header}To: x@elsewhere.test\r\n\r\nhello\r\n`), {
    ...delegated,
    identity: from,
    envelope: null,
  })

test.each([
  ['send-as: like an own one', 'From: Office@corp.test\r\n', 'office@corp.test'],
  ['send-as with oneself as Sender', 'From: office@corp.test\r\nSender: alice@corp.test\r\n', 'alice@corp.test'],
  ['send-as as Sender', 'From: alice@corp.test\r\nSender: office@corp.test\r\n', 'office@corp.test'],
  ['on behalf, with an own Sender', 'From: boss@corp.test\r\nSender: al@corp.test\r\n', 'boss@corp.test'],
])('RFC 6409 section 6.1, delegated: %s', (_, header, from) => {
  const { bytes } = asDelegate(header, from)
  expect(bytes.toString()).toBe(`${header}To: x@elsewhere.test\r\n\r\nhello\r\n`)
})

test('RFC 6409 section 8.1: on behalf of somebody, the Sender is added', () => {
  const { bytes, from, authorDomain } = asDelegate('From: The Boss <BOSS@corp.test>\r\n', 'boss@corp.test')
  expect(bytes.toString()).toMatch(/^Sender: <alice@corp\.test>\r\nFrom: The Boss/)
  expect([from, authorDomain]).toEqual(['boss@corp.test', 'corp.test'])
  expect(asDelegate('From: alice@corp.test, boss@corp.test\r\n').bytes.toString()).toMatch(/^Sender: <alice@/)
})

test.each([
  ['on behalf, Sender is somebody else', 'From: boss@corp.test\r\nSender: bob@corp.test\r\n'],
  ['on behalf, Sender is a delegated address', 'From: boss@corp.test\r\nSender: office@corp.test\r\n'],
  ['on behalf, Sender is the same one', 'From: boss@corp.test\r\nSender: boss@corp.test\r\n'],
  ['on behalf, a second Sender', 'From: boss@corp.test\r\nSender: alice@corp.test\r\nSender: bob@corp.test\r\n'],
  ['on behalf, a Sender that is nobody', 'From: boss@corp.test\r\nSender: hidden:;\r\n'],
  ['one who may be written for as Sender', 'From: alice@corp.test\r\nSender: boss@corp.test\r\n'],
  ['sent once more by one who may be written for', 'From: alice@corp.test\r\nResent-From: boss@corp.test\r\n'],
  ['a stranger beside them', 'From: boss@corp.test, bob@corp.test\r\n'],
  ['an address below a delegated one', 'From: office+x@corp.test\r\n'],
])('delegated, refused: %s', (_, header) => {
  expect(() => asDelegate(header)).toThrow(forbidden)
})

test('delegated, refused: the envelope of somebody else', () => {
  expect(() => asDelegate('From: office@corp.test\r\n', 'bob@corp.test')).toThrow(forbidden)
})
