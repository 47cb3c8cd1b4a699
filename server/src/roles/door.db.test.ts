/** Through the door with real SQL: routes and scopes of groups, two organisations in one transaction, DSN parameters. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeOrganisation, makePerson } from '../../testkit/factories.ts'
import { oneServer, routeTo, type OneServer } from '../../testkit/one-server.ts'
import { startStandIn, type StandIn } from '../../testkit/stand-in/stand-in.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { RouteKind } from '../platform/codes.ts'
import { newId, type Id } from '../platform/ids.ts'
import { createHeaderScanner } from '../protocols/smtp/header-scanner.ts'

let one: OneServer
let second: StandIn
beforeEach(async () => {
  one = await oneServer()
  second = await startStandIn()
})
afterEach(async () => {
  await one.close()
  await second.close()
})

/** A further organisation whose primary is the second stand-in; whoever applies a file tells the running server so. */
async function another(wish: Parameters<typeof makeOrganisation>[1]) {
  const org = await makeOrganisation(one.db, { ...wish, route: routeTo(second.port) })
  await bumpDirectory(one.db)
  return org
}

interface Group {
  routeId?: Id
  emergency?: boolean
  copy?: boolean
}

/** Somebody in a group of their own, who says nothing of route and scopes. */
async function member(name: string, group: Group): Promise<{ personId: Id; address: string }> {
  const { organisationId } = one.org
  const groupId = newId(Date.now())
  await one.db.query(
    `INSERT INTO person_group (organisation_id, group_id, name, route_id, scope_emergency, scope_copy) VALUES ($1, $2, $3, $4, $5, $6)`,
    [organisationId, groupId, `group of ${name}`, group.routeId ?? null, group.emergency ?? null, group.copy ?? null],
  )
  const person = await makePerson(one.db, one.org, name)
  await one.db.query('UPDATE person SET group_id = $2 WHERE person_id = $1', [person.personId, groupId])
  return person
}
const kept = async (personId: Id) =>
  (
    await one.db.query<{ placed: boolean; places: number }>(
      `SELECT placed, (SELECT count(*)::int FROM placement p WHERE p.copy_id = c.copy_id) AS places FROM copy c WHERE person_id = $1`,
      [personId],
    )
  ).map(({ placed, places }) => [placed, places])

test('a person without a route of their own goes by the route of their group, with one, by their own', async () => {
  const routeId = newId(Date.now())
  await one.db.query(
    `INSERT INTO route (organisation_id, route_id, name, kind, settings) VALUES ($1, $2, 'moved', $3, $4)`,
    [one.org.organisationId, routeId, RouteKind.primary, JSON.stringify(routeTo(second.port))],
  )
  await bumpDirectory(one.db)
  const carol = await member('carol', { routeId })
  const dave = await member('dave', { routeId })
  await one.db.query('UPDATE person SET route_id = $2 WHERE person_id = $1', [dave.personId, one.org.routeId])
  expect((await one.send('hybrid', [carol.address, dave.address, 'alice@corp.test'])).ok).toBe(true)
  await second.store.waitFor((mail) => mail.nonce === 'hybrid', 10_000)
  await one.primary.store.waitFor((mail) => mail.nonce === 'hybrid', 10_000)
  expect(second.store.all().flatMap((mail) => mail.recipients)).toEqual([carol.address])
  expect(one.primary.store.all().flatMap((mail) => mail.recipients)).toEqual([dave.address, 'alice@corp.test'])
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 3)
  expect(await one.count('delivery WHERE route_id = $1 AND person_id = $2', [routeId, carol.personId])).toBe(1)
})

test("a group's scopes narrow and widen the organisation's, a person's those of the group", async () => {
  const carol = await member('carol', { emergency: false })
  const dave = await member('dave', { emergency: false, copy: false })
  const erin = await member('erin', { emergency: false })
  await one.db.query('UPDATE person SET scope_emergency = true WHERE person_id = $1', [erin.personId])
  const frank = await member('frank', { emergency: true })
  const to = [carol, dave, erin, frank].map((person) => person.address)
  expect((await one.send('narrow', to)).ok).toBe(true)
  expect(await Promise.all([carol, dave, erin, frank].map(({ personId }) => kept(personId)))).toEqual([
    [[false, 0]],
    [],
    [[true, 1]],
    [[true, 1]],
  ])
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 4)

  const narrow = await another({ domain: 'narrow.test', isProtected: false })
  const groupId = newId(Date.now())
  await one.db.query(
    `INSERT INTO person_group (organisation_id, group_id, name, scope_emergency) VALUES ($1, $2, 'board', true)`,
    [narrow.organisationId, groupId],
  )
  const [inside, outside] = [await makePerson(one.db, narrow, 'inside'), await makePerson(one.db, narrow, 'outside')]
  await one.db.query('UPDATE person SET group_id = $2 WHERE person_id = $1', [inside.personId, groupId])
  expect((await one.send('wide', [inside.address, outside.address])).ok).toBe(true)
  expect([await kept(inside.personId), await kept(outside.personId)]).toEqual([[[true, 1]], [[false, 0]]])
  await second.store.waitFor((mail) => mail.nonce === 'wide', 10_000)
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 6)
})

