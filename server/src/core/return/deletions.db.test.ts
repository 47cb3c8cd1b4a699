/** What a person deletes while it is owed, and what was sent meanwhile. */
import { expect, test } from 'vitest'
import { ids, useReturnStage } from '../../../testkit/return-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import { AttemptOutcome, DeliveryState, OwedState, StandardFolder } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { addSentOwed, countSentOwed } from '../../store/owed.ts'
import { closeReturnEvent, openReturnEvent, returnEvents, returnNumbers } from '../../store/returns.ts'
import { confirmDeletions, readDeletions } from './deletions.ts'
import { createOwedMail } from './owed.ts'

const stage = useReturnStage()
const { claim, owe, person, pretend, run, stateOf } = stage

const owedMail = createOwedMail({ clock: systemClock })
const by = (name: string, copies: readonly { copyId: Id }[]) => ({
  organisationId: stage.org.organisationId,
  personId: person(name),
  copyIds: copies.map((c) => c.copyId),
  actor: `person:${person(name)}`,
})

test('deleted while owed: not sent home; undo owes it again; both are in the ledger', async () => {
  const [mine, theirs] = [await owe({ person: 'alice' }), await owe({ person: 'bob' })]
  const result = await stage.db.transaction((sql) => owedMail.cancelOwed(sql, by('alice', [mine, theirs])))
  expect(result).toEqual({ cancelled: [mine.copyId], needConfirmation: [], underWay: [] })
  expect(await stateOf(mine.deliveryId)).toEqual({ state: DeliveryState.cancelled, reason: 'deleted-by-person' })
  expect(await stateOf(theirs.deliveryId)).toMatchObject({ state: DeliveryState.ready })
  expect(ids(await claim())).toEqual([theirs.deliveryId])
  const back = await stage.db.transaction((sql) => owedMail.restoreOwed(sql, by('alice', [mine])))
  expect(back).toEqual({ restored: [mine.copyId] })
  expect(await stateOf(mine.deliveryId)).toEqual({ state: DeliveryState.ready, reason: 'undeleted-by-person' })
  expect(ids(await claim())).toEqual([mine.deliveryId])
  const ledger = await stage.db.query<{ outcome: number }>('SELECT outcome FROM ledger ORDER BY ledger_id')
  expect(ledger.map((r) => r.outcome)).toEqual([AttemptOutcome.cancelled, AttemptOutcome.deferred])
})

