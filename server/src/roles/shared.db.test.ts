/** A shared mailbox through an outage: its mail is read while the mail system is down, answered, and what came goes home. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makePerson } from '../../testkit/factories.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { authPlain, openSubmission } from '../../testkit/submission-client.ts'
import { DelegationKind, PersonKind } from '../platform/codes.ts'

const PASSWORD = 'three grey owls at dawn'
let one: OneServer
let office: { personId: string; address: string }
beforeEach(async () => {
  one = await oneServer({ config: { roles: ['mx', 'submission', 'deliver', 'work'] } })
  office = await makePerson(one.db, one.org, 'office')
  await one.db.query('UPDATE person SET kind = $2, disabled_at = now() WHERE person_id = $1', [
    office.personId,
    PersonKind.room,
  ])
  await one.db.query(
    'INSERT INTO shared_member (organisation_id, mailbox_id, member_id, is_group, may_write, send) VALUES ($1, $2, $3, false, true, $4)',
    [one.org.organisationId, office.personId, alice(), DelegationKind.sendAs],
  )
})
afterEach(() => one.close())
const alice = (): string => one.org.people['alice']!.personId
const setPassword = (subjectId: string) =>
  one.server.access.setPassword(one.db, { subjectId, organisationId: one.org.organisationId }, PASSWORD, {
    mustChange: false,
    actor: `person:${subjectId}`,
  })

test('read and answered in the outage; what came goes home, what was sent is its own', async () => {
  const { continuity, mailbox, submission } = one.server.core
  const pin = { organisationId: one.org.organisationId, routeId: one.org.routeId, actor: 'cli:test' }
  await continuity.pins.pinRoute({ ...pin, pin: 'emergency', reason: 'away' })
  await one.send('in-the-outage', [office.address])
  const owner = { organisationId: one.org.organisationId, personId: office.personId, actorId: alice() }
  expect((await mailbox.sharedWith({ ...owner, personId: alice() })).map(({ id }) => id)).toEqual([office.personId])
  const { folders } = await mailbox.folders(owner)
  expect(folders.find(({ folderNo }) => folderNo === 1)!.total).toBe(1)
  const bytes = Buffer.from(`From: ${office.address}\r\nTo: x@outside.test\r\nSubject: Answer\r\n\r\nHello\r\n`)
  const draft = { folderNo: 2, keywords: ['$draft'], bytes: [bytes], receivedAt: Date.now(), source: 'draft' } as const
  const { copyId } = (await mailbox.appendToFolder(owner, draft))!
  await submission.submit({ ...owner, copyId, identityAddress: office.address })
  await mailbox.moveToSent(owner, copyId)
  await one.until('it left', () => one.sink.store.all().length === 1)
  const answer = one.sink.store.all()[0]!
  expect(answer.envelopeFrom).toBe(office.address)
  expect(answer.bytes.toString()).not.toMatch(/alice|^Sender:/im)
  expect(one.primary.store.all()).toHaveLength(0)
  await continuity.pins.pinRoute({ ...pin, pin: null, reason: 'back' })
  await one.until('home', () => one.primary.store.of(office.address).length === 1)
  expect(one.primary.store.of(office.address)[0]!.bytes.toString()).toContain('in-the-outage')
  // As with anybody's: what was sent stays in its Sent here while its way home is SMTP, and is counted as its own.
  expect(await one.count('owed_item WHERE person_id = $1', [office.personId])).toBe(1)
  expect(await one.count('owed_item WHERE person_id = $1', [alice()])).toBe(0)
  expect(
    await one.count('placement WHERE person_id = $1 AND folder_no = 3 AND tombstone IS NULL', [office.personId]),
  ).toBe(1)
})

test('its members write from it with their own mail client; nobody signs in as it', async () => {
  await setPassword(alice())
  const client = await openSubmission(one.server.ports.submission!)
  expect((await client.command(authPlain('alice@corp.test', PASSWORD))).code).toBe(235)
  for (const line of [`MAIL FROM:<${office.address}>`, 'RCPT TO:<x@outside.test>', 'DATA']) {
    const reply = await client.command(line)
    expect(reply.code).toBeLessThan(400)
  }
  expect(
    (await client.command(`From: ${office.address}\r\nTo: x@outside.test\r\nSubject: s\r\n\r\nHi\r\n.`)).code,
  ).toBe(250)
  client.destroy()
  const [audit] = await one.db.query<{ actor: string }>("SELECT actor FROM audit WHERE action = 'sent-for-another'")
  expect(audit!.actor).toBe(`person:${alice()}`)
  // However a password got there.
  await setPassword(office.personId)
  const other = await openSubmission(one.server.ports.submission!)
  expect((await other.command(authPlain(office.address, PASSWORD))).code).toBe(535)
  other.destroy()
  await one.db.query('DELETE FROM credential WHERE subject_id = $1', [office.personId])
})
