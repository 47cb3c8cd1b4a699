/**
 * Sending: a signature that verifies (RFC 6376, RFC 8463), no second message whatever was cut off, lost or pressed twice,
 * in one process or in several, the hourly limit.
 */
import { generateKeyPairSync } from 'node:crypto'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeList, makeRedirect } from '../../../testkit/factories.ts'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { ListPosting } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { WireError } from '../../platform/errors.ts'
import { insertSubmission } from '../../store/submissions.ts'
import { bumpDirectory } from '../directory/index.ts'
import { dkimKeyPlace, RECIPIENTS_PER_HOUR } from './index.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())

const draft = async (to: string[], from = 'Alice <alice@corp.test>'): Promise<string> => {
  const bytes = Buffer.from(
    `From: ${from}\r\nTo: ${to.join(',\r\n ')}\r\nBcc: hidden@elsewhere.test\r\nSubject: s\r\nMessage-ID: <${newId(Date.now())}@corp.test>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n\r\nbody\r\n`,
  )
  return (await it.mailbox.appendToFolder(it.owner('alice'), {
    folderNo: 2,
    keywords: ['$draft'],
    bytes: [bytes],
    receivedAt: Date.now(),
    source: 'draft',
  }))!.copyId
}
const submit = (copyId: string) =>
  it.submission.submit({ ...it.owner('alice'), copyId, identityAddress: 'alice@corp.test' })
const sentMessages = async (): Promise<number> =>
  (await it.fresh.db.query<{ n: number }>('SELECT count(*) AS n FROM message WHERE direction = 2'))[0]!.n

test('what must be kept in TLS (RFC 8689) says so to whoever brings it on', async () => {
  const { messageId } = await it.submission.submit({
    ...it.owner('alice'),
    copyId: await draft(['x@elsewhere.test']),
    identityAddress: 'alice@corp.test',
    envelope: { from: 'alice@corp.test', to: ['x@elsewhere.test'], requireTls: true },
  })
  const plain = await submit(await draft(['x@elsewhere.test']))
  const rows = await it.fresh.db.query('SELECT facts FROM message WHERE message_id = ANY ($1) ORDER BY message_id', [
    [messageId, plain.messageId],
  ])
  expect(rows).toEqual([{ facts: { tls: 'required' } }, { facts: {} }])
})

test.each(['rsa', 'ed25519'] as const)('what leaves is signed (%s) and the signature verifies', async (kind) => {
  const { publicKey, privateKey } =
    kind === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
  const sealed = it.keys.seal(
    dkimKeyPlace(it.org.domainId),
    Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  )
  await it.fresh.db.query(`UPDATE domain SET dkim_selector = 'hf1', dkim_private_sealed = $1 WHERE domain_id = $2`, [
    sealed,
    it.org.domainId,
  ])
  const { messageId } = await submit(await draft(['bob@corp.test', 'x@elsewhere.test']))
  const [row] = await it.fresh.db.query<{ prefix: Buffer; bytes: Buffer }>(
    'SELECT prefix, bytes FROM message JOIN body ON body_id = message_id WHERE message_id = $1',
    [messageId],
  )
  const whole = Buffer.concat([row!.prefix, row!.bytes])
  const der = publicKey.export({ type: 'spki', format: 'der' })
  const p = (kind === 'rsa' ? der : der.subarray(-32)).toString('base64')
  const asked: string[] = []
  const result = await dkimVerify(whole, {
    resolver: async (name: string) => {
      asked.push(name)
      return [[`v=DKIM1; k=${kind}; p=${p}`]]
    },
  })
  expect(asked).toContain('hf1._domainkey.corp.test')
  expect(result.results.map((one: { status: { result: string } }) => one.status.result)).toEqual(['pass'])
  expect(whole.toString()).not.toContain('hidden@elsewhere.test')
  const recipients = await it.fresh.db.query<{ recipient: string }>(
    'SELECT recipient FROM delivery WHERE message_id = $1 ORDER BY 1',
    [messageId],
  )
  expect(recipients.map(({ recipient }) => recipient)).toEqual([
    'bob@corp.test',
    'hidden@elsewhere.test',
    'x@elsewhere.test',
  ])
})

