/** Who touches somebody's way in alone cannot do it unseen: the owner is told, by whatever way it was touched. */
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { privateMail } from '../../../testkit/private-mail.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { IdentityCheck, Role } from '../../platform/codes.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { cancelDelivery, leaveParking } from '../../store/queue-view.ts'
import { privatePlace } from '../directory/index.ts'
import { issueLetters } from '../letters/index.ts'
import { createAccountTeller } from '../notices/index.ts'
import { createAccess, resetPassword, type Access } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
const id = (name: string): string => org.people[name]!.personId
const deps = () => ({ db: fresh.db, access, clock: systemClock })
const told = () =>
  fresh.db.query<{ kind: string; name: string; by: string }>(
    `SELECT n.kind, p.name, n.facts->>'by' AS by FROM account_notice n JOIN person p USING (organisation_id, person_id) ORDER BY n.made_at, n.kind`,
  )

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['Ann', 'Mia', 'Dan'], domain: 'corp.test' })
  await fresh.db.query('UPDATE person SET role = $2 WHERE person_id = $1', [id('Ann'), Role.admin])
  await fresh.db.query('UPDATE person SET locale = $2, private_sealed = $3 WHERE person_id = $1', [
    ...[id('Mia'), 'fr'],
    keysFrom(Buffer.alloc(32, 7)).seal(privatePlace(id('Mia')), Buffer.from('mia@home.example')),
  ])
  access = createAccess({ db: fresh.db, clock: systemClock, log: silentLog })
})
beforeEach(() => fresh.db.query('DELETE FROM account_notice'))
afterAll(async () => {
  await access.stop()
  await expectSound(fresh.db, diskBlobStore('/nonexistent'))
  await fresh.drop()
})

test('a reset, with the second factor: both are told, with who did it', async () => {
  await fresh.db.query(
    `INSERT INTO second_factor (subject_id, organisation_id, secret_sealed, confirmed_at) VALUES ($1, $2, '\\x00', now())`,
    [id('Mia'), org.organisationId],
  )
  await resetPassword(deps(), {
    ...{ organisationId: org.organisationId, personId: id('Mia'), identity: IdentityCheck.calledBack, note: '' },
    by: { role: 'admin', actor: `person:${id('Ann')}`, subjectId: id('Ann') },
    endsSecondFactor: true,
  })
  expect(await told()).toEqual([
    { kind: 'password-reset', name: 'Mia', by: 'Ann' },
    { kind: 'second-factor-removed', name: 'Mia', by: 'Ann' },
  ])
})

test('letters by name tell each; letters for everybody, and what one does oneself, nobody', async () => {
  const letters = (personIds: string[] | null, actor: string) => {
    const out = new PassThrough()
    out.resume()
    const wish = { organisationId: org.organisationId, personIds, actor, url: 'https://mail.test' }
    return issueLetters({ db: fresh.db, clock: systemClock }, wish, () => out)
  }
  await letters(null, 'cli:root')
  await letters([id('Ann')], `person:${id('Ann')}`)
  expect(await told()).toEqual([])
  await letters([id('Mia'), id('Dan')], `person:${id('Ann')}`)
  expect((await told()).map(({ kind, name }) => [kind, name]).sort()).toEqual([
    ['codes-made', 'Dan'],
    ['codes-made', 'Mia'],
  ])
})

test('the mail: who it was in words, at the private address as well, nothing of the password', async () => {
  const password = 'three grey owls at dawn'
  await access.setPassword(fresh.db, { subjectId: id('Mia'), organisationId: org.organisationId }, password, {
    mustChange: true,
    actor: 'cli:root',
  })
  expect(await createAccountTeller(await privateMail(fresh.db)).run()).toBe(1)
  const mails = await fresh.db.query<{ to: string; subject: string; bytes: Buffer }>(
    'SELECT d.recipient AS to, m.subject, b.bytes FROM message m JOIN delivery d USING (organisation_id, message_id) JOIN body b ON b.body_id = m.message_id ORDER BY d.recipient',
  )
  expect(mails.map(({ to }) => to)).toEqual(['Mia@corp.test', 'mia@home.example'])
  for (const { subject, bytes } of mails) {
    expect(subject).toContain('votre mot de passe a été remplacé')
    expect(bytes.toString()).not.toMatch(/three grey|cli:root/)
  }
  await access.setPassword(fresh.db, { subjectId: id('Mia'), organisationId: org.organisationId }, password, {
    mustChange: false,
    actor: `person:${id('Mia')}`,
  })
  expect(await told()).toHaveLength(1)
})

test('somebody with a private address and a telephone is told once and keeps nobody else from being told; no administrator takes it out of the queue', async () => {
  const keys = keysFrom(Buffer.alloc(32, 7))
  const contact = (kind: number, sealed: Buffer) =>
    fresh.db.query(
      `INSERT INTO private_contact (organisation_id, person_id, kind, sealed, verified_at) VALUES ($1, $2, $3, $4, now())`,
      [org.organisationId, id('Mia'), kind, sealed],
    )
  await contact(1, keys.seal(privatePlace(id('Mia')), Buffer.from('mia.own@home.example')))
  await contact(2, keys.seal('private_contact.phone:x', Buffer.from('+41791234567')))
  const [last] = await fresh.db.query<{ id: string }>('SELECT max(message_id::text) AS id FROM message')
  for (const name of ['Mia', 'Dan'])
    await access.setPassword(fresh.db, { subjectId: id(name), organisationId: org.organisationId }, 'four grey owls', {
      ...{ mustChange: true, actor: 'cli:root' },
    })
  expect(await createAccountTeller(await privateMail(fresh.db)).run()).toBe(2)
  const mails = await fresh.db.query<{ to: string; id: string }>(
    'SELECT recipient AS to, delivery_id AS id FROM delivery WHERE message_id::text > $1 ORDER BY recipient',
    [last!.id],
  )
  expect(mails.map(({ to }) => to)).toEqual(['Dan@corp.test', 'Mia@corp.test', 'mia.own@home.example'])
  for (const mail of mails) {
    expect(await cancelDelivery(fresh.db, org.organisationId, mail.id)).toBe(false)
    await fresh.db.query('UPDATE delivery SET state = 13 WHERE delivery_id = $1', [mail.id])
    expect(await leaveParking(fresh.db, org.organisationId, mail.id, 'drop')).toBe(false)
    expect(await leaveParking(fresh.db, org.organisationId, mail.id, 'release')).toBe(true)
  }
  await fresh.db.query('DELETE FROM private_contact')
})
