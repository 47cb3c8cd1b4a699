/** JMAP as conversations: the session, the examples of RFC 8620 and RFC 8621, drafts, sending, blobs, push. */
import { get, request, type ClientRequest } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import { WireError } from '../../platform/errors.ts'
import { silentLog } from '../../platform/log.ts'
import { streamChanges } from './eventsource.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())

const mail = (n: string, extra = '', body = `Hello ${n}`): string =>
  `From: Joe Sender <joe@outside.test>\nTo: Alice <alice@corp.test>\nSubject: Mail ${n}\nMessage-ID: <${n}@outside.test>\nDate: Mon, 2 Nov 2026 09:00:00 +0100\n${extra}\n${body}\n`

test('session resource names account, capabilities and urls', async () => {
  const accountId = it.signIn('alice')
  for (const url of ['/.well-known/jmap', '/jmap/session']) {
    const answer = await it.app.inject(url)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      username: 'alice@corp.test',
      apiUrl: '/jmap',
      primaryAccounts: { 'urn:ietf:params:jmap:mail': accountId },
      accounts: { [accountId]: { isPersonal: true, isReadOnly: false } },
    })
  }
})

test('request errors are problem details', async () => {
  const post = (payload: string, type = 'application/json') =>
    it.app.inject({ method: 'POST', url: '/jmap', headers: { 'content-type': type }, payload })
  for (const [payload, type] of [
    ['{', 'notJSON'],
    ['[]', 'notRequest'],
    ['{"using":["urn:x"],"methodCalls":[]}', 'unknownCapability'],
    [JSON.stringify({ using: [], methodCalls: Array.from({ length: 40 }, () => ['Core/echo', {}, 'a']) }), 'limit'],
  ] as const) {
    const answer = await post(payload)
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.json()).toMatchObject({ type: `urn:ietf:params:jmap:error:${type}`, status: 400 })
  }
  expect((await post('{}', 'text/plain')).json()).toMatchObject({ type: 'urn:ietf:params:jmap:error:notJSON' })
})

test('Core/echo, unknown methods and foreign accounts', async () => {
  const answers = await it.call(
    ['Core/echo', { hello: true, high: 5 }, 'b3ff'],
    ['Foo/get', {}],
    ['Email/query', { accountId: it.org.people.bob!.personId }],
  )
  expect(answers[0]).toEqual(['Core/echo', { hello: true, high: 5 }, 'b3ff'])
  expect(answers[1]).toMatchObject(['error', { type: 'unknownMethod' }, 'c1'])
  expect(answers[2]).toMatchObject(['error', { type: 'accountNotFound' }, 'c2'])
})

test('the first page of the inbox in one request by back references (RFC 8621 section 4.10)', async () => {
  const id = await it.receive(mail('first', 'X-Own: =?utf-8?q?f=C3=BCr?=\n'))
  const answers = await it.call(
    ['Mailbox/get', { ids: null }, '0'],
    [
      'Email/query',
      {
        filter: { inMailbox: 'm1' },
        sort: [{ property: 'receivedAt', isAscending: false }],
        collapseThreads: true,
        position: 0,
        limit: 10,
        calculateTotal: true,
      },
      '1',
    ],
    ['Email/get', { '#ids': { resultOf: '1', name: 'Email/query', path: '/ids' }, 'properties': ['threadId'] }, '2'],
    ['Thread/get', { '#ids': { resultOf: '2', name: 'Email/get', path: '/list/*/threadId' } }, '3'],
    [
      'Email/get',
      {
        '#ids': { resultOf: '3', name: 'Thread/get', path: '/list/*/emailIds' },
        'properties': [
          'from',
          'receivedAt',
          'subject',
          'preview',
          'hasAttachment',
          'keywords',
          'mailboxIds',
          'header:X-Own:asText',
          'sentAt',
          'size',
        ],
      },
      '4',
    ],
  )
  expect(answers.map(([name]) => name)).toEqual(['Mailbox/get', 'Email/query', 'Email/get', 'Thread/get', 'Email/get'])
  expect(answers[0]![1].list).toHaveLength(6)
  expect(answers[0]![1].list[0]).toMatchObject({
    id: 'm1',
    role: 'inbox',
    totalEmails: 1,
    unreadEmails: 1,
    totalThreads: 1,
    unreadThreads: 1,
  })
  expect(answers[1]![1]).toMatchObject({ ids: [id], total: 1, position: 0 })
  expect(answers[4]![1].list[0]).toMatchObject({
    id,
    'from': [{ name: 'Joe Sender', email: 'joe@outside.test' }],
    'subject': 'Mail first',
    'preview': 'Hello first',
    'hasAttachment': false,
    'keywords': {},
    'mailboxIds': { m1: true },
    'sentAt': '2026-11-02T09:00:00+01:00',
    'header:X-Own:asText': 'für',
  })
})