test('the author signs: the key of the header From, whatever domain the envelope has and however it is written', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const domainId = newId(Date.now())
  const sealed = it.keys.seal(
    dkimKeyPlace(domainId),
    Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  )
  await it.fresh.db.query(
    `INSERT INTO domain (organisation_id, domain_id, name, kind, route_id, dkim_selector, dkim_private_sealed)
     VALUES ($1, $2, 'xn--bcher-kva.test', 1, $3, 'books', $4)`,
    [it.org.organisationId, domainId, it.org.routeId, sealed],
  )
  await it.fresh.db.query(
    `INSERT INTO address (organisation_id, address, person_id, domain_id, display) VALUES ($1, 'alice@xn--bcher-kva.test', $2, $3, 'alice@bücher.test')`,
    [it.org.organisationId, it.org.people['alice']!.personId, domainId],
  )
  const copyId = await draft(['x@elsewhere.test'], 'Alice <alice@BÜCHER.test>')
  const { messageId } = await submit(copyId)
  const [row] = await it.fresh.db.query<{ prefix: Buffer; bytes: Buffer; from: string }>(
    'SELECT prefix, bytes, envelope_from AS from FROM message JOIN body ON body_id = message_id WHERE message_id = $1',
    [messageId],
  )
  expect(row!.from).toBe('alice@corp.test')
  const p = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')
  const asked: string[] = []
  const result = await dkimVerify(Buffer.concat([row!.prefix, row!.bytes]), {
    resolver: async (name: string) => {
      asked.push(name)
      return [[`v=DKIM1; k=ed25519; p=${p}`]]
    },
  })
  expect(asked).toEqual(['books._domainkey.xn--bcher-kva.test'])
  expect(result.results).toMatchObject([{ signingDomain: 'xn--bcher-kva.test', status: { result: 'pass' } }])
  await it.fresh.db.query('DELETE FROM address WHERE domain_id = $1', [domainId])
})

test('to a list: its posting is a message of its own, signed as well; who may not post hears it and nothing leaves', async () => {
  const { db } = it.fresh
  await makeList(db, it.org, 'crew', { members: ['bob@corp.test', 'x@elsewhere.test'], posting: ListPosting.members })
  await makeRedirect(db, it.org, 'desk', ['bob@corp.test', 'y@elsewhere.test'])
  await bumpDirectory(db)
  await it.directory.refresh()
  const before = await sentMessages()
  await expect(submit(await draft(['crew@corp.test']))).rejects.toMatchObject({ code: 'list-closed' })
  expect(await sentMessages()).toBe(before)

  await db.query('UPDATE mailing_list SET posting = $1', [ListPosting.organisation])
  await bumpDirectory(db)
  await it.directory.refresh()
  const { messageId } = await it.submission.submit({
    ...it.owner('alice'),
    copyId: await draft([]),
    identityAddress: 'alice@corp.test',
    envelope: {
      from: 'alice@corp.test',
      to: ['crew@corp.test', 'desk@corp.test', 'hidden@elsewhere.test'],
      dsn: { ret: null, envid: 'Q7', of: { 'crew@corp.test': { notify: 2, orcpt: 'rfc822;crew@corp.test' } } },
    },
  })
  expect(await sentMessages()).toBe(before + 2)
  const own = await db.query('SELECT recipient, via, sender FROM delivery WHERE message_id = $1 ORDER BY 1', [
    messageId,
  ])
  const via = 'desk@corp.test'
  expect(own).toEqual([
    { recipient: 'bob@corp.test', via, sender: null },
    { recipient: 'hidden@elsewhere.test', via: null, sender: null },
    { recipient: 'y@elsewhere.test', via, sender: null },
  ])
  const [posting] = await db.query<{ id: string; prefix: Buffer; bytes: Buffer; own: Buffer }>(
    `SELECT m.message_id AS id, prefix, b.bytes, o.bytes AS own FROM message m JOIN body b ON b.body_id = m.message_id, body o
     WHERE facts->>'list' = 'crew@corp.test' AND o.body_id = $1`,
    [messageId],
  )
  expect(posting!.bytes.equals(posting!.own)).toBe(true)
  // A list is where the message arrives: it is what is told of where its author asked (RFC 3461 section 5.2.7.3).
  const facts = (id: string) => db.query('SELECT facts FROM message WHERE message_id = $1', [id])
  const asked = { orcpt: 'rfc822;crew@corp.test', envid: 'Q7' }
  expect(await facts(posting!.id)).toEqual([{ facts: { list: 'crew@corp.test', ret: 'HDRS', asked } }])
  expect(await facts(messageId)).toEqual([{ facts: { envid: 'Q7' } }])
  expect(posting!.prefix.toString()).toMatch(/\r\nList-Id: "Crew" <crew\.corp\.test>\r\n[^]*\r\nDKIM-Signature: /)
  const members = await db.query('SELECT recipient, sender FROM delivery WHERE message_id = $1 ORDER BY 1', [
    posting!.id,
  ])
  const sender = expect.stringMatching(/^crew-bounces\+/) as string
  expect(members).toEqual([
    { recipient: 'bob@corp.test', sender },
    { recipient: 'x@elsewhere.test', sender },
  ])
})

