/** A private address from giving to removing: verified by a code, never one of the organisation's own, never shown, told of. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { privateMail } from '../../../testkit/private-mail.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { newId } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { removePeople } from '../../store/model-removals.ts'
import { refreshPeople } from '../directory/index.ts'
import { nextPeople, type WalkingOutage } from '../../store/notices.ts'
import { insertSignInLink, linkPerson, useSignInLink } from '../../store/sign-in-links.ts'
import { phonePlace, privatePlace } from '../directory/index.ts'
import { createPrivateContacts, type PrivateContacts } from './private-contact.ts'

const keys = keysFrom(Buffer.alloc(32, 7))
let fresh: FreshDatabase
let org: MadeOrganisation
let contacts: PrivateContacts
let seen = ''
/** What the gateway was handed; `fails`: it takes nothing. */
let texts: { to: string; text: string }[] = []
let fails = false
const sms = {
  send: (to: string, text: string) =>
    fails ? Promise.reject(new Error('the SMS gateway answered 500')) : Promise.resolve(void texts.push({ to, text })),
}
const key = (name = 'Alice') => ({ organisationId: org.organisationId, personId: org.people[name]!.personId })

beforeAll(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  const { db } = fresh
  org = await makeOrganisation(db, {
    people: ['Alice', 'Bob', 'Carol'],
    domain: 'corp.test',
    route: { hosts: [{ host: 'x' }] },
  })
  await makeOrganisation(db, { people: ['Dora'], domain: 'other.test' })
  contacts = createPrivateContacts({ ...(await privateMail(db)), sms })
})
beforeEach(async () => {
  texts = []
  fails = false
  await fresh.db.query('DELETE FROM private_contact')
  await fresh.db.query('DELETE FROM one_time_link')
  await fresh.db.query('UPDATE organisation SET outbound_route_id = $2 WHERE organisation_id = $1', [
    org.organisationId,
    org.routeId,
  ])
  await mails()
})
afterAll(async () => {
  await expectSound(fresh.db, diskBlobStore('/nonexistent'))
  await fresh.drop()
})

/** What was sent since it was asked last. */
async function mails(): Promise<{ to: string; subject: string; code: string }[]> {
  const rows = await fresh.db.query<{ id: string; to: string; subject: string; bytes: Buffer }>(
    `SELECT m.message_id AS id, d.recipient AS to, m.subject, b.bytes FROM message m
     JOIN delivery d USING (organisation_id, message_id) JOIN body b ON b.body_id = m.message_id
     WHERE m.direction = 5 AND m.message_id::text > $1 ORDER BY m.message_id`,
    [seen],
  )
  seen = rows.at(-1)?.id ?? seen
  return rows.map(({ to, subject, bytes }) => ({
    to,
    subject,
    code: /^ {2}(\d{6})\s*$/m.exec(bytes.toString())?.[1] ?? '',
  }))
}
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )
async function give(address: string, name = 'Alice'): Promise<string> {
  await contacts.begin(key(name), 'address', address)
  const [mail] = await mails()
  expect(mail!.to).toBe(address)
  return mail!.code
}
const wrong = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

