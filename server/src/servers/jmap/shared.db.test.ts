/** Shared mailboxes: a second account of those who read them (RFC 8620 section 2), what they may do there, and who sent. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makePerson } from '../../../testkit/factories.ts'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import { DelegationKind, PersonKind } from '../../platform/codes.ts'
import { silentLog } from '../../platform/log.ts'
import { streamChanges } from './eventsource.ts'

let it: JmapFixture
let office: string
beforeAll(async () => {
  it = await jmapFixture()
  it.org.people['office'] = await makePerson(it.fresh.db, it.org, 'office')
  office = it.org.people['office'].personId
  await it.fresh.db.query('UPDATE person SET kind = $2, disabled_at = now() WHERE person_id = $1', [
    office,
    PersonKind.shared,
  ])
})
beforeEach(() => it.signIn('alice'))
afterEach(() => it.fresh.db.query('DELETE FROM shared_member'))
afterAll(() => it.close())

const share = (name: string, mayWrite: boolean, send: keyof typeof DelegationKind | null = null) =>
  it.fresh.db.query(
    'INSERT INTO shared_member (organisation_id, mailbox_id, member_id, is_group, may_write, send) VALUES ($1, $2, $3, false, $4, $5)',
    [it.org.organisationId, office, it.owner(name).personId, mayWrite, send && DelegationKind[send]],
  )
const mail = (n: string): string =>
  `From: Joe <joe@outside.test>\nTo: office@corp.test\nSubject: Mail ${n}\nMessage-ID: <${n}@outside.test>\n\nHello ${n}\n`
interface Session {
  accounts: Record<string, { name: string; isPersonal: boolean; isReadOnly: boolean; accountCapabilities: object }>
  primaryAccounts: Record<string, string>
  state: string
}
const session = async (): Promise<Session> =>
  (await it.app.inject({ method: 'GET', url: '/jmap/session' })).json<Session>()
const inOffice = (name: string, args: object) => it.one(name, { accountId: office, ...args })
const typeOf = async (name: string, args: object): Promise<string> => {
  const [answer] = await it.call([name, { accountId: office, ...args }])
  return answer![0] === 'error' ? String(answer![1]['type']) : 'taken'
}
const DRAFT = {
  mailboxIds: { m2: true },
  keywords: { $draft: true },
  from: [{ name: 'Office', email: 'office@corp.test' }],
  to: [{ name: null, email: 'out@elsewhere.test' }],
  subject: 'Answer',
  bodyValues: { t: { value: 'Hello' } },
  textBody: [{ partId: 't', type: 'text/plain' }],
}
/** The header of what left last, and whose Sent has it. */
async function send(account: string, draft: object): Promise<{ header: string; created: Record<string, unknown> }> {
  const { list } = await it.one('Identity/get', { accountId: account, ids: null })
  const identity = (list as { id: string; email: string }[]).find(({ email }) => email === 'office@corp.test')
  const answers = await it.call(
    ['Email/set', { accountId: account, create: { d: draft } }],
    [
      'EmailSubmission/set',
      {
        accountId: account,
        create: { s: { emailId: '#d', identityId: identity?.id ?? 'none' } },
        onSuccessUpdateEmail: { '#s': { 'mailboxIds/m2': null, 'mailboxIds/m3': true, 'keywords/$draft': null } },
      },
    ],
  )
  const [row] = await it.fresh.db.query<{ bytes: Buffer }>(
    'SELECT b.bytes FROM message m JOIN body b ON b.body_id = m.message_id WHERE m.direction <> 1 ORDER BY m.message_id DESC LIMIT 1',
  )
  return { header: row?.bytes.toString().split('\r\n\r\n')[0] ?? '', created: answers[1]![1] }
}
const sentOf = (personId: string) =>
  it.fresh.db
    .query<{ n: number }>(
      'SELECT count(*)::int AS n FROM placement WHERE person_id = $1 AND folder_no = 3 AND tombstone IS NULL',
      [personId],
    )
    .then(([row]) => row!.n)
