/**
 * What is to be sent later: never early, never twice, canceled or sent and never both; kept through restarts; what cannot be
 * sent is told. Its time comes by moving it in the row: the database's clock decides.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { cancelOverdue } from '../../store/waiting.ts'
import { RECIPIENTS_PER_HOUR } from './index.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())
/** What was sent is two hours old: it counts no more. */
const age = (): Promise<unknown> =>
  it.fresh.db.query(
    `UPDATE submission SET sent_at = sent_at - interval '2 hours', release_at = release_at - interval '2 hours' WHERE undo_status <> 4`,
  )
beforeEach(age)
afterEach(async () => {
  await it.fresh.db.query(`UPDATE submission SET undo_status = 3 WHERE undo_status = 4`)
})

const DAY = 86_400
async function draft(to = 'bob@corp.test, x@outside.test'): Promise<Id> {
  const bytes = Buffer.from(
    `From: alice@corp.test\r\nTo: ${to}\r\nBcc: hidden@outside.test\r\nSubject: later\r\nMessage-ID: <${newId(Date.now())}@corp.test>\r\n\r\nbody\r\n`,
  )
  const wish = { folderNo: 2, keywords: ['$draft'], bytes: [bytes], receivedAt: Date.now(), source: 'draft' } as const
  return (await it.mailbox.appendToFolder(it.owner('alice'), wish))!.copyId
}
const submit = (copyId: Id, more: Partial<Parameters<JmapFixture['submission']['submit']>[0]> = {}) =>
  it.submission.submit({
    ...it.owner('alice'),
    copyId,
    identityAddress: 'alice@corp.test',
    hold: { seconds: DAY },
    ...more,
  })
/** Its time has come. */
const come = (id: Id): Promise<unknown> =>
  it.fresh.db.query('UPDATE submission SET release_at = now(), due_at = now() WHERE submission_id = $1', [id])
async function now(id: Id, copyId: Id) {
  const [row] = await it.fresh.db.query<{ status: number; left: number; placed: string | null; due: number }>(
    `SELECT undo_status AS status, (SELECT count(*) FROM message m WHERE m.message_id = s.message_id) AS left,
       extract(epoch FROM due_at - now())::float8 AS due,
       (SELECT string_agg(folder_no || ':' || flags, ',') FROM placement WHERE copy_id = $2 AND tombstone IS NULL) AS placed
     FROM submission s WHERE submission_id = $1`,
    [id, copyId],
  )
  return row!
}
const owner = () => it.owner('alice')
const run = () => it.submission.releases.run()

test('it waits in Drafts, leaves at its time with everything, and lies in Sent from then on', async () => {
  const copyId = await draft()
  const before = Date.now()
  const sent = await submit(copyId)
  expect(sent.undoStatus).toBe('pending')
  expect(Math.abs(sent.sentAt - before - DAY * 1000)).toBeLessThan(10_000)
  expect(await run()).toBe(0)
  expect(await now(sent.id, copyId)).toMatchObject({ status: 4, left: 0, placed: '2:8' })
  expect(await it.submission.list(owner(), { open: true })).toMatchObject([
    {
      id: sent.id,
      undoStatus: 'pending',
      recipients: [{}, {}, { address: 'hidden@outside.test', delivered: 'queued' }],
    },
  ])
  await come(sent.id)
  expect(await run()).toBe(1)
  expect(await run()).toBe(0)
  expect(await now(sent.id, copyId)).toMatchObject({ status: 1, left: 1, placed: '3:1' })
  const rows = await it.fresh.db.query<{ recipient: string; bytes: Buffer }>(
    `SELECT recipient, bytes FROM submission s JOIN delivery d ON d.message_id = s.message_id JOIN body ON body_id = d.message_id
     WHERE submission_id = $1 ORDER BY 1`,
    [sent.id],
  )
  expect(rows.map(({ recipient }) => recipient)).toEqual(['bob@corp.test', 'hidden@outside.test', 'x@outside.test'])
  expect(rows[0]!.bytes.toString()).not.toContain('hidden')
  expect(await it.fresh.db.query('SELECT 1 FROM owed_item WHERE copy_id = $1', [copyId])).toHaveLength(1)
  expect(await it.submission.list(owner(), { open: true })).toEqual([])
})