test('a key that cannot be opened stops the sending', async () => {
  await it.fresh.db.query(`UPDATE domain SET dkim_private_sealed = '\\x00' WHERE domain_id = $1`, [it.org.domainId])
  await expect(submit(await draft(['x@elsewhere.test']))).rejects.toMatchObject({ code: 'config' })
  await it.fresh.db.query(`UPDATE domain SET dkim_private_sealed = NULL WHERE domain_id = $1`, [it.org.domainId])
})

test('cut off behind the commit: the next try finds it and sends nothing again', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const sent = await submit(copyId)
  await it.fresh.db.query('UPDATE submission SET undo_status = 2 WHERE submission_id = $1', [sent.id])
  const before = await sentMessages()
  expect(await submit(copyId)).toMatchObject({ id: sent.id, messageId: sent.messageId })
  expect(await sentMessages()).toBe(before)
})

test('a try whose commit nobody heard of and which comes late: nothing is sent twice', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const before = await sentMessages()
  const accept = it.accept.accept.bind(it.accept)
  let late: Parameters<typeof accept> = []
  it.accept.accept = (...unit) => {
    late = unit
    return Promise.reject(new WireError('commit-unknown'))
  }
  await expect(submit(copyId)).rejects.toMatchObject({ code: 'commit-unknown' })
  it.accept.accept = accept
  await expect(submit(copyId)).rejects.toMatchObject({ code: 'conflict' })
  await accept(...late)
  expect(await submit(copyId)).toMatchObject({ messageId: late[0]!.messageId })
  expect(await sentMessages()).toBe(before + 1)
})

test('cut off before the commit: the next try sends it once', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  await insertSubmission(it.fresh.db, it.owner('alice'), {
    submissionId: newId(Date.now()),
    copyId,
    messageId: newId(Date.now()),
    identityAddress: 'alice@corp.test',
    envelopeDigest: null,
    recipients: 1,
    envelope: null,
    protocol: 'HTTP',
  })
  await it.fresh.db.query(`UPDATE submission SET sent_at = now() - interval '2 minutes' WHERE copy_id = $1`, [copyId])
  const before = await sentMessages()
  await submit(copyId)
  expect(await sentMessages()).toBe(before + 1)
})

test('two clicks at once send one message', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const before = await sentMessages()
  const results = await Promise.allSettled([submit(copyId), submit(copyId)])
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(await sentMessages()).toBe(before + 1)
})

test('two processes at once send one message: the other is told so, or what the first has done', async () => {
  const other = it.anotherSubmission()
  const codes = new Set<string>()
  for (let i = 0; i < 15; i++) {
    const copyId = await draft(['x@elsewhere.test'])
    const before = await sentMessages()
    const wish = { ...it.owner('alice'), copyId, identityAddress: 'alice@corp.test' }
    const results = await Promise.allSettled([it.submission.submit(wish), other.submit(wish)])
    expect(await sentMessages()).toBe(before + 1)
    const done = results.filter((one) => one.status === 'fulfilled').map(({ value }) => value.messageId)
    expect(new Set(done).size).toBe(1)
    for (const one of results) if (one.status === 'rejected') codes.add((one.reason as WireError).code)
  }
  for (const code of codes) expect(code).toBe('conflict')
})

test('a try of another process is under way: conflict, in words, and nothing of it stays', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const accept = it.accept.accept.bind(it.accept)
  const other = it.anotherSubmission()
  const wish = { ...it.owner('alice'), copyId, identityAddress: 'alice@corp.test' }
  let second: unknown
  // The second one begins between the checks and the row of the first.
  const find = it.directory.organisationOfDomain.bind(it.directory)
  it.accept.accept = () => Promise.reject(new WireError('commit-unknown'))
  it.directory.organisationOfDomain = async (domain) => {
    it.directory.organisationOfDomain = find
    second = await other.submit(wish).catch((error: unknown) => error)
    return find(domain)
  }
  const before = await sentMessages()
  await expect(submit(copyId)).rejects.toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining('another window or device'),
  })
  expect(second).toMatchObject({ code: 'commit-unknown' })
  it.accept.accept = accept
  expect(await sentMessages()).toBe(before)
})