interface Stored {
  id: Id
  organisationId: Id
  prefix: string
  bodies: number
  bytes: string
  recipients: string[]
}

test('one transaction to two organisations is two messages with bytes of their own, neither knows the other', async () => {
  const other = await another({ people: ['zoe'], domain: 'other.test' })
  const sent = await one.send('both', ['alice@corp.test', 'zoe@other.test', 'bob@corp.test'])
  expect(sent.ok).toBe(true)
  await second.store.waitFor((mail) => mail.nonce === 'both', 10_000)
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 3)
  const stored = await one.db.query<Stored>(
    `SELECT m.message_id AS id, m.organisation_id AS "organisationId", convert_from(m.prefix, 'UTF8') AS prefix,
       (SELECT count(*)::int FROM body b WHERE b.body_id = m.message_id AND b.organisation_id = m.organisation_id) AS bodies,
       (SELECT convert_from(bytes, 'UTF8') FROM body b WHERE b.body_id = m.message_id) AS bytes,
       (SELECT array_agg(recipient ORDER BY recipient) FROM delivery d WHERE d.message_id = m.message_id AND d.organisation_id = m.organisation_id) AS recipients
     FROM message m`,
  )
  expect(stored).toHaveLength(2)
  expect(await one.count('body')).toBe(2)
  const ours = stored.find((row) => row.organisationId === one.org.organisationId)!
  const theirs = stored.find((row) => row.organisationId === other.organisationId)!
  expect([ours.recipients, theirs.recipients]).toEqual([['alice@corp.test', 'bob@corp.test'], ['zoe@other.test']])
  for (const row of [ours, theirs]) expect(row).toMatchObject({ bodies: 1, bytes: one.mail('both') })
  expect(sent.final!.text).toContain(ours.id)
  expect(sent.final!.text).toContain(theirs.id)

  // The trace headers name, and mark, only the organisation's own recipients.
  expect(ours.prefix).not.toMatch(/zoe|other\.test/)
  expect(theirs.prefix).toContain('zoe@other.test')
  expect(theirs.prefix).not.toMatch(/alice|bob|corp\.test/)
  const marked = ({ prefix, organisationId }: Stored): string[] => {
    const scanner = createHeaderScanner(100_000)
    scanner.write(Buffer.from(`${prefix}\r\n`))
    const { traces } = scanner.finish()
    expect(traces.length).toBeGreaterThan(0)
    return ['alice@corp.test', 'bob@corp.test', 'zoe@other.test'].filter((to) =>
      one.server.core.ownId.seen(organisationId, traces, to),
    )
  }
  expect([marked(ours), marked(theirs)]).toEqual([['alice@corp.test', 'bob@corp.test'], ['zoe@other.test']])
  expect(one.primary.store.all().flatMap((mail) => mail.recipients)).toEqual(['alice@corp.test', 'bob@corp.test'])
  expect(second.store.all().flatMap((mail) => mail.recipients)).toEqual(['zoe@other.test'])
})

test('DSN parameters are kept from the sender to the next hop (RFC 3461 section 5.2)', async () => {
  const envelope = {
    mailParameters: 'RET=HDRS ENVID=QQ+2B314159',
    rcptParameters: 'NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;list+2Balice@lists.test',
  }
  expect((await one.send('dsn', ['alice@corp.test'], envelope)).ok).toBe(true)
  expect((await one.send('never', ['bob@corp.test'], { rcptParameters: 'NOTIFY=NEVER' })).ok).toBe(true)
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 2)
  expect(
    await one.db.query(
      `SELECT recipient, notify, orcpt, facts FROM delivery JOIN message USING (organisation_id, message_id) ORDER BY recipient`,
    ),
  ).toEqual([
    {
      recipient: 'alice@corp.test',
      notify: 2 | 4,
      orcpt: 'rfc822;list+alice@lists.test',
      facts: { ret: 'HDRS', envid: 'QQ+314159' },
    },
    { recipient: 'bob@corp.test', notify: 1, orcpt: null, facts: {} },
  ])
  const said = (what: RegExp) => one.primary.commands.filter((line) => what.test(line))
  const [mail] = said(/^MAIL FROM:<sender@outside\.test>.* ENVID=/)
  expect(mail).toMatch(/ RET=HDRS\b/)
  expect(mail).toMatch(/ ENVID=QQ\+2B314159\b/)
  expect(said(/^RCPT TO:<alice@corp\.test>/)).toEqual([
    'RCPT TO:<alice@corp.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;list+2Balice@lists.test',
  ])
  expect(said(/^RCPT TO:<bob@corp\.test>/)).toEqual(['RCPT TO:<bob@corp.test> NOTIFY=NEVER'])
  expect(said(/^MAIL FROM:<sender@outside\.test>/)).toHaveLength(2)
})