test('it waits until the code comes back, then links go there; what is shown and kept gives it away to nobody', async () => {
  const code = await give('Jo.Private@home.example')
  expect(await contacts.standing(key())).toMatchObject({
    address: { given: null, waiting: 'J…@h….example', verifiedAt: null },
  })
  expect(await linkPerson(fresh.db, key().personId)).toBeNull()
  expect(await outcome(contacts.confirm(key(), 'address', wrong(code), 'person:x'))).toBe('code-wrong')
  expect(await outcome(contacts.confirm(key('Bob'), 'address', code, 'person:x'))).toBe('code-wrong')
  await contacts.confirm(key(), 'address', `${code.slice(0, 3)} ${code.slice(3)}`, 'person:x')
  expect(await contacts.standing(key())).toMatchObject({
    address: {
      ...{ given: 'J…@h….example', waiting: null, waitingUntil: null },
      verifiedAt: expect.any(Date) as Date,
    },
    phone: { given: null },
    mayPhone: true,
  })
  const person = await linkPerson(fresh.db, key().personId)
  expect(keys.open(privatePlace(key().personId), person!.privateSealed!).toString()).toBe('Jo.Private@home.example')
  for (const table of ['private_contact', 'audit'])
    for (const { text } of await fresh.db.query<{ text: string }>(`SELECT x::text AS text FROM ${table} x`)) {
      expect(text.toLowerCase()).not.toContain('jo.private')
      expect(text).not.toContain(Buffer.from('Jo.Private').toString('hex'))
    }
  const [act] = await fresh.db.query('SELECT action, actor, detail FROM audit ORDER BY seq DESC LIMIT 1')
  expect(act).toEqual({ action: 'private-address-verified', actor: 'person:x', detail: {} })
})

test('a code is good once, for the first of two at the same moment, five tries long and a quarter of an hour', async () => {
  const first = await give('one@home.example')
  const both = await Promise.all([1, 2].map(() => outcome(contacts.confirm(key(), 'address', first, 'person:x'))))
  expect(both.sort()).toEqual(['code-wrong', 'good'])
  const second = await give('two@home.example')
  expect(await outcome(contacts.confirm(key(), 'address', first, 'person:x'))).toBe('code-wrong')
  for (let n = 0; n < 4; n++)
    expect(await outcome(contacts.confirm(key(), 'address', wrong(second), 'person:x'))).toBe('code-wrong')
  expect(await outcome(contacts.confirm(key(), 'address', second, 'person:x'))).toBe('code-wrong')
  const third = await give('three@home.example')
  await fresh.db.query(`UPDATE private_contact SET code_expires_at = now() - interval '1 s'`)
  expect(await contacts.standing(key())).toMatchObject({
    address: { given: 'o…@h….example', waiting: null, waitingUntil: null },
  })
  expect(await outcome(contacts.confirm(key(), 'address', third, 'person:x'))).toBe('code-wrong')
})

test('three codes an hour, whatever is removed between them', async () => {
  for (const n of [1, 2, 3]) await give(`n${n}@home.example`)
  await contacts.remove(key(), 'address', 'person:x')
  expect(await outcome(contacts.begin(key(), 'address', 'n4@home.example'))).toBe('too-many-codes')
  expect(await mails()).toEqual([])
  await fresh.db.query(`UPDATE private_contact SET hour_began_at = now() - interval '61 minutes'`)
  await give('n5@home.example')
})

test("the organisation's own domains and what is below them are refused, and what is no address", async () => {
  for (const inside of ['me@corp.test', 'ME@CORP.TEST', 'me@mail.corp.test', ' me@corp.test '])
    expect(await outcome(contacts.begin(key(), 'address', inside))).toBe('private-address-inside')
  for (const none of ['', 'x', '@', 'a@', 'a b@home.example', 'a@home.example\r\nBcc: b@c.example', '\0@home.example'])
    expect(await outcome(contacts.begin(key(), 'address', none))).toBe('bad-request')
  expect(await fresh.db.query('SELECT FROM private_contact')).toEqual([])
  await give('me@notcorp.test')
  await give('me@other.test')
})

test('where nothing can be sent it is said, and nothing is verified', async () => {
  await fresh.db.query('UPDATE organisation SET outbound_route_id = NULL')
  expect(await outcome(contacts.begin(key(), 'address', 'me@home.example'))).toBe('private-address-unreachable')
  expect(await contacts.standing(key())).toMatchObject({ address: { given: null } })
})

