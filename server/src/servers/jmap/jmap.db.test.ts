/** JMAP as conversations: the session, the examples of RFC 8620 and RFC 8621, blobs, import. */
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'

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

test('an empty upload and an empty request are answered, not failures', async () => {
  const accountId = it.signIn('alice')
  const upload = await it.app.inject({ method: 'POST', url: `/jmap/upload/${accountId}` })
  expect(upload.json()).toMatchObject({ size: 0, type: 'application/octet-stream' })
  expect(
    (await it.app.inject({ method: 'POST', url: '/jmap', headers: { 'content-type': 'application/json' } })).statusCode,
  ).toBe(400)
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

test('a search ends when nobody waits for it any more', async () => {
  const accountId = it.signIn('alice')
  for (let i = 0; i < 30; i++) await it.receive(mail(`looked into ${i}`))
  const digest = it.mailbox.view.digest.bind(it.mailbox.view)
  let looked = 0
  const { port } = new URL(await it.app.listen({ host: '127.0.0.1', port: 0 }))
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
