/** Promise 4 when the scope is widened in the middle of an outage: what waits is in the new mailbox at once, and goes home. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makePerson } from '../../../testkit/factories.ts'
import { oneServer, type OneServer } from '../../../testkit/one-server.ts'
import { CopySource, FolderRole } from '../../platform/codes.ts'
import { idTime, type Id } from '../../platform/ids.ts'
import { bumpDirectory } from '../directory/index.ts'
import { placeWaiting } from './index.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

const widen = (personIds: Id[]) =>
  one.db.transaction(async (sql) => {
    await sql.query('UPDATE person SET scope_emergency = true WHERE person_id = ANY ($1::uuid[])', [personIds])
    await bumpDirectory(sql)
    return placeWaiting(sql, one.org.organisationId)
  })

test('a copy without a place gets one, who had no copy gets one; once, in order, counted, and everything goes home', async () => {
  const carol = await makePerson(one.db, one.org, 'carol')
  const dave = await makePerson(one.db, one.org, 'dave')
  // carol has the rolling copy only, dave has neither.
  await one.db.query(
    'UPDATE person SET scope_emergency = false, scope_copy = (person_id = $1) WHERE person_id = ANY ($2)',
    [carol.personId, [carol.personId, dave.personId]],
  )
  await one.primary.setFault('rcpt-4xx')
  const nonces = ['wait1', 'wait2', 'wait3']
  for (const nonce of nonces)
    expect((await one.send(nonce, [carol.address, dave.address, 'alice@corp.test'])).ok).toBe(true)
  const places = () =>
    one.db.query<{ name: string; subject: string; uid: number }>(
      `SELECT p.name, m.subject, l.uid FROM placement l JOIN person p USING (organisation_id, person_id)
       JOIN message m USING (organisation_id, message_id) WHERE p.name IN ('Carol', 'Dave') ORDER BY p.name, l.uid`,
    )
  expect(await places()).toEqual([])

  await one.db.query("UPDATE message SET received_at = received_at - interval '1 hour'")
  expect(await widen([carol.personId, dave.personId])).toBe(6)
  expect(await placeWaiting(one.db, one.org.organisationId)).toBe(0)
  expect(await places()).toEqual(
    ['Carol', 'Dave'].flatMap((name) => nonces.map((nonce, i) => ({ name, subject: `Mail ${nonce}`, uid: i + 1 }))),
  )
  expect(
    await one.db.query(
      'SELECT person_id AS id, total, unseen FROM folder WHERE role = $1 AND person_id = ANY ($2) ORDER BY person_id',
      [FolderRole.inbox, [carol.personId, dave.personId]],
    ),
  ).toEqual([carol, dave].map(({ personId }) => ({ id: personId, total: 3, unseen: 3 })))
  // Their time is the message's, and they end when nothing is owed.
  const copies = await one.db.query<{ id: Id; policy: string; source: number; receivedAt: Date }>(
    `SELECT copy_id AS id, policy, source, received_at AS "receivedAt" FROM copy JOIN message USING (organisation_id, message_id)
     WHERE person_id = $1`,
    [dave.personId],
  )
  expect(copies).toHaveLength(3)
  for (const { id, receivedAt, ...rest } of copies) {
    expect(rest).toEqual({ policy: 'owed', source: CopySource.received })
    expect(idTime(id)).toBe(receivedAt.getTime())
  }

  await one.primary.setFault(null)
  await one.until('home', async () => (await one.count('delivery WHERE state = 10')) === 9, 40_000)
}, 60_000)