test('what is read is the whole view: Return-Path, trace headers, original; its size is the download', async () => {
  const id = await it.receive(mail('whole'))
  const { list } = await it.one('Email/get', { ids: [id], properties: ['blobId', 'size', 'headers'] })
  const { blobId, size, headers } = list[0]
  const accountId = it.signIn('alice')
  const answer = await it.app.inject(
    `/jmap/download/${accountId}/${blobId}/${encodeURIComponent('a "naïve".html')}?accept=text/html`,
  )
  expect(answer.statusCode).toBe(200)
  expect(answer.rawPayload).toHaveLength(size as number)
  expect(answer.body.startsWith('Return-Path: <sender@outside.test>\r\nReceived: from outside.test')).toBe(true)
  // RFC 6266 section 4.3 and RFC 8187 section 3.2: the name in both forms.
  expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="a _na_ve_.html"; filename\*=UTF-8''/)
  const tricky = encodeURIComponent('..\\\u202einv/\u2066\u200ffdp.exe')
  const named = await it.app.inject(`/jmap/download/${accountId}/${blobId}/${tricky}`)
  expect(named.headers['content-disposition']).toBe(
    `attachment; filename=".._inv_fdp.exe"; filename*=UTF-8''.._inv_fdp.exe`,
  )
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect(answer.headers['content-security-policy']).toContain('sandbox')
  expect(headers[0].name).toBe('Return-Path')
  it.signIn('bob')
  expect((await it.app.inject(`/jmap/download/${it.org.people.bob!.personId}/${blobId}/x`)).statusCode).toBe(404)
  expect((await it.app.inject(`/jmap/download/${accountId}/${blobId}/x`)).statusCode).toBe(404)
  it.signIn('alice')
})

test.each(['application/\u20ac', 'application/x\u0001y', 'text/\u007f', 'a'.repeat(300) + '/b'])(
  'an attachment of the type %j can be fetched, as bytes of no type',
  async (type) => {
    const id = await it.receive(
      `From: s@outside.test\r\nSubject: t\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: ${type}\r\nContent-Disposition: attachment\r\n\r\nBODY\r\n--b--\r\n`,
    )
    const { list } = await it.one('Email/get', { ids: [id], properties: ['attachments'] })
    const accountId = it.signIn('alice')
    const file = `/jmap/download/${accountId}/${list[0].attachments[0].blobId}`
    const answer = await it.app.inject(`${file}/f`)
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
      200,
      'application/octet-stream',
      'BODY',
    ])
    // A name cut in the middle of a character outside the BMP.
    expect((await it.app.inject(`${file}/${'a'.repeat(199)}${encodeURIComponent('😀')}`)).statusCode).toBe(200)
  },
)