const audit = () =>
  it.fresh.db.query<{ actor: string; subject: string; detail: Record<string, string> }>(
    "SELECT actor, subject, detail FROM audit WHERE action = 'sent-for-another' ORDER BY seq DESC LIMIT 1",
  )

test('who is no member sees none of it', async () => {
  expect(Object.keys((await session()).accounts)).toEqual([it.owner('alice').personId])
  expect(await typeOf('Mailbox/get', { ids: null })).toBe('accountNotFound')
  expect(await typeOf('Email/set', { destroy: ['x'] })).toBe('accountNotFound')
  expect((await it.app.inject({ method: 'GET', url: `/jmap/download/${office}/M1/x` })).statusCode).toBe(404)
  expect((await it.app.inject({ method: 'POST', url: `/jmap/upload/${office}`, payload: 'x' })).statusCode).toBe(404)
})

test('read only: the mail is seen, nothing changes', async () => {
  const before = (await session()).state
  await share('alice', false)
  const copyId = await it.receive(mail('one'), ['office'])
  const { accounts, primaryAccounts, state } = await session()
  expect(state).not.toBe(before)
  expect(accounts[office]).toMatchObject({ name: 'Office', isPersonal: false, isReadOnly: true })
  expect(Object.keys(accounts[office]!.accountCapabilities)).toEqual(['urn:ietf:params:jmap:mail'])
  expect(Object.values(primaryAccounts)).not.toContain(office)
  expect((await inOffice('Email/get', { ids: [copyId] })).list[0].subject).toBe('Mail one')
  const { list } = await inOffice('Mailbox/get', { ids: ['m1'] })
  expect(list[0].myRights).toMatchObject({ mayReadItems: true, maySetSeen: false, mayAddItems: false })
  for (const name of ['Email/set', 'Mailbox/set', 'EmailSubmission/set'])
    expect(await typeOf(name, { create: {} })).toBe('accountReadOnly')
  expect(await typeOf('Email/import', { emails: {} })).toBe('accountReadOnly')
  expect((await it.app.inject({ method: 'POST', url: `/jmap/upload/${office}`, payload: 'x' })).statusCode).toBe(403)
  // One's own mailbox has nothing of it.
  expect((await it.one('Email/get', { ids: [copyId] })).notFound).toEqual([copyId])
})

test('flags and moves are shared by all; a right that is taken away ends with it', async () => {
  await share('alice', true)
  await share('bob', true)
  const copyId = await it.receive(mail('two'), ['office'])
  await inOffice('Email/set', {
    update: { [copyId]: { 'keywords/$seen': true, 'mailboxIds/m1': null, 'mailboxIds/m4': true } },
  })
  it.signIn('bob')
  expect((await inOffice('Email/get', { ids: [copyId] })).list[0]).toMatchObject({
    keywords: { $seen: true },
    mailboxIds: { m4: true },
  })
  await it.fresh.db.query('DELETE FROM shared_member')
  expect(await typeOf('Email/get', { ids: [copyId] })).toBe('accountNotFound')
})

test('by a group; the more counts where both say something', async () => {
  const [group] = await it.fresh.db.query<{ id: string }>(
    `INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, gen_random_uuid(), 'Desk') RETURNING group_id AS id`,
    [it.org.organisationId],
  )
  await it.fresh.db.query('UPDATE person SET group_id = $1 WHERE person_id = $2', [
    group!.id,
    it.owner('alice').personId,
  ])
  await share('alice', false)
  await it.fresh.db.query(
    'INSERT INTO shared_member (organisation_id, mailbox_id, member_id, is_group, may_write) VALUES ($1, $2, $3, true, true)',
    [it.org.organisationId, office, group!.id],
  )
  expect((await session()).accounts[office]!.isReadOnly).toBe(false)
  it.signIn('bob')
  expect((await session()).accounts[office]).toBeUndefined()
})

