/** Drafts and sending: what is made, what leaves, what stays, and why something does not leave. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { WireError } from '../../platform/errors.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())

test('a draft with text, HTML and an uploaded file; sent to a colleague and outside; Bcc stays here', async () => {
  const accountId = it.signIn('alice')
  const upload = await it.app.inject({
    method: 'POST',
    url: `/jmap/upload/${accountId}`,
    headers: { 'content-type': 'application/pdf' },
    payload: Buffer.alloc(100_000, 'x'),
  })
  expect(upload.statusCode).toBe(201)
  const { blobId, size } = upload.json<{ blobId: string; size: number }>()
  expect(size).toBe(100_000)
  const identity = (await it.one('Identity/get', { ids: null })).list[0]
  const answers = await it.call(
    [
      'Email/set',
      {
        create: {
          draft: {
            mailboxIds: { m2: true },
            keywords: { $draft: true, $seen: true },
            from: [{ name: 'Älice', email: 'alice@corp.test' }],
            to: [
              { name: null, email: 'bob@corp.test' },
              { name: 'Out', email: 'out@elsewhere.test' },
            ],
            bcc: [{ name: null, email: 'secret@elsewhere.test' }],
            subject: 'Grüße und mehr',
            inReplyTo: ['first@outside.test'],
            references: ['first@outside.test'],
            bodyValues: { t: { value: 'Text äöü\nline' }, h: { value: '<p>HTML <b>äöü</b></p>' } },
            textBody: [{ partId: 't', type: 'text/plain' }],
            htmlBody: [{ partId: 'h', type: 'text/html' }],
            attachments: [{ blobId, type: 'application/pdf', name: 'Übersicht.pdf', disposition: 'attachment' }],
          },
        },
      },
      '0',
    ],
    [
      'EmailSubmission/set',
      {
        create: { k1: { emailId: '#draft', identityId: identity.id } },
        onSuccessUpdateEmail: { '#k1': { 'mailboxIds/m2': null, 'mailboxIds/m3': true, 'keywords/$draft': null } },
      },
      '1',
    ],
  )
  expect(answers.map(([name, , id]) => [name, id])).toEqual([
    ['Email/set', '0'],
    ['EmailSubmission/set', '1'],
    ['Email/set', '1'],
  ])
  const { id } = answers[0]![1].created.draft
  expect(answers[1]![1].created.k1).toMatchObject({ undoStatus: 'final' })
  expect(answers[2]![1].updated).toEqual({ [id]: null })
  const sent = (
    await it.one('Email/get', {
      ids: [id],
      properties: [
        'mailboxIds',
        'keywords',
        'bcc',
        'from',
        'subject',
        'bodyValues',
        'textBody',
        'htmlBody',
        'attachments',
        'hasAttachment',
        'preview',
        'messageId',
        'references',
      ],
      fetchAllBodyValues: true,
    })
  ).list[0]
  expect(sent).toMatchObject({
    mailboxIds: { m3: true },
    keywords: { $seen: true },
    bcc: [{ email: 'secret@elsewhere.test' }],
    from: [{ name: 'Älice', email: 'alice@corp.test' }],
    subject: 'Grüße und mehr',
    hasAttachment: true,
    preview: 'Text äöü line',
    references: ['first@outside.test'],
  })
  expect(sent.messageId[0]).toMatch(/@corp\.test$/)
  expect(sent.bodyValues[sent.textBody[0].partId].value).toMatch(/^Text äöü\nline\n*$/)
  expect(sent.bodyValues[sent.htmlBody[0].partId].value).toMatch(/^<p>HTML <b>äöü<\/b><\/p>\n*$/)
  expect(sent.attachments[0]).toMatchObject({ name: 'Übersicht.pdf', type: 'application/pdf', size: 100_000 })
  const file = await it.app.inject(`/jmap/download/${accountId}/${sent.attachments[0].blobId}/f.pdf`)
  expect(file.rawPayload.equals(Buffer.alloc(100_000, 'x'))).toBe(true)
  const rows = await it.fresh.db.query<{ recipient: string; state: number }>(
    'SELECT recipient FROM delivery ORDER BY recipient',
  )
  expect(rows.map(({ recipient }) => recipient)).toEqual([
    'bob@corp.test',
    'out@elsewhere.test',
    'secret@elsewhere.test',
  ])
  it.signIn('bob')
  const { ids } = await it.one('Email/query', { filter: { inMailbox: 'm1' } })
  expect(ids).toHaveLength(1)
  const got = (await it.one('Email/get', { ids, properties: ['bcc', 'subject', 'blobId', 'headers'] })).list[0]
  expect(got).toMatchObject({ bcc: null, subject: 'Grüße und mehr' })
  const raw = await it.app.inject(`/jmap/download/${it.org.people.bob!.personId}/${got.blobId}/m.eml`)
  expect(raw.body).not.toContain('secret@elsewhere.test')
  it.signIn('alice')
  const owed = await it.fresh.db.query<{ state: number; reason: string }>(
    'SELECT state, reason FROM owed_item WHERE copy_id = $1',
    [id],
  )
  expect(owed).toEqual([{ state: 3, reason: 'no-way-home-smtp' }])
  const submission = (await it.one('EmailSubmission/get', { ids: null })).list[0]
  expect(submission).toMatchObject({ emailId: id, identityId: identity.id, undoStatus: 'final' })
  expect(Object.keys(submission.deliveryStatus as object)).toHaveLength(3)
})

test('a draft saved over while its message was leaving: what was sent stays, what is new is a draft of its own', async () => {
  it.signIn('alice')
  const identity = (await it.one('Identity/get', { ids: null })).list[0]
  const draft = (text: string) => ({
    mailboxIds: { m2: true },
    keywords: { $draft: true },
    from: [{ email: 'alice@corp.test' }],
    to: [{ email: 'x@elsewhere.test' }],
    bodyValues: { t: { value: text } },
    textBody: [{ partId: 't' }],
  })
  const { id } = (await it.one('Email/set', { create: { d: draft('one') } })).created.d
  const submit = { create: { s: { emailId: id, identityId: identity.id } } }
  const move = { '#s': { 'mailboxIds/m2': null, 'mailboxIds/m3': true, 'keywords/$draft': null } }
  const sent = await it.one('EmailSubmission/set', submit)
  // The answer is lost; the draft is still in Drafts, or in Sent already.
  for (const onSuccessUpdateEmail of [{}, move]) {
    // The same draft, sent again by a client that heard nothing: the same submission, and what was to follow follows.
    const again = await it.one('EmailSubmission/set', { ...submit, onSuccessUpdateEmail })
    expect(again.created.s.id).toBe(sent.created.s.id)
    const saved = await it.one('Email/set', { create: { d: draft('two') }, destroy: [id] })
    expect(saved).toMatchObject({ destroyed: null, notDestroyed: { [id]: { type: 'forbidden' } } })
    expect(saved.created.d.id).not.toBe(id)
  }
  expect((await it.one('Email/get', { ids: [id], properties: ['mailboxIds'] })).list[0].mailboxIds).toEqual({
    m3: true,
  })
  const owed = await it.fresh.db.query<{ reason: string }>('SELECT reason FROM owed_item WHERE copy_id = $1', [id])
  expect(owed).toEqual([{ reason: 'no-way-home-smtp' }])
  // On its own, a destroy in Sent is what the person wants.
  expect((await it.one('Email/set', { destroy: [id] })).destroyed).toEqual([id])
})

test('a client that wants no copy of what it sent gets none', async () => {
  const identity = (await it.one('Identity/get', { ids: null })).list[0]
  const answers = await it.call(
    [
      'Email/set',
      {
        create: {
          d: {
            mailboxIds: { m2: true },
            from: [{ email: 'alice@corp.test' }],
            to: [{ email: 'x@elsewhere.test' }],
            bodyValues: { t: { value: 'x' } },
            textBody: [{ partId: 't' }],
          },
        },
      },
    ],
    [
      'EmailSubmission/set',
      { create: { s: { emailId: '#d', identityId: identity.id } }, onSuccessDestroyEmail: ['#s'] },
    ],
  )
  expect(answers[2]![1].destroyed).toEqual([answers[0]![1].created.d.id])
})

test('sending is refused with the reason: foreign From, nobody, unknown colleague, no draft', async () => {
  const identity = (await it.one('Identity/get', { ids: null })).list[0]
  const send = async (draft: object, envelope?: object): Promise<string> => {
    const answers = await it.call(
      [
        'Email/set',
        {
          create: {
            d: { mailboxIds: { m2: true }, bodyValues: { t: { value: 'x' } }, textBody: [{ partId: 't' }], ...draft },
          },
        },
      ],
      [
        'EmailSubmission/set',
        {
          create: { s: { emailId: '#d', identityId: identity.id, ...(envelope ? { envelope } : {}) } },
          onSuccessDestroyEmail: ['#s'],
        },
      ],
    )
    expect(answers).toHaveLength(2)
    return answers[1]![1].notCreated.s.type as string
  }
  const from = [{ email: 'alice@corp.test' }]
  expect(await send({ from: [{ email: 'bob@corp.test' }], to: [{ email: 'x@elsewhere.test' }] })).toBe('forbiddenFrom')
  expect(await send({ to: [{ email: 'x@elsewhere.test' }] })).toBe('forbiddenFrom')
  expect(await send({ from })).toBe('noRecipients')
  expect(await send({ from, to: [{ email: 'nobody@corp.test' }, { email: 'x@elsewhere.test' }] })).toBe(
    'invalidRecipients',
  )
  expect(await send({ from, to: [{ email: 'not an address' }] })).toBe('invalidRecipients')
  expect(await send({ from, to: Array.from({ length: 101 }, (_, i) => ({ email: `r${i}@elsewhere.test` })) })).toBe(
    'tooManyRecipients',
  )
  expect(
    await send(
      { from, to: [{ email: 'x@elsewhere.test' }] },
      { mailFrom: { email: 'bob@corp.test' }, rcptTo: [{ email: 'x@elsewhere.test' }] },
    ),
  ).toBe('forbiddenFrom')
  const [answer] = await it.call([
    'EmailSubmission/set',
    { create: { s: { emailId: 'gone', identityId: identity.id } } },
  ])
  expect(answer![1].notCreated.s.type).toBe('invalidProperties')
})

test('a message with its files takes room for them while it is made and while it is sent, and is told when there is none', async () => {
  const accountId = it.signIn('alice')
  const { blobId } = (
    await it.app.inject({ method: 'POST', url: `/jmap/upload/${accountId}`, payload: Buffer.alloc(500_000, 'x') })
  ).json<{ blobId: string }>()
  const identity = (await it.one('Identity/get', { ids: null })).list[0]
  const draft = {
    mailboxIds: { m2: true },
    from: [{ email: 'alice@corp.test' }],
    to: [{ email: 'x@elsewhere.test' }],
    attachments: [{ blobId }, { blobId, name: 'again.bin' }],
  }
  const within = vi.spyOn(it.room, 'within')
  const { id, size } = (await it.one('Email/set', { create: { d: draft } })).created.d
  expect(within.mock.lastCall![0]).toBeGreaterThan(2 * 500_000 * 3)
  const send = { create: { s: { emailId: id, identityId: identity.id } } }
  within.mockRejectedValueOnce(new WireError('too-busy', 'many large messages are being worked on just now'))
  expect((await it.one('EmailSubmission/set', send)).notCreated.s).toMatchObject({
    type: 'serverFail',
    description: expect.stringContaining('many large messages'),
  })
  expect((await it.one('EmailSubmission/set', send)).created.s.undoStatus).toBe('final')
  expect(within.mock.lastCall![0]).toBeGreaterThanOrEqual(2 * size)
  within.mockRejectedValueOnce(new WireError('too-busy', 'many large messages are being worked on just now'))
  expect((await it.one('Email/set', { create: { d: draft } })).notCreated.d).toMatchObject({ type: 'serverFail' })
  within.mockRestore()
})