test('keywords and moves by patch; Trash and back; destroyed is gone from view', async () => {
  const id = await it.receive(mail('move'))
  const before = (await it.one('Email/get', { ids: [] })).state
  const set = await it.one('Email/set', { update: { [id]: { 'keywords/$seen': true, 'keywords/project-x': true } } })
  expect(set).toMatchObject({ oldState: before, updated: { [id]: null }, notUpdated: null })
  await it.one('Email/set', { update: { [id]: { 'mailboxIds/m1': null, 'mailboxIds/m4': true } } })
  expect((await it.one('Email/get', { ids: [id], properties: ['mailboxIds', 'keywords'] })).list[0]).toEqual({
    id,
    mailboxIds: { m4: true },
    keywords: { '$seen': true, 'project-x': true },
  })
  const changes = await it.one('Email/changes', { sinceState: before })
  expect(changes).toMatchObject({ created: [], updated: [id], destroyed: [], hasMoreChanges: false })
  await it.one('Email/set', { update: { [id]: { mailboxIds: { m1: true } } } })
  expect(await it.one('Email/set', { update: { [id]: { 'mailboxIds/m4': true } } })).toMatchObject({
    notUpdated: { [id]: { type: 'tooManyMailboxes' } },
  })
  expect(await it.one('Email/set', { update: { [id]: { mailboxIds: {} } } })).toMatchObject({
    notUpdated: { [id]: { type: 'invalidProperties' } },
  })
  expect(await it.one('Email/set', { update: { [id]: { subject: 'x' } } })).toMatchObject({
    notUpdated: { [id]: { type: 'invalidProperties' } },
  })
  expect(await it.one('Email/set', { destroy: [id, 'nobody'] })).toMatchObject({
    destroyed: [id],
    notDestroyed: { nobody: { type: 'notFound' } },
  })
  expect((await it.one('Email/get', { ids: [id] })).notFound).toEqual([id])
  expect((await it.one('Email/changes', { sinceState: before })).destroyed).toEqual([id])
  const [copy] = await it.fresh.db.query<{ n: number }>('SELECT count(*) AS n FROM copy WHERE copy_id = $1', [id])
  expect(copy!.n).toBe(1)
})

test('one message under two names in one call is changed once, and is in one folder afterwards', async () => {
  const accountId = it.signIn('alice')
  const id = await it.receive(mail('twice'))
  const { totalEmails } = (await it.one('Mailbox/get', { ids: ['m1'] })).list[0]
  const answer = await it.app.inject({
    method: 'POST',
    url: '/jmap',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({
      using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'],
      createdIds: { a: id },
      methodCalls: [
        [
          'Email/set',
          {
            accountId,
            update: { '#a': { mailboxIds: { m6: true } }, [id]: { mailboxIds: { m4: true } } },
          },
          '0',
        ],
      ],
    }),
  })
  expect(answer.json()).toMatchObject({
    methodResponses: [['Email/set', { updated: { [id]: null }, notUpdated: { [id]: { type: 'invalidPatch' } } }, '0']],
  })
  expect((await it.one('Email/get', { ids: [id], properties: ['mailboxIds'] })).list[0].mailboxIds).toEqual({
    m6: true,
  })
  expect((await it.one('Mailbox/get', { ids: ['m1'] })).list[0].totalEmails).toBe(totalEmails - 1)
  await expect(
    it.mailbox.update(it.owner('alice'), [
      { copyId: id, moveTo: 1 },
      { copyId: id, moveTo: 2 },
    ]),
  ).rejects.toThrow('twice')
  // The same in a list of folders to remove.
  const { folder } = (await it.one('Mailbox/set', { create: { folder: { name: 'Once' } } })).created
  expect(await it.one('Mailbox/set', { destroy: [folder.id, folder.id] })).toMatchObject({
    destroyed: [folder.id],
    notDestroyed: null,
  })
})

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