test('another process was faster: its message is the answer', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const other = it.anotherSubmission()
  const find = it.directory.organisationOfDomain.bind(it.directory)
  let first: unknown
  it.directory.organisationOfDomain = async (domain) => {
    it.directory.organisationOfDomain = find
    first = await other.submit({ ...it.owner('alice'), copyId, identityAddress: 'alice@corp.test' })
    return find(domain)
  }
  const before = await sentMessages()
  const second = await submit(copyId)
  expect(first).toMatchObject({ id: second.id, messageId: second.messageId })
  expect(await sentMessages()).toBe(before + 1)
})

test('what has left is the answer to everybody who sends it again, also when the draft is gone', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const sent = await submit(copyId)
  const before = await sentMessages()
  expect(await submit(copyId)).toMatchObject({ id: sent.id, messageId: sent.messageId })
  await it.mailbox.update(it.owner('alice'), [{ copyId, destroy: true }])
  expect(await submit(copyId)).toMatchObject({ id: sent.id, messageId: sent.messageId, threadId: null })
  expect(await sentMessages()).toBe(before)
})

test('the same message to others, knowingly, is another sending', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const before = await sentMessages()
  await submit(copyId)
  const wish = { ...it.owner('alice'), copyId, identityAddress: 'alice@corp.test' }
  const to = (address: string) => ({ from: 'alice@corp.test', to: [address] })
  const first = await it.submission.submit({ ...wish, envelope: to('y@elsewhere.test') })
  expect(await it.submission.submit({ ...wish, envelope: to('Y@ELSEWHERE.test') })).toMatchObject({ id: first.id })
  expect(await sentMessages()).toBe(before + 2)
})

test('a draft that is destroyed while it is being looked at is not sent', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const before = await sentMessages()
  const find = it.directory.organisationOfDomain.bind(it.directory)
  it.directory.organisationOfDomain = async (domain) => {
    it.directory.organisationOfDomain = find
    await it.mailbox.update(it.owner('alice'), [{ copyId, destroy: true, sparesSent: 'in-drafts' }])
    return find(domain)
  }
  await expect(submit(copyId)).rejects.toMatchObject({ code: 'not-found' })
  expect(await sentMessages()).toBe(before)
})

test('a draft that is being sent, or was sent, is not destroyed by who takes it for a draft', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const owner = it.owner('alice')
  const destroy = async (sparesSent: 'in-drafts' | 'outside-trash') =>
    (await it.mailbox.update(owner, [{ copyId, destroy: true, sparesSent }])).get(copyId)
  const accept = it.accept.accept.bind(it.accept)
  let during: unknown
  it.accept.accept = async (...unit) => {
    during = await destroy('in-drafts')
    return accept(...unit)
  }
  await submit(copyId)
  it.accept.accept = accept
  expect(during).toBe('was-sent')
  expect(await destroy('in-drafts')).toBe('was-sent')
  await it.mailbox.update(owner, [{ copyId, moveTo: 3 }])
  expect(await destroy('outside-trash')).toBe('was-sent')
  // From Trash it is what the person wants.
  await it.mailbox.update(owner, [{ copyId, moveTo: 4 }])
  expect(await destroy('outside-trash')).toBe('done')
})

test('a person without a primary: it has left, that is the answer, and the owed item says why it stays', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const setRoute = async (routeId: string | null) => {
    await it.fresh.db.query('UPDATE domain SET route_id = $2 WHERE domain_id = $1', [it.org.domainId, routeId])
    await bumpDirectory(it.fresh.db)
    await it.directory.refresh()
  }
  const before = await sentMessages()
  await setRoute(null)
  await submit(copyId)
  await submit(copyId)
  await setRoute(it.org.routeId)
  expect(await sentMessages()).toBe(before + 1)
  expect(await it.fresh.db.query('SELECT state, reason, route_id FROM owed_item WHERE copy_id = $1', [copyId])).toEqual(
    [{ state: 3, reason: 'no-way-home-route', route_id: null }],
  )
})

test('the database goes away behind the commit: it has left, that is the answer, and its record is completed', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const resolve = it.directory.resolve.bind(it.directory)
  let asked = 0
  it.directory.resolve = (address) =>
    asked++ === 0 ? resolve(address) : Promise.reject(new Error('Connection terminated unexpectedly'))
  const before = await sentMessages()
  const { id } = await submit(copyId)
  it.directory.resolve = resolve
  expect(await sentMessages()).toBe(before + 1)
  expect((await it.submission.list(it.owner('alice'), { ids: [id] }))[0]).toMatchObject({ undoStatus: 'final' })
  const owed = () => it.fresh.db.query('SELECT state FROM owed_item WHERE copy_id = $1', [copyId])
  expect(await owed()).toEqual([])
  await it.fresh.db.query(`UPDATE submission SET sent_at = now() - interval '2 minutes' WHERE copy_id = $1`, [copyId])
  await it.submission.cutOff.settle()
  expect(await owed()).toEqual([{ state: 3 }])
  expect(await it.submission.cutOff.settle()).toBe(0)
})