test('the same again is the same; without a hold, or to others, it says that it waits', async () => {
  const copyId = await draft()
  const sent = await submit(copyId)
  expect((await submit(copyId, { hold: { seconds: 60 } })).id).toBe(sent.id)
  await expect(submit(copyId, { hold: null })).rejects.toMatchObject({ code: 'conflict' })
  const envelope = { from: 'alice@corp.test', to: ['y@outside.test'] }
  await expect(submit(copyId, { envelope })).rejects.toMatchObject({ code: 'conflict' })
})

test('canceled, it stays a draft and may be sent anew; what has left is not canceled', async () => {
  const copyId = await draft()
  const sent = await submit(copyId)
  expect(await it.submission.cancel(owner(), sent.id)).toBe('canceled')
  expect(await it.submission.cancel(owner(), sent.id)).toBe('canceled')
  await come(sent.id)
  expect(await run()).toBe(0)
  expect(await now(sent.id, copyId)).toMatchObject({ status: 3, left: 0, placed: '2:8' })
  const again = await submit(copyId, { hold: null })
  expect(again.undoStatus).toBe('final')
  expect(await it.submission.cancel(owner(), again.id)).toBe('left')
  expect(await it.submission.cancel(owner(), newId(1))).toBeNull()
  expect(await it.submission.cancel(it.owner('bob'), again.id)).toBeNull()
})

test('cancel and two workers at the same moment: one of them wins, every time', async () => {
  const seen = new Set<string>()
  const ROUNDS = 20
  // How long a release takes on this machine today.
  let took = 0
  for (let round = 0; round < ROUNDS; round++) {
    const copyId = await draft('x@outside.test')
    const sent = await submit(copyId)
    await come(sent.id)
    const began = performance.now()
    const releasing = Promise.all([run(), it.anotherSubmission().releases.run()])
    // From at once to surely too late.
    if (round === 0) await releasing
    else await new Promise((resolve) => setTimeout(resolve, (round / ROUNDS) * took))
    const canceled = await it.submission.cancel(owner(), sent.id)
    const left = await releasing
    if (round === 0) took = (performance.now() - began) * 1.2
    const state = await now(sent.id, copyId)
    const total = left.reduce((a, b) => a + b, 0)
    expect([total, state.left, state.status]).toEqual(canceled === 'canceled' ? [0, 0, 3] : [1, 1, 1])
    seen.add(canceled!)
    await age()
  }
  expect(seen).toEqual(new Set(['canceled', 'left']))
})

test('killed between the step of its row and the commit: it waits again, and leaves once', async () => {
  const copyId = await draft()
  const sent = await submit(copyId)
  await come(sent.id)
  const later = (status: number): Promise<unknown> =>
    it.fresh.db.query(
      `UPDATE submission SET undo_status = $2, sent_at = now() - interval '5 minutes', release_at = now() - interval '6 minutes' WHERE submission_id = $1`,
      [sent.id, status],
    )
  await later(2)
  expect(await run()).toBe(0)
  expect(await it.submission.cutOff.settle()).toBe(1)
  expect(await now(sent.id, copyId)).toMatchObject({ status: 4, left: 0, placed: '2:8' })
  expect(await run()).toBe(1)
  // Killed behind the commit: the message is there, its copy still in Drafts.
  await later(2)
  await it.mailbox.update(owner(), [{ copyId, moveTo: 2, keywords: { kind: 'patch', add: ['$draft'], remove: [] } }])
  expect(await run()).toBe(0)
  await it.submission.cutOff.settle()
  expect(await now(sent.id, copyId)).toMatchObject({ status: 1, left: 1, placed: '3:1' })
})