test('another one, and its removal, are told to the former address, and links sent there are over', async () => {
  await contacts.confirm(key(), 'address', await give('old@home.example'), 'person:x')
  const tokenHash = Buffer.alloc(32, 1)
  await insertSignInLink(fresh.db, { ...key(), tokenHash, seconds: 600, most: 3 })
  await contacts.confirm(key(), 'address', await give('new@home.example'), 'person:x')
  expect(await mails()).toMatchObject([
    { to: 'old@home.example', code: '', subject: expect.stringContaining('another') as string },
  ])
  expect(await useSignInLink(fresh.db, tokenHash)).toBeNull()
  await contacts.remove(key(), 'address', 'person:helpdesk')
  expect(await mails()).toMatchObject([
    { to: 'new@home.example', subject: expect.stringContaining('removed') as string },
  ])
  expect(await contacts.standing(key())).toMatchObject({ address: { given: null, verifiedAt: null } })
  expect(await outcome(contacts.remove(key(), 'address', 'person:x'))).toBe('not-found')
  const [act] = await fresh.db.query('SELECT action, actor FROM audit ORDER BY seq DESC LIMIT 1')
  expect(act).toEqual({ action: 'private-address-removed', actor: 'person:helpdesk' })
})

test('what an admin declared is for notices alone, and the verified one goes before it', async () => {
  const { personId } = key()
  await fresh.db.query(`UPDATE person SET private_sealed = $2, scope_emergency = true WHERE person_id = $1`, [
    personId,
    keys.seal(privatePlace(personId), Buffer.from('declared@home.example')),
  ])
  expect(await contacts.standing(key())).toMatchObject({ address: { given: null }, declared: 'd…@h….example' })
  expect(await linkPerson(fresh.db, personId)).toBeNull()
  const told = async () =>
    (
      await nextPeople(
        fresh.db,
        {
          organisationId: org.organisationId,
          routeId: org.routeId,
          outageId: newId(0),
          after: null,
        } as unknown as WalkingOutage,
        10,
      )
    ).map((one) => keys.open(privatePlace(one.personId), one.privateSealed).toString())
  expect(await told()).toEqual(['declared@home.example'])
  const code = await give('own@home.example')
  expect(await told()).toEqual(['declared@home.example'])
  await contacts.confirm(key(), 'address', code, 'person:x')
  expect(await told()).toEqual(['own@home.example'])
})

test('who is removed has none any more', async () => {
  await contacts.confirm(key('Carol'), 'address', await give('carol@home.example', 'Carol'), 'person:x')
  await removePeople(fresh.db, org.organisationId, [{ id: key('Carol').personId, keep: true }])
  await refreshPeople(fresh.db, org.organisationId, [key('Carol').personId])
  expect(await fresh.db.query('SELECT FROM private_contact')).toEqual([])
})

test('a verified address hears of another way to sign in and of its end, once each; where there is none nothing is sent', async () => {
  const code = await give('jo@home.example')
  await contacts.tell(key(), 'factorMade')
  expect(await mails()).toEqual([])
  await contacts.confirm(key(), 'address', code, 'person:x')
  await contacts.tell(key(), 'factorMade')
  await contacts.tell(key(), 'factorEnded')
  await contacts.tell(key('Bob'), 'factorMade')
  expect((await mails()).map(({ to, subject }) => [to, subject.replace(/^.*: /, '')])).toEqual([
    ['jo@home.example', 'a way to sign in was added'],
    ['jo@home.example', 'a way to sign in was removed'],
  ])
})