test('a person under two addresses: one copy, two deliveries, both follow it', async () => {
  const one = await owe({ person: 'alice' })
  const two = newId(Date.now())
  await stage.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, held, accepted_at)
     SELECT organisation_id, $2, message_id, 'alice+second@x', person_id, route_id, state, next_attempt, held, accepted_at
     FROM delivery WHERE delivery_id = $1`,
    [one.deliveryId, two],
  )
  await place(one.copyId, StandardFolder.trash)
  expect(await readDeletions(stage.db, alice())).toMatchObject({ waiting: 1 })
  expect(await owedMail.cancelOwed(stage.db, by('alice', [one]))).toEqual({
    cancelled: [one.copyId],
    needConfirmation: [],
    underWay: [],
  })
  for (const id of [one.deliveryId, two]) expect(await stateOf(id)).toMatchObject({ state: DeliveryState.cancelled })
  expect(await owedMail.restoreOwed(stage.db, by('alice', [one]))).toEqual({ restored: [one.copyId] })
  for (const id of [one.deliveryId, two]) expect(await stateOf(id)).toMatchObject({ state: DeliveryState.ready })
})

test('what is just being sent, or may have been, is left alone', async () => {
  const leased = await owe({ person: 'alice', state: DeliveryState.leased, inSeconds: 60 })
  const unsure = await owe({ person: 'alice', state: DeliveryState.unsure })
  const gone = await owe({ person: 'alice', state: DeliveryState.delivered })
  const result = await owedMail.cancelOwed(stage.db, by('alice', [leased, unsure, gone]))
  expect(result).toEqual({ cancelled: [], needConfirmation: [], underWay: [leased.copyId, unsure.copyId] })
  expect(await stateOf(leased.deliveryId)).toMatchObject({ state: DeliveryState.leased })
})

test('the brake: mass deletion stays owed until confirmed; a few at a time count together', async () => {
  const mails = []
  for (let i = 0; i < 60; i++) mails.push(await owe({ person: 'alice' }))
  const all = await owedMail.cancelOwed(stage.db, by('alice', mails))
  expect(all.cancelled).toEqual([])
  expect(all.needConfirmation).toHaveLength(60)
  expect((await owedMail.cancelOwed(stage.db, by('alice', mails.slice(0, 15)))).cancelled).toHaveLength(15)
  expect((await owedMail.cancelOwed(stage.db, by('alice', mails.slice(15, 20)))).cancelled).toHaveLength(5)
  expect((await owedMail.cancelOwed(stage.db, by('alice', mails.slice(20, 21)))).needConfirmation).toHaveLength(1)
  // Taking some back makes room again.
  expect((await owedMail.restoreOwed(stage.db, by('alice', mails.slice(0, 5)))).restored).toHaveLength(5)
  expect((await owedMail.cancelOwed(stage.db, by('alice', mails.slice(20, 21)))).cancelled).toHaveLength(1)
  const confirmed = await owedMail.cancelOwed(stage.db, { ...by('alice', mails), confirmed: true })
  expect(confirmed.cancelled).toHaveLength(60 - 16)
  expect(await owedMail.cancelOwed(stage.db, { ...by('alice', mails), confirmed: true })).toMatchObject({
    cancelled: [],
  })
})

/** Puts a copy into a folder; a tombstone says that it was there. */
async function place(copyId: Id, folderNo: number, gone = false): Promise<void> {
  await stage.db.query(
    `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size, tombstone)
     SELECT c.organisation_id, person_id, $2, (SELECT count(*) + 1 FROM placement), copy_id, message_id, thread_id, 1, 1, 10, CASE WHEN $3 THEN now() END
     FROM copy c WHERE copy_id = $1`,
    [copyId, folderNo, gone],
  )
}
const alice = () => ({ organisationId: stage.org.organisationId, personId: person('alice') })
const confirm = (seen: number) => confirmDeletions({ db: stage.db, clock: systemClock }, { ...alice(), seen })

test('deleted here and still owed is what lies in Trash or nowhere any more, and only the own', async () => {
  const { inbox, trash } = StandardFolder
  const kept = await owe({ person: 'alice' })
  await place(kept.copyId, inbox)
  const trashed = await owe({ person: 'alice' })
  await place(trashed.copyId, inbox, true)
  await place(trashed.copyId, trash)
  const destroyed = await owe({ person: 'alice', state: DeliveryState.deferred, inSeconds: 60 })
  await place(destroyed.copyId, inbox, true)
  const back = await owe({ person: 'alice' })
  await place(back.copyId, trash, true)
  await place(back.copyId, inbox)
  await owe({ person: 'alice' }) // never had a place: no emergency mailbox
  const underWay = await owe({ person: 'alice', state: DeliveryState.leased, inSeconds: 60 })
  await place(underWay.copyId, trash)
  const theirs = await owe({ person: 'bob' })
  await place(theirs.copyId, trash)
  expect(await readDeletions(stage.db, alice())).toMatchObject({ waiting: 2 })
  await expect(confirm(1)).rejects.toMatchObject({ code: 'conflict' })
  expect(await confirm(2)).toEqual({ cancelled: 2, waiting: 0 })
  for (const one of [trashed, destroyed])
    expect(await stateOf(one.deliveryId)).toEqual({ state: DeliveryState.cancelled, reason: 'deleted-by-person' })
  for (const one of [kept, back, theirs])
    expect(await stateOf(one.deliveryId)).toMatchObject({ state: DeliveryState.ready })
  expect(await readDeletions(stage.db, alice())).toEqual({ waiting: 0, oldestAt: null, newestAt: null })
  expect(await stage.db.query('SELECT action, detail FROM audit')).toEqual([
    { action: 'deletions-confirmed', detail: { cancelled: 2 } },
  ])
})

test('confirming a mass deletion passes the brake; taking one back while it is confirmed keeps it owed', async () => {
  const mails: { deliveryId: Id; copyId: Id }[] = []
  for (let i = 0; i < 30; i++) mails.push(await owe({ person: 'alice' }))
  for (const { copyId } of mails) await place(copyId, StandardFolder.trash)
  expect((await owedMail.cancelOwed(stage.db, by('alice', mails))).needConfirmation).toHaveLength(30)
  expect(await readDeletions(stage.db, alice())).toMatchObject({ waiting: 30 })
  // A move out of Trash that holds its locks first: what is confirmed waits for it, and then leaves that one alone.
  const { confirming } = await stage.db.transaction(async (sql) => {
    await sql.query('UPDATE placement SET folder_no = 1 WHERE copy_id = $1', [mails[0]!.copyId])
    await owedMail.restoreOwed(sql, by('alice', mails.slice(0, 1)))
    const confirming = confirm(30)
    await new Promise((resolve) => setTimeout(resolve, 200))
    return { confirming }
  })
  expect(await confirming).toEqual({ cancelled: 29, waiting: 0 })
  expect(await stateOf(mails[0]!.deliveryId)).toMatchObject({ state: DeliveryState.ready })
})

test('sent mail with an SMTP-only way home stays here, with the reason; with another way it is owed and can be cancelled', async () => {
  const item = async () => ({
    organisationId: stage.org.organisationId,
    owedId: newId(Date.now()),
    routeId: stage.org.routeId,
    personId: person('alice'),
    copyId: (await owe({ person: 'alice' })).copyId,
  })
  const [first, second] = [await item(), await item()]
  await addSentOwed(stage.db, [first])
  await addSentOwed(stage.db, [first])
  await stage.db.query('UPDATE route SET way_back = 2 WHERE route_id = $1', [stage.org.routeId])
  await addSentOwed(stage.db, [second])
  const rows = await stage.db.query('SELECT state, reason FROM owed_item ORDER BY owed_id')
  expect(rows).toEqual([
    { state: OwedState.staysHere, reason: 'no-way-home-smtp' },
    { state: OwedState.owed, reason: 'accepted' },
  ])
  expect(await countSentOwed(stage.db, stage.org.organisationId, person('alice'))).toBe(2)
  await owedMail.cancelOwed(stage.db, by('alice', [second]))
  expect(await countSentOwed(stage.db, stage.org.organisationId, person('alice'))).toBe(1)
  await owedMail.restoreOwed(stage.db, by('alice', [second]))
  expect(await countSentOwed(stage.db, stage.org.organisationId, person('alice'))).toBe(2)
})

test('deleted, taken back and deleted again is one deleted message; an outage without owed mail is not listed', async () => {
  const eventId = newId(Date.now())
  const of = { organisationId: stage.org.organisationId, routeId: stage.org.routeId, returnEventId: eventId }
  await openReturnEvent(stage.db, of)
  await stage.db.query('UPDATE route_mode SET return_event_id = $2 WHERE route_id = $1', [stage.org.routeId, eventId])
  const listed = async () =>
    (await returnEvents(stage.db, stage.org.organisationId, { before: null, limit: 10 })).map(
      (event) => event.returnEventId,
    )
  expect(await listed()).toEqual([])
  for (let i = 0; i < 3; i++) await owe({ person: 'bob' })
  const { copyId } = await owe({ person: 'alice' })
  expect(await listed()).toEqual([eventId])
  const owed = createOwedMail({ clock: systemClock })
  const mine = { ...of, personId: person('alice'), copyIds: [copyId], actor: 'person:alice' }
  await stage.db.transaction((sql) => owed.cancelOwed(sql, mine))
  await stage.db.transaction((sql) => owed.restoreOwed(sql, mine))
  expect(await returnNumbers(stage.db, of)).toMatchObject({ total: 4, pending: 4, cancelled: 0 })
  await stage.db.transaction((sql) => owed.cancelOwed(sql, mine))
  expect(await run(pretend(() => 'good', eventId))).toEqual({ kind: 'drained' })
  expect(await closeReturnEvent(stage.db, of)).toEqual({
    total: 4,
    home: 3,
    pending: 0,
    unsure: 0,
    refused: 0,
    cancelled: 1,
  })
  expect(await listed()).toEqual([eventId])
  await stage.db.query('UPDATE route_mode SET return_event_id = NULL WHERE route_id = $1', [stage.org.routeId])
})