test('send as: no trace of the person in the message, but in the audit; the copy and what is owed are the mailbox’s', async () => {
  await share('alice', true, 'sendAs')
  const { list } = await inOffice('Identity/get', { ids: null })
  expect((list as { email: string }[]).map(({ email }) => email)).toEqual(['office@corp.test'])
  const [before, own] = [await sentOf(office), await sentOf(it.owner('alice').personId)]
  const { header, created } = await send(office, DRAFT)
  expect(created).toMatchObject({ created: { s: { undoStatus: 'final' } } })
  expect(header).toMatch(/^From: "?Office"? <office@corp\.test>$/m)
  expect(header).not.toMatch(/alice|^Sender:/im)
  expect([await sentOf(office), await sentOf(it.owner('alice').personId)]).toEqual([before + 1, own])
  const [row] = await audit()
  expect([row!.actor, row!.subject]).toEqual([`person:${it.owner('alice').personId}`, `person:${office}`])
  expect(row!.detail).toMatchObject({ from: 'office@corp.test', how: 'sendAs' })
  const owed = await it.fresh.db.query('SELECT FROM owed_item WHERE person_id = $1', [office])
  expect(owed).toHaveLength(1)
})

test('on behalf: the header says who (RFC 5322 section 3.6.2)', async () => {
  await share('alice', true, 'onBehalf')
  const { header } = await send(office, { ...DRAFT, subject: 'Behalf' })
  expect(header).toMatch(/^Sender: <alice@corp\.test>/m)
  expect(header).toMatch(/^From: "?Office"? <office@corp\.test>$/m)
  expect((await audit())[0]!.detail).toMatchObject({ how: 'onBehalf' })
})

test('from the own mailbox: the same address, the copy in one’s own Sent', async () => {
  await share('alice', false, 'sendAs')
  const alice = it.owner('alice').personId
  const before = await sentOf(alice)
  const { created } = await send(alice, { ...DRAFT, subject: 'Own' })
  expect(created).toMatchObject({ created: { s: { undoStatus: 'final' } } })
  expect(await sentOf(alice)).toBe(before + 1)
})

test('who may only write in it sends nothing from it', async () => {
  await share('alice', true)
  expect((await inOffice('Identity/get', { ids: null })).list).toEqual([])
  const { created } = await send(office, { ...DRAFT, subject: 'No' })
  expect(created).toMatchObject({ notCreated: { s: { type: 'invalidProperties' } } })
})

test('what waits for its time leaves as its author still may, and not otherwise', async () => {
  await share('alice', true, 'onBehalf')
  const copy = await inOffice('Email/set', { create: { d: { ...DRAFT, subject: 'Later' } } })
  const { submission } = it
  const owner = { organisationId: it.org.organisationId, personId: office, actorId: it.owner('alice').personId }
  const wish = { ...owner, copyId: copy.created.d.id, identityAddress: 'office@corp.test' }
  const held = await submission.submit({ ...wish, hold: { seconds: 600 } })
  expect(held.undoStatus).toBe('pending')
  const [row] = await it.fresh.db.query<{ actor: string }>(
    'SELECT actor_id AS actor FROM submission WHERE submission_id = $1',
    [held.id],
  )
  expect(row!.actor).toBe(owner.actorId)
  await it.fresh.db.query('UPDATE submission SET release_at = now(), due_at = now() WHERE submission_id = $1', [
    held.id,
  ])
  submission.releases.start()
  const stateOf = async () =>
    (
      await it.fresh.db.query<{ state: number }>(
        'SELECT undo_status AS state FROM submission WHERE submission_id = $1',
        [held.id],
      )
    )[0]!.state
  await expect.poll(stateOf, { timeout: 5000 }).toBe(1)
  submission.releases.stop()
})

test('a change in a shared mailbox is pushed under its account', async () => {
  await share('alice', false)
  const heard: string[] = []
  const stop = streamChanges(
    { mailbox: it.mailbox, clock: systemClock, log: silentLog, isAllowed: () => Promise.resolve(true) },
    it.owner('alice'),
    { types: ['Email'], closeAfterState: false, pingSeconds: 0, lastSeen: null },
    { write: (text) => heard.push(text), end: () => undefined },
  )
  await new Promise((resolve) => setTimeout(resolve, 400))
  await it.receive(mail('pushed'), ['office'])
  await expect.poll(() => heard.join(''), { timeout: 5000 }).toContain(`"${office}":{"Email":"e1.`)
  stop()
})
