/** Who has which ways back in, and the campaign: who is asked, how often, once each time, and never in an outage. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { privateMail } from '../../../testkit/private-mail.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { listPeople } from '../../store/overview.ts'
import { peopleWithoutWay } from '../../store/ways-back.ts'
import {
  beginCampaign,
  campaignStanding,
  createAsking,
  isAskedForContact,
  stopCampaign,
  waysBackCounts,
} from './index.ts'
import { askText } from './words.ts'

const url = 'https://mail.corp.test'
let fresh: FreshDatabase
let org: MadeOrganisation
let mail: Awaited<ReturnType<typeof privateMail>>
let seen = ''
const idOf = (name: string): string => org.people[name]!.personId

beforeAll(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  org = await makeOrganisation(fresh.db, {
    people: ['Alice', 'Bob', 'Carol', 'Dave'],
    domain: 'corp.test',
    route: { hosts: [{ host: 'x' }] },
  })
  const other = await makeOrganisation(fresh.db, { people: ['Zoe'], domain: 'other.test' })
  expect(other.organisationId).not.toBe(org.organisationId)
  mail = await privateMail(fresh.db)
})
beforeEach(async () => {
  for (const table of ['contact_campaign', 'contact_ask', 'private_contact', 'emergency_code', 'credential'])
    await fresh.db.query(`DELETE FROM ${table}`)
  await fresh.db.query('UPDATE organisation SET outbound_route_id = $2, sign_in = $3 WHERE organisation_id = $1', [
    ...[org.organisationId, org.routeId, '{}'],
  ])
  await fresh.db.query('UPDATE person SET disabled_at = NULL, scope_emergency = NULL, kind = 1')
  await fresh.db.query('UPDATE route_mode SET mode = 1')
  await sent()
})
afterAll(async () => {
  await expectSound(fresh.db, diskBlobStore('/nonexistent'))
  await fresh.drop()
})

async function sent(): Promise<{ to: string; text: string }[]> {
  const rows = await fresh.db.query<{ id: string; to: string; bytes: Buffer }>(
    `SELECT m.message_id AS id, d.recipient AS to, b.bytes FROM message m JOIN delivery d USING (organisation_id, message_id)
     JOIN body b ON b.body_id = m.message_id ORDER BY d.recipient`,
  )
  const before = new Set(seen.split(' '))
  seen = rows.map(({ id }) => id).join(' ')
  return rows
    .filter(({ id }) => !before.has(id))
    .map(({ to, bytes }) => ({ to: to.toLowerCase(), text: bytes.toString().replaceAll('=\r\n', '') }))
}
const give = (name: string) =>
  fresh.db.query(
    `INSERT INTO private_contact (organisation_id, person_id, sealed, verified_at) VALUES ($1, $2, '\\x01', now())`,
    [org.organisationId, idOf(name)],
  )
const password = (name: string, kind = 1, age = '0 days') =>
  fresh.db.query(
    `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier, proved_at)
     VALUES ($1, $2, $3, $4::smallint, 'none', CASE WHEN $4::smallint = 2 THEN now() - $5::interval END)`,
    [newId(Date.now()), org.organisationId, idOf(name), kind, age],
  )
const code = (name: string, isUsed = false) =>
  fresh.db.query(
    `INSERT INTO emergency_code (organisation_id, person_id, code_hash, used_at) VALUES ($1, $2, '\\x01', CASE WHEN $3 THEN now() END)`,
    [org.organisationId, idOf(name), isUsed],
  )
const asking = () => createAsking({ ...mail, publicUrl: url })
const begin = (wish: { everyDays?: number; times?: number } = {}, publicUrl = url) =>
  beginCampaign(
    { db: fresh.db, clock: systemClock, publicUrl },
    { organisationId: org.organisationId, everyDays: 7, times: 3, ...wish, actor: 'cli:test' },
  )
const later = (days: number) =>
  fresh.db.query(`UPDATE contact_ask SET asked_at = asked_at - make_interval(days => $1)`, [days])
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )
const named = async (ways: 'none' | 'password') =>
  (await listPeople(fresh.db, org.organisationId, { limit: 50, ways })).map(({ name }) => name).sort()

test('a password, the remembered one of the directory, an unused code and a confirmed address are ways in; what is old or used is none', async () => {
  await fresh.db.query('UPDATE organisation SET sign_in = $1', [JSON.stringify({ ldap: { cacheDays: 30 } })])
  await password('Alice')
  await password('Bob', 2, '29 days')
  await password('Carol', 2, '31 days')
  await code('Carol', true)
  expect(await waysBackCounts(fresh.db, org.organisationId)).toEqual({
    ...{ people: 4, none: 2, password: 2, withCodes: 0, withContact: 0 },
  })
  expect([await named('none'), await named('password')]).toEqual([
    ['Carol', 'Dave'],
    ['Alice', 'Bob'],
  ])
  expect(await peopleWithoutWay(fresh.db, org.organisationId)).toEqual(['Carol@corp.test', 'Dave@corp.test'])
  await fresh.db.query(`DELETE FROM emergency_code`)
  await code('Carol')
  await give('Alice')
  expect(await waysBackCounts(fresh.db, org.organisationId)).toEqual({
    ...{ people: 4, none: 1, password: 1, withCodes: 1, withContact: 1 },
  })
  await fresh.db.query(
    `INSERT INTO passkey (passkey_id, organisation_id, subject_id, rp_id, credential, public_key, counter, transports, name, is_backed_up)
     VALUES (gen_random_uuid(), $1, $2, 'corp.test', '\\x02', '\\x03', 0, '{}', 'Phone', false)`,
    [org.organisationId, idOf('Dave')],
  )
  expect([await named('none'), await named('password')]).toEqual([[], ['Bob']])
  await fresh.db.query('DELETE FROM passkey')
  // Given and not confirmed, disabled, without an emergency mailbox, nobody's mailbox: none of these is a way, or needs one.
  await fresh.db.query('UPDATE private_contact SET sealed = NULL, verified_at = NULL')
  expect(await named('password')).toEqual(['Alice', 'Bob'])
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [idOf('Alice')])
  await fresh.db.query('UPDATE person SET scope_emergency = false WHERE person_id = $1', [idOf('Bob')])
  await fresh.db.query('UPDATE person SET kind = 2, disabled_at = now() WHERE person_id = $1', [idOf('Dave')])
  expect([await named('none'), await named('password')]).toEqual([[], []])
})

test('everybody without an address is asked in their language, again after the days, no more often than said, until it is confirmed', async () => {
  await fresh.db.query(`UPDATE person SET locale = 'de' WHERE person_id = $1`, [idOf('Bob')])
  await give('Alice')
  await begin()
  expect(await asking().run()).toBe(3)
  const mails = await sent()
  expect(mails.map(({ to }) => to)).toEqual(['bob@corp.test', 'carol@corp.test', 'dave@corp.test'])
  expect(mails[0]!.text).toContain('private Adresse')
  expect(mails[1]!.text).toContain('sign in as Carol@corp.test')
  expect(mails[1]!.text).toContain(url)
  expect(await asking().run()).toBe(0)
  expect(await campaignStanding(fresh.db, org.organisationId)).toMatchObject({
    ...{ asked: 3, exhausted: 0, unreachable: 0, left: 0, everyDays: 7, times: 3, stoppedAt: null },
  })
  expect(await isAskedForContact(fresh.db, org.organisationId, idOf('Bob'))).toBe(true)
  await give('Bob')
  expect(await isAskedForContact(fresh.db, org.organisationId, idOf('Bob'))).toBe(false)
  await later(6)
  expect(await asking().run()).toBe(0)
  for (const [n, last] of [
    [2, false],
    [3, true],
  ] as const) {
    await later(7)
    expect([n, await asking().run()]).toEqual([n, 2])
    const again = await sent()
    expect(again.map(({ to }) => to)).toEqual(['carol@corp.test', 'dave@corp.test'])
    expect(again.every(({ text }) => text.includes('This is the last reminder') === last)).toBe(true)
  }
  await later(70)
  expect(await asking().run()).toBe(0)
  expect(await campaignStanding(fresh.db, org.organisationId)).toMatchObject({ asked: 2, exhausted: 2, left: 0 })
})

test('who comes later is asked too; in an outage nobody is; after the end nobody is, and a new campaign begins anew', async () => {
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id <> $1', [idOf('Alice')])
  await begin()
  await fresh.db.query('UPDATE route_mode SET mode = 2')
  expect(await asking().run()).toBe(0)
  await fresh.db.query('UPDATE route_mode SET mode = 1')
  expect(await asking().run()).toBe(1)
  await fresh.db.query('UPDATE person SET disabled_at = NULL WHERE person_id = $1', [idOf('Bob')])
  expect(await campaignStanding(fresh.db, org.organisationId)).toMatchObject({ asked: 1, left: 1 })
  expect(await asking().run()).toBe(1)
  expect((await sent()).map(({ to }) => to)).toEqual(['alice@corp.test', 'bob@corp.test'])
  await stopCampaign(fresh.db, { organisationId: org.organisationId, actor: 'cli:test' })
  // Begun again at once it asks nobody sooner than it would have.
  await begin()
  expect(await asking().run()).toBe(0)
  await stopCampaign(fresh.db, { organisationId: org.organisationId, actor: 'cli:test' })
  await later(30)
  expect(await asking().run()).toBe(0)
  expect(await isAskedForContact(fresh.db, org.organisationId, idOf('Bob'))).toBe(false)
  await begin({ times: 1 })
  expect(await asking().run()).toBe(2)
  const acts = await fresh.db.query<{ action: string }>('SELECT action FROM audit ORDER BY seq DESC LIMIT 3')
  expect(acts.map(({ action }) => action)).toEqual([
    'contact-campaign-begun',
    'contact-campaign-ended',
    'contact-campaign-begun',
  ])
})

test('two processes ask once; a crash between mail and note makes the same mail, which is there once', async () => {
  await begin()
  const both = await Promise.all([asking().run(), asking().run()])
  expect(both.reduce((a, b) => a + b)).toBe(4)
  expect(await sent()).toHaveLength(4)
  await fresh.db.query(`UPDATE contact_ask SET why = 'unsure'`)
  expect(await asking().run()).toBe(4)
  expect(await sent()).toEqual([])
  expect(await campaignStanding(fresh.db, org.organisationId)).toMatchObject({ asked: 4, exhausted: 0, left: 0 })
  // A claim that a killed process left runs out; until then nobody else asks.
  await later(8)
  await fresh.db.query(`UPDATE contact_campaign SET walker_until = now() + interval '1 minute'`)
  expect(await asking().run()).toBe(0)
  await fresh.db.query(`UPDATE contact_campaign SET walker_until = now() - interval '1 s'`)
  expect(await asking().run()).toBe(4)
})

test('our own trouble with one stands in nobody’s way, and is tried again', async () => {
  await begin()
  let fails = true
  const accept = {
    accept: (incoming: Parameters<typeof mail.accept.accept>[0]) =>
      fails && incoming.deliveries[0]!.recipient === 'Alice@corp.test'
        ? Promise.reject(new Error('no room'))
        : mail.accept.accept(incoming),
  }
  const one = createAsking({ ...mail, accept, publicUrl: url })
  expect(await one.run()).toBe(3)
  expect((await sent()).map(({ to }) => to)).not.toContain('alice@corp.test')
  fails = false
  expect(await one.run()).toBe(1)
  expect((await sent()).map(({ to }) => to)).toEqual(['alice@corp.test'])
})

test('what cannot work is said when it is begun, and nothing is begun', async () => {
  expect(await outcome(begin({ everyDays: 1 }))).toBe('bad-request')
  expect(await outcome(begin({ times: 0 }))).toBe('bad-request')
  expect(await outcome(begin({}, ''))).toBe('no-public-url')
  await fresh.db.query('UPDATE organisation SET outbound_route_id = NULL')
  expect(await outcome(begin())).toBe('no-way-out')
  expect(await campaignStanding(fresh.db, org.organisationId)).toBeNull()
  expect(await outcome(stopCampaign(fresh.db, { organisationId: org.organisationId, actor: 'x' }))).toBe('conflict')
  await fresh.db.query('UPDATE organisation SET outbound_route_id = $2 WHERE organisation_id = $1', [
    ...[org.organisationId, org.routeId],
  ])
  await begin()
  expect(await outcome(begin())).toBe('conflict')
})

test('the menu is called in the mail as it is called on the page', () => {
  const facts = { person: 'P', organisation: 'O', address: 'p@o.test', url, contact: null, everyDays: 7, left: 2 }
  for (const locale of ['en', 'fr', 'de'] as const) {
    const path = new URL(`../../../../web/src/lib/locales/${locale}.json`, import.meta.url)
    const { privateContact } = JSON.parse(readFileSync(path, 'utf8')) as { privateContact: { menu: string } }
    expect(askText(locale, facts).lines.join('\n')).toContain(privateContact.menu)
  }
  expect(askText('xx', facts).locale).toBe('en')
})