describe('a telephone', () => {
  const codeIn = (text: string): string => /(\d{6}) is your code/.exec(text)![1]!
  async function giveNumber(number: string): Promise<string> {
    await contacts.begin(key(), 'phone', number)
    return codeIn(texts.at(-1)!.text)
  }

  test('is verified by a code in a text message, beside the address and apart from it; kept and shown so that nobody learns it', async () => {
    await fresh.db.query('UPDATE person SET private_sealed = NULL')
    const ofAddress = await give('me@home.example')
    const code = await giveNumber('0041 79 123 45 67')
    expect(texts).toEqual([
      { to: '+41791234567', text: expect.stringContaining('The people of corp.test: ') as string },
    ])
    expect(texts[0]!.text).not.toContain('Alice')
    expect((await contacts.standing(key())).phone).toMatchObject({ given: null, waiting: '+4…67' })
    if (code !== ofAddress)
      expect(await outcome(contacts.confirm(key(), 'address', code, 'person:x'))).toBe('code-wrong')
    await contacts.confirm(key(), 'phone', code, 'person:x')
    expect((await contacts.standing(key())).phone).toMatchObject({ given: '+4…67', waiting: null })
    expect((await contacts.standing(key())).address).toMatchObject({ given: null, waiting: 'm…@h….example' })
    const person = await linkPerson(fresh.db, key().personId)
    expect(person!.privateSealed).toBeNull()
    expect(keys.open(phonePlace(key().personId), person!.phoneSealed!).toString()).toBe('+41791234567')
    for (const table of ['private_contact', 'audit'])
      for (const { text } of await fresh.db.query<{ text: string }>(`SELECT x::text AS text FROM ${table} x`)) {
        expect(text).not.toContain('791234567')
        expect(text).not.toContain(Buffer.from('791234567').toString('hex'))
      }
    // No notice of an outage goes to a telephone, and none to an address that is not verified.
    const outage = {
      ...key(),
      outageId: newId(Date.now()),
      routeId: org.routeId,
      after: null,
    } as unknown as WalkingOutage
    expect((await nextPeople(fresh.db, outage, 9)).map(({ personId }) => personId)).not.toContain(key().personId)
    const [act] = await fresh.db.query('SELECT action, detail FROM audit ORDER BY seq DESC LIMIT 1')
    expect(act).toEqual({ action: 'private-address-verified', detail: { kind: 'phone' } })
  })

  test('another one and its removal are told to the former one', async () => {
    await contacts.confirm(key(), 'phone', await giveNumber('+41791234567'), 'person:x')
    await contacts.confirm(key(), 'phone', await giveNumber('+41791234568'), 'person:x')
    expect(texts.at(-1)).toMatchObject({
      to: '+41791234567',
      text: expect.stringContaining('another telephone') as string,
    })
    await contacts.remove(key(), 'phone', 'person:x')
    expect(texts.at(-1)).toMatchObject({
      to: '+41791234568',
      text: expect.stringContaining('no longer used') as string,
    })
    expect(await outcome(contacts.remove(key(), 'phone', 'person:x'))).toBe('not-found')
    expect(await linkPerson(fresh.db, key().personId)).toBeNull()
  })

  test('what is no number, a gateway that fails, none at all, and a fourth code within the hour', async () => {
    for (const bad of ['079 123 45 67', 'me@home.example', '+41 79 CALL ME', '1'.repeat(500)])
      expect([bad, await outcome(contacts.begin(key(), 'phone', bad))]).toEqual([bad, 'bad-request'])
    fails = true
    expect(await outcome(contacts.begin(key(), 'phone', '+41791234567'))).toBe('phone-unreachable')
    fails = false
    const without = createPrivateContacts({ ...(await privateMail(fresh.db)), sms: null })
    expect(await outcome(without.begin(key(), 'phone', '+41791234567'))).toBe('phone-unreachable')
    expect((await without.standing(key())).mayPhone).toBe(false)
    const limited = (prefixes: string[], perHour: number) =>
      privateMail(fresh.db).then((mail) => createPrivateContacts({ ...mail, sms, smsLimits: { prefixes, perHour } }))
    expect(await outcome((await limited(['+49', '+43'], 9)).begin(key(), 'phone', '+41791234567'))).toBe(
      'phone-unreachable',
    )
    await giveNumber('+41791234567')
    expect(await outcome((await limited([], 2)).begin(key('Bob'), 'phone', '+41791234568'))).toBe('too-many-codes')
    await giveNumber('+41791234567')
    expect(await outcome(contacts.begin(key(), 'phone', '+41791234567'))).toBe('too-many-codes')
    expect(texts).toHaveLength(2)
  })
})
