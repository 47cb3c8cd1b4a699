/** A notice is a well-formed multipart/report whatever strangers put into it, and passes where its sender's server is. */
import { expect, test } from 'vitest'
import fc from 'fast-check'
import PostalMime from 'postal-mime'
import { parseStructure } from '../mime/index.ts'
import { buildDsn, type DsnInput } from './build.ts'

const input: DsnInput = {
  reportingMta: 'mx.test',
  from: 'mailer-daemon@mx.test',
  to: 'sender@outside.test',
  date: 'Fri, 2 Jan 2026 03:04:05 +0000',
  messageId: '<n@mx.test>',
  boundary: 'hf-1',
  envelopeId: 'env+1',
  arrival: new Date(0),
  recipients: [
    {
      finalRecipient: 'alice@corp.test',
      originalRecipient: 'rfc822;alice@corp.test',
      action: 'failed',
      status: '5.1.1',
      diagnostic: '550 5.1.1 no',
      remoteMta: 'primary.test',
      lastAttempt: new Date(0),
    },
  ],
  subject: 'Your message could not be delivered',
  text: ['Grüße'],
  original: { bytes: Buffer.from('Subject: hi\r\n'), whole: false },
}
const [recipient] = input.recipients
const international: Partial<DsnInput> = {
  to: 'jürgen@bücher.test',
  recipients: [{ ...recipient!, finalRecipient: 'søren+x@corp.test', diagnostic: '550 5.1.1 ukendt: søren' }],
  original: { bytes: Buffer.from('Subject: Grüße\r\nTo: søren@corp.test\r\n'), whole: false },
}
const isAscii = (bytes: Buffer): boolean => bytes.every((octet) => octet < 0x80)

test('the parts of RFC 3464 section 2 are there and a parser reads them', async () => {
  const { bytes, smtputf8, eightbit } = buildDsn(input)
  const parsed = await PostalMime.parse(bytes)
  expect(parsed.headers.find((h) => h.key === 'content-type')!.value).toContain('report-type=delivery-status')
  expect(parsed.headers.find((h) => h.key === 'auto-submitted')!.value).toBe('auto-replied')
  expect(parsed.text).toContain('Grüße')
  const text = bytes.toString()
  expect(text).toMatch(/Reporting-MTA: dns; mx\.test\r\nOriginal-Envelope-Id: env\+1\r\n/)
  expect(text).toMatch(
    /\r\n\r\nOriginal-Recipient: rfc822; alice@corp\.test\r\nFinal-Recipient: rfc822; alice@corp\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\n/,
  )
  expect(text).toContain('Content-Type: text/rfc822-headers')
  expect([smtputf8, eightbit, isAscii(bytes)]).toEqual([false, false, true])
})

test('addresses beyond ASCII are typed utf-8, and escaped where only seven bits pass (RFC 6533 section 3)', () => {
  const { bytes, smtputf8 } = buildDsn({
    ...input,
    recipients: [
      { ...recipient!, finalRecipient: 'jürgen+x@corp.test', originalRecipient: 'utf-8;jürgen+x@corp.test' },
    ],
  })
  expect(bytes.toString()).toContain(
    'Original-Recipient: utf-8; j\\x{FC}rgen\\x{2B}x@corp.test\r\nFinal-Recipient: utf-8; j\\x{FC}rgen\\x{2B}x@corp.test',
  )
  expect([smtputf8, isAscii(bytes)]).toEqual([false, true])
})

test('to a sender who needs SMTPUTF8: UTF-8 in header and fields, and the types that say so (RFC 6533)', () => {
  const { bytes, smtputf8, eightbit } = buildDsn({ ...input, ...international })
  const text = bytes.toString()
  expect([smtputf8, eightbit]).toEqual([true, true])
  expect(text).toMatch(/^To: <jürgen@bücher\.test>\r$/m)
  expect(text).toContain('Final-Recipient: utf-8; søren+x@corp.test')
  expect(text).toContain('Diagnostic-Code: smtp; 550 5.1.1 ukendt: søren')
  expect(text).toContain('Subject: Grüße')
  const { root } = parseStructure(bytes)
  expect(root.type).toBe('multipart/report')
  expect(text).toMatch(/^Content-Type: multipart\/report; report-type=global-delivery-status;/m)
  // RFC 2045 section 6.4.
  expect(root.headers.find(({ name }) => name === 'Content-Transfer-Encoding')!.raw.trim()).toBe('8bit')
  expect(root.subParts.map(({ type }) => type)).toEqual([
    'text/plain',
    'message/global-delivery-status',
    'message/global-headers',
  ])
})

const utf8 = (text: string): Buffer => Buffer.from(text)
test.each([
  ['a header in UTF-8', false, utf8('Subject: Grüße\r\n'), 'message/global-headers', 'base64'],
  [
    'a header in nothing known',
    false,
    Buffer.from('Subject: Gr\xfc\xdfe\r\n', 'latin1'),
    'text/rfc822-headers',
    'quoted-printable',
  ],
  ['a whole message with such a header', true, utf8('Subject: Grüße\r\n\r\nGrüße\r\n'), 'message/global', 'base64'],
] as const)('%s comes back in seven bits to everybody else', (...[, whole, original, type, encoding]) => {
  const { bytes, smtputf8, eightbit } = buildDsn({
    ...input,
    ...international,
    to: input.to,
    original: { bytes: original, whole },
  })
  expect([smtputf8, eightbit, isAscii(bytes)]).toEqual([false, false, true])
  expect(bytes.toString()).toContain(`Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n`)
})

test('only a whole message of eight bits needs 8BITMIME (RFC 6152), and says so', () => {
  const { bytes, smtputf8, eightbit } = buildDsn({
    ...input,
    original: { bytes: Buffer.from('Subject: hi\r\n\r\nGrüße\r\n'), whole: true },
  })
  expect([smtputf8, eightbit]).toEqual([false, true])
  expect(bytes.toString()).toContain('Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n')
  expect(bytes.toString().split('\r\n\r\n')[0]).toContain('Content-Transfer-Encoding: 8bit')
})

test('the text for people survives its encoding, whatever is in it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.stringMatching(/^[^\r\n\0]*$/u), { maxLength: 5 }), async (lines) => {
      const { bytes } = buildDsn({ ...input, text: ['é', ...lines] })
      expect(isAscii(bytes)).toBe(true)
      for (const line of bytes.toString().split('\r\n')) expect(line.length).toBeLessThanOrEqual(998)
      const { text } = await PostalMime.parse(bytes)
      expect(text!.replace(/\n+$/, '')).toBe(['é', ...lines].join('\n').toWellFormed().replace(/\n+$/, ''))
    }),
  )
})

test('nothing a stranger says ends a line or opens a header', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), fc.boolean(), (diagnostic, remoteMta, to, utf8) => {
      const evil = `${diagnostic}\r\nX-Evil: 1\r\n\r\n--hf-1--\r\n`
      const text = buildDsn({
        ...input,
        to: `${utf8 ? 'ü' : ''}${to}\r\nX-Evil: 1`,
        envelopeId: evil,
        recipients: [
          {
            ...recipient!,
            finalRecipient: `ü${evil}`,
            diagnostic: evil,
            remoteMta: `${remoteMta}\r\nX-Evil: 1`,
            originalRecipient: evil,
          },
        ],
      }).bytes.toString()
      expect(text).not.toMatch(/^X-Evil/m)
      expect(text.match(/^--hf-1--$/gm)).toHaveLength(1)
    }),
  )
})