test('a try that ended before its commit is canceled when its time is over', async () => {
  const copyId = await draft(['x@elsewhere.test'])
  const submissionId = newId(Date.now())
  await insertSubmission(it.fresh.db, it.owner('alice'), {
    submissionId,
    copyId,
    messageId: newId(Date.now()),
    identityAddress: 'alice@corp.test',
    envelopeDigest: null,
    recipients: 1,
    envelope: null,
    protocol: 'HTTP',
  })
  const status = async () => (await it.submission.list(it.owner('alice'), { ids: [submissionId] }))[0]!.undoStatus
  await it.submission.cutOff.settle()
  expect(await status()).toBe('pending')
  await it.fresh.db.query(`UPDATE submission SET sent_at = now() - interval '2 minutes' WHERE copy_id = $1`, [copyId])
  expect(await it.submission.cutOff.settle()).toBe(1)
  expect(await status()).toBe('canceled')
})

test(`not more than ${RECIPIENTS_PER_HOUR} recipients an hour`, async () => {
  await it.fresh.db.query(`UPDATE submission SET sent_at = sent_at - interval '2 hours'`)
  const many = (n: number): string[] => Array.from({ length: 90 }, (_, i) => `r${n}-${i}@elsewhere.test`)
  await submit(await draft(many(1)))
  await submit(await draft(many(2)))
  await expect(submit(await draft(many(3)))).rejects.toSatisfy(
    (error) => error instanceof WireError && error.code === 'rate-limited',
  )
})

const recipientsOfAlice = async (): Promise<number> =>
  (
    await it.fresh.db.query<{ n: number }>(
      `SELECT count(*) AS n FROM submission s JOIN delivery d USING (organisation_id, message_id)
       WHERE s.person_id = $1 AND s.sent_at > now() - interval '1 hour'`,
      [it.owner('alice').personId],
    )
  )[0]!.n

test('eight requests at once do not send more than one after the other may', async () => {
  await it.fresh.db.query(`UPDATE submission SET sent_at = sent_at - interval '2 hours'`)
  // The draft's hidden recipient is the hundredth.
  const many = (n: number): string[] => Array.from({ length: 99 }, (_, i) => `p${n}-${i}@elsewhere.test`)
  const drafts = await Promise.all(Array.from({ length: 8 }, (_, n) => draft(many(n))))
  const [identity] = await it.submission.identities(it.owner('alice'))
  const answers = await Promise.all(
    drafts.map((emailId) => it.one('EmailSubmission/set', { create: { s: { identityId: identity!.id, emailId } } })),
  )
  expect(answers.filter(({ created }) => created !== null)).toHaveLength(2)
  const refused = answers.flatMap(({ notCreated }) => (notCreated ? [notCreated.s.type as unknown] : []))
  expect(refused).toEqual(Array.from({ length: 6 }, () => 'rateLimit'))
  expect(await recipientsOfAlice()).toBe(RECIPIENTS_PER_HOUR)
})

test('nor do several processes at once; what did not leave counts no more', async () => {
  await it.fresh.db.query(`UPDATE submission SET sent_at = sent_at - interval '2 hours'`)
  const rooms = [it.submission, it.anotherSubmission(), it.anotherSubmission()]
  const many = (n: number): string[] => Array.from({ length: 99 }, (_, i) => `q${n}-${i}@elsewhere.test`)
  const accept = it.accept.accept.bind(it.accept)
  // Drafts of different folders: their locks do not stand in for the one that is meant.
  const copyIds = await Promise.all(Array.from({ length: 8 }, (_, n) => draft(many(n))))
  await it.mailbox.update(
    it.owner('alice'),
    copyIds.map((copyId, i) => ({ copyId, moveTo: 2 + (i % 5) })),
  )
  it.accept.accept = () => Promise.reject(new WireError('database-unavailable'))
  const submitIn = (i: number): Promise<unknown> =>
    rooms[i % rooms.length]!.submit({
      ...it.owner('alice'),
      copyId: copyIds[i]!,
      identityAddress: 'alice@corp.test',
    })
  await expect(submitIn(0)).rejects.toMatchObject({ code: 'database-unavailable' })
  it.accept.accept = accept
  const results = await Promise.allSettled(copyIds.map((_, i) => submitIn(i)))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  for (const one of results) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'rate-limited' })
  expect(await recipientsOfAlice()).toBe(RECIPIENTS_PER_HOUR)
})