test('folders: made, nested, renamed, refused, removed', async () => {
  const [made] = await it.call([
    'Mailbox/set',
    { create: { b: { name: 'Inner', parentId: '#a' }, a: { name: 'Projects', parentId: null } } },
  ])
  const { a, b } = made![1].created
  expect((await it.one('Mailbox/get', { ids: [b.id], properties: ['name', 'parentId'] })).list).toEqual([
    { id: b.id, name: 'Inner', parentId: a.id },
  ])
  const state = made![1].newState
  const wrong = await it.one('Mailbox/set', {
    create: { x: { name: 'projects' }, y: { name: '' }, z: { name: 'ok', parentId: 'm999' } },
    update: { m1: { name: 'Other' }, [a.id]: { parentId: b.id } },
    destroy: [a.id, 'm1'],
  })
  expect(wrong.notCreated).toMatchObject({
    x: { type: 'invalidProperties' },
    y: { type: 'invalidProperties' },
    z: { type: 'invalidProperties' },
  })
  expect(wrong.notUpdated).toMatchObject({ m1: { type: 'forbidden' }, [a.id]: { type: 'invalidProperties' } })
  expect(wrong.notDestroyed).toMatchObject({ [a.id]: { type: 'mailboxHasChild' }, m1: { type: 'forbidden' } })
  const id = await it.receive(mail('folder'))
  await it.one('Email/set', { update: { [id]: { mailboxIds: { [b.id]: true } } } })
  expect((await it.one('Mailbox/set', { destroy: [b.id] })).notDestroyed[b.id].type).toBe('mailboxHasEmail')
  expect(
    new Set(
      (await it.one('Mailbox/set', { destroy: [a.id, b.id], onDestroyRemoveEmails: true })).destroyed as string[],
    ),
  ).toEqual(new Set([a.id, b.id]))
  expect((await it.one('Email/get', { ids: [id] })).notFound).toEqual([id])
  const changes = await it.one('Mailbox/changes', { sinceState: state })
  expect(new Set(changes.destroyed as string[])).toEqual(new Set([a.id, b.id]))
  expect(changes.updated).toEqual(['m1'])
  expect((await it.call(['Mailbox/changes', { sinceState: 'b9.1:1' }]))[0]).toMatchObject([
    'error',
    { type: 'cannotCalculateChanges' },
    'c0',
  ])
})

test('search: what the database answers and what only the message tells, the same way', async () => {
  const ids = [
    await it.receive(mail('s1', 'Cc: Carol <carol@third.test>\n', 'the quick brown fox')),
    await it.receive(
      mail(
        's2',
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n',
        '--b\nContent-Type: text/plain\n\nbody\n--b\nContent-Type: image/png; name=x.png\nContent-Disposition: attachment\n\nabc\n--b--',
      ),
    ),
  ]
  await it.one('Email/set', { update: { [ids[0]!]: { 'keywords/$flagged': true, 'keywords/tag': true } } })
  const find = async (filter: object) => {
    const found: string[] = (
      await it.one('Email/query', {
        filter: { operator: 'AND', conditions: [{ inMailbox: 'm1', subject: 'Mail s' }, filter] },
      })
    ).ids
    return ids.map((id) => found.includes(id))
  }
  expect(await find({ subject: 'MAIL S1' })).toEqual([true, false])
  expect(await find({ hasKeyword: '$flagged' })).toEqual([true, false])
  expect(await find({ notKeyword: 'TAG' })).toEqual([false, true])
  expect(await find({ cc: 'carol' })).toEqual([true, false])
  expect(await find({ to: 'alice@corp' })).toEqual([true, true])
  expect(await find({ text: 'brown fox' })).toEqual([true, false])
  expect(await find({ hasAttachment: true })).toEqual([false, true])
  expect(await find({ hasAttachment: false })).toEqual([true, false])
  expect(await find({ header: ['cc'] })).toEqual([true, false])
  expect(await find({ operator: 'NOT', conditions: [{ cc: 'carol' }, { subject: 'zzz' }] })).toEqual([false, true])
  expect(await find({ from: '100%' })).toEqual([false, false])
  expect(await find({ after: '2100-01-01T00:00:00Z' })).toEqual([false, false])
  const errors = await it.call(
    ['Email/query', { filter: { body: 'x' } }],
    ['Email/query', { filter: { nonsense: 1 } }],
    ['Email/query', { sort: [{ property: 'zzz' }] }],
    ['Email/query', { anchor: 'nobody' }],
  )
  expect(errors.map(([, { type }]) => type as string)).toEqual([
    'unsupportedFilter',
    'invalidArguments',
    'unsupportedSort',
    'anchorNotFound',
  ])
  const all: string[] = (await it.one('Email/query', { filter: { inMailbox: 'm1' } })).ids
  expect(
    (await it.one('Email/query', { filter: { inMailbox: 'm1' }, anchor: all[1], anchorOffset: 1, limit: 1 })).ids,
  ).toEqual(all.slice(2, 3))
  expect((await it.one('Email/query', { filter: { inMailbox: 'm1' }, position: -1 })).ids).toEqual(all.slice(-1))
})