test('destroying the draft is refused while it waits; in Trash, or gone from there, it is not sent', async () => {
  const [one, two, three] = [await draft(), await draft(), await draft()]
  const sent = [await submit(one), await submit(two), await submit(three)]
  const spared = await it.mailbox.update(owner(), [{ copyId: one, destroy: true, sparesSent: 'in-drafts' }])
  expect(spared.get(one)).toBe('was-sent')
  await it.mailbox.update(owner(), [{ copyId: one, moveTo: 4 }])
  await it.mailbox.update(owner(), [{ copyId: two, destroy: true }])
  // Out of Trash again before its time.
  await it.mailbox.update(owner(), [{ copyId: three, moveTo: 4 }])
  await it.mailbox.update(owner(), [{ copyId: three, moveTo: 2 }])
  for (const { id } of sent) await come(id)
  expect(await run()).toBe(1)
  expect((await now(sent[0]!.id, one)).status).toBe(3)
  expect((await now(sent[1]!.id, two)).status).toBe(3)
  expect((await now(sent[2]!.id, three)).status).toBe(1)
})

test('what cannot be sent at all: told once, in Drafts still, canceled', async () => {
  const copyId = await draft()
  const sent = await submit(copyId)
  // What was sent in her name by then is another person's address.
  await it.fresh.db.query(`UPDATE submission SET identity_address = 'bob@corp.test' WHERE submission_id = $1`, [
    sent.id,
  ])
  await come(sent.id)
  expect(await run()).toBe(0)
  expect(await now(sent.id, copyId)).toMatchObject({ status: 3, left: 0, placed: '2:8' })
  await it.fresh.db.query(`UPDATE submission SET undo_status = 4 WHERE submission_id = $1`, [sent.id])
  await run()
  const notices = await it.fresh.db.query<{ text: string }>(
    `SELECT convert_from(bytes, 'UTF8') AS text FROM message JOIN body ON body_id = message_id WHERE direction = 3`,
  )
  expect(notices).toHaveLength(1)
  expect(notices[0]!.text).toContain('"later"')
  expect(notices[0]!.text).toContain('bob@corp.test is not an address of yours')
  expect(notices[0]!.text).toContain('Final-Recipient: rfc822; x@outside.test')
})

test('one whose author cannot even be told does not stand before the others', async () => {
  const [bad, good] = [await draft(), await draft()]
  const sent = [await submit(bad), await submit(good)]
  // An address that no server takes, and an envelope that cannot be read.
  await it.fresh.db.query(
    `UPDATE submission SET envelope = '{"to": 7}', due_at = now() - interval '1 hour' WHERE submission_id = $1`,
    [sent[0]!.id],
  )
  await come(sent[1]!.id)
  expect(await run()).toBe(1)
  expect((await now(sent[0]!.id, bad)).due).toBeGreaterThan(50)
  await it.submission.cancel(owner(), sent[0]!.id)
})

test('after an import of something that may have gone on: what was due is a draft again, the rest waits', async () => {
  const [over, ahead] = [await draft(), await draft()]
  const sent = [await submit(over), await submit(ahead)]
  await come(sent[0]!.id)
  expect(await cancelOverdue(it.fresh.db)).toBe(1)
  expect((await now(sent[0]!.id, over)).status).toBe(3)
  expect((await now(sent[1]!.id, ahead)).status).toBe(4)
})

test('what cannot be sent just now waits on, and is counted when it leaves', async () => {
  const copyId = await draft('x@outside.test')
  const sent = await submit(copyId)
  await it.fresh.db.query(`UPDATE submission SET sent_at = now() - interval '2 hours'`)
  await it.fresh.db.query(
    `INSERT INTO submission (organisation_id, submission_id, person_id, copy_id, message_id, identity_address, recipients)
     VALUES ($1, $2, $3, $2, $2, 'alice@corp.test', $4)`,
    [owner().organisationId, newId(Date.now()), owner().personId, RECIPIENTS_PER_HOUR],
  )
  await come(sent.id)
  expect(await run()).toBe(0)
  const state = await now(sent.id, copyId)
  expect(state).toMatchObject({ status: 4, left: 0, placed: '2:8' })
  expect(state.due).toBeGreaterThan(50)
  await it.fresh.db.query(`UPDATE submission SET sent_at = now() - interval '2 hours' WHERE recipients = $1`, [
    RECIPIENTS_PER_HOUR,
  ])
  await come(sent.id)
  expect(await run()).toBe(1)
  await it.fresh.db.query('DELETE FROM submission WHERE copy_id = message_id AND undo_status = 1')
})

