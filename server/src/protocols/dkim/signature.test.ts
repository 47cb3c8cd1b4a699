/** Signatures as somebody else's verifier sees them: mailauth's. */
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { expect, test } from 'vitest'
import { dkimSignature, signedParts } from './signature.ts'
import { createStreamedParts } from './streamed.ts'

const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ed25519: generateKeyPairSync('ed25519'),
}
type Kind = keyof typeof pairs

const seal = async (message: string, kind: Kind = 'ed25519'): Promise<string> => {
  const key = pairs[kind].privateKey
  const field = dkimSignature(await signedParts(Buffer.from(message, 'latin1')), {
    domain: 'corp.test',
    selector: 'hf1',
    key,
    at: 1e12,
  })
  return field + message
}
async function verdict(message: string, kind: Kind = 'ed25519'): Promise<string> {
  const der = pairs[kind].publicKey.export({ type: 'spki', format: 'der' })
  const p = (kind === 'rsa' ? der : der.subarray(-32)).toString('base64')
  const { results } = await dkimVerify(Buffer.from(message, 'latin1'), {
    resolver: async () => [[`v=DKIM1; k=${kind}; p=${p}`]],
  })
  return results.map((one: { status: { result: string } }) => one.status.result).join()
}

const MESSAGE =
  'From: Alice <alice@corp.test>\r\nTo: x@elsewhere.test,\r\n  y@elsewhere.test\r\nSubject:  a   long\r\n\tsubject \r\nSender : alice@corp.test\r\nX-Other: 1\r\n\r\nbody  \r\n\r\n'

test.each(['rsa', 'ed25519'] as const)('%s: verifies, in lines that fit', async (kind) => {
  const sealed = await seal(MESSAGE, kind)
  expect(await verdict(sealed, kind)).toBe('pass')
  for (const line of sealed.split('\r\n')) expect(line.length).toBeLessThan(79)
  expect(await verdict(sealed.replace('body', 'bodY'), kind)).not.toBe('pass')
})

test.each([
  'From: boss@corp.test',
  'Subject: another',
  'To: z@elsewhere.test',
  'Cc: z@elsewhere.test',
  'Reply-To: thief@elsewhere.test',
  'Date: Mon, 2 Nov 2026 09:00:00 +0000',
  'Message-ID: <other@corp.test>',
  'Content-Type: text/html',
  'Content-Transfer-Encoding: base64',
  'MIME-Version: 1.0',
  'In-Reply-To: <other@corp.test>',
  'References: <other@corp.test>',
])('a field that somebody adds breaks it: %s', async (added) => {
  const sealed = await seal(MESSAGE)
  expect(await verdict(`${added}\r\n${sealed}`)).not.toBe('pass')
  const end = sealed.indexOf('\r\n\r\n')
  expect(await verdict(`${sealed.slice(0, end)}\r\n${added}${sealed.slice(end)}`)).not.toBe('pass')
})

test('trace fields on the way and other ones do not break it', async () => {
  expect(
    await verdict(`Received: from a by b; Mon, 2 Nov 2026 09:00:00 +0000\r\nX-Spam: no\r\n${await seal(MESSAGE)}`),
  ).toBe('pass')
})

test('any body and any fields verify', async () => {
  const body = fc
    .array(fc.constantFrom(' ', '\t', '\r\n', 'a', '.', '\xe9', '  \r\n', 'word', '\r\n\r\n', 'x'.repeat(300)), {
      maxLength: 40,
    })
    .map((parts) => `${parts.join('')}\r\n`)
  const value = fc
    .array(fc.constantFrom(' ', '\t', '\r\n ', '\r\n\t', 'a', ':', ';', '\xe9', 'b='), { maxLength: 12 })
    .map((parts) => parts.join('').trimEnd())
  const fields = fc.array(
    fc.tuple(fc.constantFrom('Subject', 'subject', 'CC', 'From', 'X-Y', 'List-Id', 'Sender '), value),
    {
      maxLength: 6,
    },
  )
  await fc.assert(
    fc.asyncProperty(fields, body, async (list, text) => {
      const header = list.map(([name, one]) => `${name}: x${one}\r\n`).join('')
      expect(await verdict(await seal(`From: a@corp.test\r\n${header}\r\n${text}`))).toBe('pass')
    }),
    { numRuns: 300 },
  )
})

test('a body of many steps, with a heap of empty lines between', async () => {
  const big = `From: a@corp.test\r\n\r\n${'line of text \r\n'.repeat(50_000)}${'\r\n'.repeat(300_000)}end${'\r\n'.repeat(300_000)}`
  expect(await verdict(await seal(big))).toBe('pass')
})

/** The message in pieces that end where `cuts` say. */
function streamed(message: Buffer, cuts: readonly number[]) {
  const parts = createStreamedParts(100_000)
  let at = 0
  for (const cut of [...cuts.map((one) => one % (message.length + 1)).sort((a, b) => a - b), message.length]) {
    parts.write(message.subarray(at, cut))
    at = cut
  }
  return parts.finish()
}

test('what streams by is what is there at once, wherever it is cut', async () => {
  const text = fc
    .array(fc.constantFrom(' ', '\t', '\r\n', 'a', '.', '\r\n\r\n', 'Subject: x', '\xe9', 'x'.repeat(300)), {
      maxLength: 30,
    })
    .map((parts) => Buffer.from(parts.join(''), 'latin1'))
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 12 }), async (message, cuts) => {
      expect(streamed(message, cuts)).toEqual(await signedParts(message))
    }),
    { numRuns: 1000 },
  )
})

test('octet by octet; a header beyond the limit is not gathered', async () => {
  const message = Buffer.from(`${MESSAGE.trimEnd()}\r\n${'body \r\n'.repeat(500)}`)
  expect(
    streamed(
      message,
      Array.from({ length: message.length }, (_, i) => i),
    ),
  ).toEqual(await signedParts(message))
  const parts = createStreamedParts(1000)
  parts.write(Buffer.from(`X: ${'y'.repeat(1200)}\r\n\r\nbody\r\n`))
  expect(parts.finish()).toBeNull()
})
