/** What a client appends to Sent after it was sent is known; what differs is kept as a message of its own. */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { createContentDigest, RECOGNISED_MS } from './sent-twice.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())

let id = ''
let n = 0
const SENT =
  'Date: Thu, 26 Nov 2026 09:00:00 +0000\r\nFrom: alice@corp.test\r\nTo: bob@corp.test,\r\n c@corp.test\r\nSubject: hello\r\n'
const message = (header = '', body = 'text\r\n'): string => `${SENT}Message-ID: ${id}\r\n${header}\r\n${body}`
beforeEach(async () => {
  id = `<${++n}@corp.test>`
  await append(message('Bcc: hidden@elsewhere.test\r\n'), { source: 'sent', keywords: ['$seen'] })
})

function append(text: string, more: Partial<Parameters<JmapFixture['mailbox']['appendToFolder']>[1]> = {}) {
  const wish = { folderNo: 3, keywords: [], bytes: [Buffer.from(text)], receivedAt: Date.now(), source: 'imported' }
  return it.mailbox.appendToFolder(it.owner('alice'), { ...wish, ...more } as never)
}
const copies = async (): Promise<{ flags: number; keywords: string[] | null }[]> =>
  it.fresh.db.query(
    `SELECT p.flags, p.keywords FROM placement p JOIN message m USING (organisation_id, message_id)
     WHERE m.message_id_header = $1 AND p.tombstone IS NULL AND p.folder_no IN (1, 3)`,
    [id],
  )

describe('the copy that is there stands for it', () => {
  test.each([
    ['as it was sent', () => message('Bcc: hidden@elsewhere.test\r\n')],
    ['without Bcc', () => message()],
    ['with the trace of servers', () => `Return-Path: <alice@corp.test>\r\nReceived: by x\r\n\tfor y\r\n${message()}`],
    [
      'folded otherwise, fields in another order',
      () => `Message-ID: ${id}\r\n${SENT.replace(',\r\n ', ', ')}\r\ntext\r\n`,
    ],
    ['without the line end of its last line', () => message('', 'text')],
  ])('%s', async (_, text) => {
    const made = await append(text(), { keywords: ['$answered', 'todo'] })
    expect(made).toMatchObject({ existed: 'twin' })
    expect(await copies()).toEqual([{ flags: 3, keywords: ['todo'] }])
  })

  test('several appends at once', async () => {
    const made = await Promise.all([1, 2, 3].map(() => append(message('X-Other: 1\r\n'))))
    expect(made.map((one) => String(one!.existed)).sort()).toEqual(['false', 'twin', 'twin'])
    expect(await copies()).toHaveLength(2)
  })

  test('Email/import says so, and names it', async () => {
    const accountId = it.signIn('alice')
    const upload = await it.app.inject({
      method: 'POST',
      url: `/jmap/upload/${accountId}`,
      headers: { 'content-type': 'message/rfc822' },
      payload: Buffer.from(message()),
    })
    const { blobId } = upload.json<{ blobId: string }>()
    const wish = { blobId, mailboxIds: { m3: true }, keywords: { $flagged: true } }
    const answer = await it.one('Email/import', { emails: { k: wish } })
    expect(answer.notCreated.k).toMatchObject({ type: 'alreadyExists' })
    const { list } = await it.one('Email/get', { ids: [answer.notCreated.k.existingId], properties: ['keywords'] })
    expect(list[0].keywords).toEqual({ $seen: true, $flagged: true })
  })
})

describe('a message of its own', () => {
  test.each([
    ['another body', () => message('', 'text!\r\n')],
    ['another recipient', () => message('Cc: d@corp.test\r\n')],
    ['another subject', () => message().replace('hello', 'hallo')],
  ])('%s', async (_, text) => {
    expect(await append(text())).toMatchObject({ existed: false })
    expect(await copies()).toHaveLength(2)
  })

  test('in another folder, or a draft', async () => {
    expect(await append(message(), { folderNo: 1 })).toMatchObject({ existed: false })
    expect(await append(message(), { source: 'draft' })).toMatchObject({ existed: false })
  })

  test('without a Message-ID', async () => {
    const text = `${SENT}\r\ntext\r\n`
    expect(await append(text)).toMatchObject({ existed: false })
    expect(await append(text)).toMatchObject({ existed: false })
  })

  test('of a day ago', async () => {
    id = '<old@corp.test>'
    await append(message(), { receivedAt: Date.now() - RECOGNISED_MS - 1000 })
    expect(await append(message())).toMatchObject({ existed: false })
  })
})

test('the digest is the same however the bytes come', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', ':', ' ', '\r\n', '\r', '\n', '\r\n\r\n', 'Bcc: x') }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (text, steps) => {
        const bytes = Buffer.from(text)
        const whole = createContentDigest()
        whole.write(bytes)
        const pieces = createContentDigest()
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = at + steps[i % steps.length]!
          pieces.write(bytes.subarray(at, end))
          at = end
        }
        expect(pieces.finish()).toBe(whole.finish())
      },
    ),
  )
})