test('a message that waits longer than copies are kept is kept longer, and counted on that day', async () => {
  const copyId = await draft()
  await submit(copyId, { hold: { seconds: 25 * DAY } })
  const [row] = await it.fresh.db.query<{ days: number }>(
    `SELECT extract(day FROM expires_at - now())::int AS days FROM copy WHERE copy_id = $1`,
    [copyId],
  )
  expect(row!.days).toBeGreaterThanOrEqual(38)
})

describe('by JMAP (RFC 8621 section 7)', () => {
  const create = async (copyId: Id, parameters: object) => {
    it.signIn('alice')
    const identityId = (await it.one('Identity/get', { ids: null })).list[0].id
    const envelope = { mailFrom: { email: 'alice@corp.test', parameters }, rcptTo: [{ email: 'x@outside.test' }] }
    return it.one('EmailSubmission/set', { create: { s: { emailId: copyId, identityId, envelope } } })
  }

  test('HOLDFOR, listed as pending, canceled by an update; the state moves', async () => {
    const session = await it.app.inject('/jmap/session')
    const capabilities = Object.values(session.json<{ accounts: object }>().accounts)[0].accountCapabilities
    expect(capabilities['urn:ietf:params:jmap:submission']).toMatchObject({
      maxDelayedSend: 2_592_000,
      submissionExtensions: { FUTURERELEASE: ['2592000'], DSN: [] },
    })
    const made = await create(await draft(), { holdfor: '600', ENVID: 'a b', RET: 'HDRS' })
    const { id, undoStatus, sendAt } = made.created.s
    expect(undoStatus).toBe('pending')
    const query = { filter: { undoStatus: 'pending' } }
    expect((await it.one('EmailSubmission/query', query)).ids).toEqual([id])
    const [shown] = (await it.one('EmailSubmission/get', { ids: [id] })).list
    expect(shown).toMatchObject({
      sendAt,
      undoStatus: 'pending',
      envelope: { mailFrom: { parameters: { ENVID: 'a b', RET: 'HDRS', HOLDUNTIL: sendAt } } },
      deliveryStatus: { 'x@outside.test': { delivered: 'queued' } },
    })
    const canceled = await it.one('EmailSubmission/set', { update: { [id]: { undoStatus: 'canceled' } } })
    expect(canceled).toMatchObject({ updated: { [id]: null }, oldState: made.newState })
    expect(canceled.newState).not.toBe(canceled.oldState)
    expect((await it.one('EmailSubmission/query', query)).ids).toEqual([])
    const other = await it.one('EmailSubmission/set', { update: { [id]: { sendAt: '2026-01-01T00:00:00Z' } } })
    expect(other.notUpdated[id].type).toBe('invalidProperties')
  })

  test('HOLDUNTIL; a time that is over is now; too far ahead, both, and what is no time are refused', async () => {
    const at = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`
    expect((await create(await draft(), { HOLDUNTIL: at })).created.s).toMatchObject({
      sendAt: at,
      undoStatus: 'pending',
    })
    const past = await create(await draft(), { HOLDUNTIL: '2020-01-01T00:00:00Z' })
    expect(past.created.s.undoStatus).toBe('final')
    const update = await it.one('EmailSubmission/set', { update: { [past.created.s.id]: { undoStatus: 'canceled' } } })
    expect(update.notUpdated[past.created.s.id].type).toBe('cannotUnsend')
    for (const parameters of [
      { HOLDFOR: '2592001' },
      { HOLDFOR: '60', HOLDUNTIL: at },
      { HOLDFOR: '60', holdfor: '60' },
      { HOLDUNTIL: '2026-02-30T00:00:00Z' },
      { HOLDFOR: null },
      { HOLDFOR: 60 },
      { NOTIFY: 'NEVER' },
    ])
      expect((await create(await draft(), parameters)).notCreated.s).toMatchObject({
        type: 'invalidProperties',
        properties: ['envelope'],
      })
  })
})