test('import keeps the bytes and the date', async () => {
  const accountId = it.signIn('alice')
  const bytes = mail('imported').replace(/\n/g, '\r\n')
  const { blobId } = (
    await it.app.inject({
      method: 'POST',
      url: `/jmap/upload/${accountId}`,
      headers: { 'content-type': 'message/rfc822' },
      payload: bytes,
    })
  ).json<{ blobId: string }>()
  const made = await it.one('Email/import', {
    emails: { i: { blobId, mailboxIds: { m6: true }, keywords: { $seen: true }, receivedAt: '2020-01-02T03:04:05Z' } },
  })
  const { id } = made.created.i
  const got = (
    await it.one('Email/get', { ids: [id], properties: ['receivedAt', 'subject', 'blobId', 'size', 'keywords'] })
  ).list[0]
  expect(got).toMatchObject({
    receivedAt: '2020-01-02T03:04:05Z',
    subject: 'Mail imported',
    size: bytes.length,
    keywords: { $seen: true },
  })
  expect((await it.app.inject(`/jmap/download/${accountId}/${got.blobId}/x.eml`)).body).toBe(bytes)
})

test('what is no message is not imported, and nothing of it stays', async () => {
  const accountId = it.signIn('alice')
  const chunks = async () => (await it.fresh.db.query('SELECT 1 FROM body_chunk')).length
  const { blobId } = (
    await it.app.inject({
      method: 'POST',
      url: `/jmap/upload/${accountId}`,
      headers: { 'content-type': 'message/rfc822' },
      payload: Buffer.alloc(600_000, 'no header'),
    })
  ).json<{ blobId: string }>()
  const before = await chunks()
  const made = await it.one('Email/import', { emails: { i: { blobId, mailboxIds: { m6: true } } } })
  expect(made.notCreated.i.type).toBe('invalidEmail')
  const gone = await it.one('Email/import', { emails: { i: { blobId: blobId.slice(1), mailboxIds: { m6: true } } } })
  expect(gone.notCreated.i.type).toBe('blobNotFound')
  await expect.poll(chunks).toBe(before)
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

test('an empty upload and an empty request are answered, not failures', async () => {
  const accountId = it.signIn('alice')
  const upload = await it.app.inject({ method: 'POST', url: `/jmap/upload/${accountId}` })
  expect(upload.json()).toMatchObject({ size: 0, type: 'application/octet-stream' })
  expect(
    (await it.app.inject({ method: 'POST', url: '/jmap', headers: { 'content-type': 'application/json' } })).statusCode,
  ).toBe(400)
})

test('who comes back with the last event id hears of what was missed', async () => {
  const owner = it.owner('alice')
  const heard: string[] = []
  const wish = { types: ['Email'], closeAfterState: true, pingSeconds: 0 }
  const state = await it.mailbox.formatState('e', await it.mailbox.state(owner))
  const listen = (lastSeen: string | null) =>
    streamChanges(
      { mailbox: it.mailbox, clock: systemClock, log: silentLog, isAllowed: () => Promise.resolve(true) },
      owner,
      { ...wish, lastSeen },
      { write: (text) => heard.push(text), end: () => undefined },
    )
  const stop = listen(state)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(heard).toEqual([])
  stop()
  await it.receive(mail('missed'))
  listen(state)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(heard).toHaveLength(1)
  expect(heard[0]).toContain('event: state\nid: e1.')
})

test('a stream ends with its session: a change after signing out is not told', async () => {
  const personId = it.signIn('alice')
  const owner = { organisationId: it.org.organisationId, personId }
  const heard: string[] = []
  let isAllowed = true
  let ended = false
  streamChanges(
    { mailbox: it.mailbox, clock: systemClock, log: silentLog, isAllowed: () => Promise.resolve(isAllowed) },
    owner,
    { types: ['Email'], closeAfterState: false, pingSeconds: 0, lastSeen: null },
    { write: (text) => heard.push(text), end: () => (ended = true) },
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  isAllowed = false
  await it.receive(mail('after-sign-out'))
  await expect.poll(() => ended).toBe(true)
  expect(heard).toEqual([])
})

test('the answers to one request are bounded: what grows beyond is requestTooLarge, the rest is told', async () => {
  it.signIn('alice')
  const id = await it.receive(mail('large', '', `${'x'.repeat(78)}\n`.repeat(58_000)))
  const wish = ['Email/get', { ids: [id], properties: ['bodyValues'], fetchTextBodyValues: true }] as const
  const answers = await it.call(...Array.from({ length: 16 }, () => [...wish] as [string, object]))
  const names = answers.map(([name]) => name)
  expect(names.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => 'Email/get'))
  expect(answers.at(-1)).toMatchObject(['error', { type: 'requestTooLarge' }, 'c15'])
}, 120_000)

test('a change is pushed', async () => {
  const address = await it.app.listen({ host: '127.0.0.1', port: 0 })
  const stop = new AbortController()
  const response = await fetch(`${address}/jmap/eventsource?types=*&closeafter=state&ping=0`, { signal: stop.signal })
  const text = (async () => {
    let all = ''
    for await (const chunk of response.body!) all += Buffer.from(chunk as Uint8Array).toString()
    return all
  })()
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await it.receive(mail('pushed'))
  const events = await text
  expect(events).toContain('event: state')
  const data = JSON.parse(/^data: (.*)$/m.exec(events)![1]!)
  expect(Object.keys(data.changed[it.org.people.alice!.personId] as object)).toEqual([
    'Email',
    'EmailDelivery',
    'Mailbox',
    'Thread',
  ])
  stop.abort()
})

test('a search ends when nobody waits for it any more', async () => {
  const accountId = it.signIn('alice')
  for (let i = 0; i < 30; i++) await it.receive(mail(`looked into ${i}`))
  const digest = it.mailbox.view.digest.bind(it.mailbox.view)
  let looked = 0
  const { port } = it.app.server.address() as { port: number }
  const asked = request({
    port,
    path: '/jmap',
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
  })
  asked.on('error', () => undefined)
  it.mailbox.view.digest = async (...args) => {
    if (++looked === 5) asked.destroy()
    await new Promise((resolve) => setTimeout(resolve, 30))
    return digest(...args)
  }
  asked.end(
    JSON.stringify({
      using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'],
      methodCalls: [['Email/query', { accountId, filter: { text: 'nowhere' }, calculateTotal: true }, '0']],
    }),
  )
  await expect.poll(() => looked).toBeGreaterThanOrEqual(5)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const seen = looked
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(looked).toBe(seen)
  expect(looked).toBeLessThan(25)
  it.mailbox.view.digest = digest
})

test('push streams of one person are bounded, and a closed one makes room', async () => {
  const { port } = it.app.server.address() as { port: number }
  const streams: ClientRequest[] = []
  const open = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = get({ port, path: '/jmap/eventsource?types=*', agent: false }, (answer) =>
        resolve(answer.resume().statusCode!),
      )
      stream.on('error', reject)
      streams.push(stream)
    })
  for (let i = 0; i < 50; i++) expect(await open()).toBe(200)
  expect(await open()).toBe(429)
  streams[0]!.destroy()
  await expect.poll(open).toBe(200)
  for (const stream of streams) stream.destroy()
})
