/** Through the MX listener from the organisation's own systems: to the world, home, into Sent, and what is refused. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeOrganisation, makePerson } from '../../testkit/factories.ts'
import { oneServer, routeTo, type OneServer } from '../../testkit/one-server.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { newId, type Id } from '../platform/ids.ts'
import { claimSentMark, dropSentMark, sweepSentMarks } from '../store/sent-marks.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

const [alice, bob, world] = ['alice@corp.test', 'bob@corp.test', 'x@world.test']
const here = { networks: ['127.0.0.1', '::1'] }
const cloud = (value: string) => ({ ...here, tenantHeader: { name: 'X-Tenant-Id', value } })

async function list(sources: object[], organisationId = one.org.organisationId): Promise<void> {
  await one.db.query('UPDATE organisation SET outbound_sources = $2 WHERE organisation_id = $1', [
    organisationId,
    JSON.stringify(sources),
  ])
  await bumpDirectory(one.db)
  await one.server.core.sources.refresh()
}
const written = (n: number) =>
  one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === n)
const outside = (nonce: string) => one.sink.store.waitFor((mail) => mail.nonce === nonce, 10_000)

interface Place {
  name: string
  folder: string
  source: number
  flags: number
}
const places = () =>
  one.db.query<Place>(
    `SELECT p.name, f.name AS folder, c.source, l.flags FROM placement l
     JOIN person p USING (organisation_id, person_id) JOIN folder f USING (organisation_id, person_id, folder_no)
     JOIN copy c USING (organisation_id, copy_id) ORDER BY p.name, f.name`,
  )

test('who is not listed may not send to the world', async () => {
  const refused = await one.send('no', [world], { from: alice })
  expect(refused.recipients[0]!.reply).toMatchObject({ code: 550, text: expect.stringMatching(/^5\.7\.1 /) as string })
  await list([{ networks: ['192.0.2.1'] }])
  expect((await one.send('no', [world], { from: alice })).recipients[0]!.reply.code).toBe(550)
  expect(await one.count('message')).toBe(0)
})

test('what a person sends by the primary goes out, to colleagues, and into their Sent, read', async () => {
  await list([here])
  expect((await one.send('sent-out', [world, bob], { from: alice })).ok).toBe(true)
  expect((await outside('sent-out')).recipients).toEqual([world])
  await one.primary.store.waitFor((mail) => mail.recipients.includes(bob), 10_000)
  await written(2)
  expect(await places()).toEqual([
    { name: 'Alice', folder: 'Sent', source: 2, flags: 1 },
    { name: 'Bob', folder: 'Inbox', source: 1, flags: 0 },
  ])
  expect(await one.count('message WHERE direction = 2')).toBe(1)
  // The primary has it: nothing of it is owed.
  expect(await one.count('owed_item')).toBe(0)
})

test('a message in several parts, also at the same time, is one in Sent', async () => {
  await list([here])
  const to = ['x@one.test', 'x@two.test', 'x@three.test', bob]
  const sent = await Promise.all(to.map((address) => one.send('parts', [address], { from: alice })))
  expect(sent.every(({ ok }) => ok)).toBe(true)
  expect((await one.send('parts', ['x@four.test'], { from: alice })).ok).toBe(true)
  await written(5)
  expect((await places()).filter(({ folder }) => folder === 'Sent')).toHaveLength(1)
  // The same Message-ID from somebody else is another's mail.
  expect((await one.send('parts', ['x@one.test'], { from: bob })).ok).toBe(true)
  await written(6)
  expect((await places()).filter(({ folder }) => folder === 'Sent').map(({ name }) => name)).toEqual(['Alice', 'Bob'])
})

test('what it forwards and its notices go out too, and are in nobody’s Sent', async () => {
  await list([here])
  expect((await one.send('forward', [world], { from: 'friend@outside.test' })).ok).toBe(true)
  expect((await one.send('notice', [world], { from: '' })).ok).toBe(true)
  expect((await outside('forward')).envelopeFrom).toBe('friend@outside.test')
  expect((await outside('notice')).envelopeFrom).toBe('')
  await written(2)
  expect(await places()).toEqual([])
})

test('a listed system that writes to our people only is mail like any', async () => {
  await list([here])
  expect((await one.send('in', [bob])).ok).toBe(true)
  await one.primary.store.waitFor((mail) => mail.recipients.includes(bob), 10_000)
  await written(1)
  expect(await one.count('message WHERE direction = 1')).toBe(1)
  expect((await one.send('who', ['nobody@corp.test'], { from: alice })).recipients[0]!.reply.code).toBe(550)
})

test('a provider’s address counts with the tenant’s header alone', async () => {
  const other = await makeOrganisation(one.db, {
    domain: 'other.test',
    people: ['zoe'],
    route: routeTo(one.primary.port),
    outbound: routeTo(one.sink.port),
  })
  await list([cloud('tenant-of-corp')])
  await list([cloud('tenant-of-other')], other.organisationId)
  const mail = (nonce: string, tenant?: string) =>
    (tenant === undefined ? '' : `X-Tenant-Id: ${tenant}\r\n`) + one.mail(nonce)
  const send = (nonce: string, from: string, to: string[], tenant?: string) =>
    one.send(nonce, to, { from }, mail(nonce, tenant))

  for (const tenant of [undefined, 'tenant-of-other', 'tenant-of-nobody'])
    expect((await send('spoof', alice, [world], tenant)).final).toMatchObject({ code: 550 })
  expect((await send('spoof', 'stranger@outside.test', [world], 'tenant-of-corp')).recipients[0]!.reply.code).toBe(550)
  expect((await send('spoof', '', [world])).final).toMatchObject({ code: 550 })
  expect(await one.count('message')).toBe(0)

  expect((await send('mine', alice, [world], 'tenant-of-corp')).ok).toBe(true)
  expect((await send('notice', '', [world], 'tenant-of-other')).ok).toBe(true)
  await outside('mine')
  await outside('notice')
  await written(2)
  const [notice] = await one.db.query<{ id: Id }>(
    `SELECT organisation_id AS id FROM message WHERE envelope_from = '' AND direction = 2`,
  )
  expect(notice!.id).toBe(other.organisationId)
  expect(await places()).toEqual([{ name: 'Alice', folder: 'Sent', source: 2, flags: 1 }])

  // A stranger at the same provider, under our name, to us: comes in, and is in nobody's Sent.
  expect((await send('claims', alice, [bob], 'tenant-of-nobody')).ok).toBe(true)
  await written(3)
  expect((await places()).map(({ name, folder }) => `${name} ${folder}`)).toEqual(['Alice Sent', 'Bob Inbox'])
})

test('two organisations behind one system: a notice without a sender goes out in the name of whose From it has', async () => {
  const other = await makeOrganisation(one.db, {
    domain: 'other.test',
    people: ['zoe'],
    route: routeTo(one.primary.port),
    outbound: routeTo(one.sink.port),
  })
  await list([here])
  await list([here], other.organisationId)
  const notice = (nonce: string, from: string) =>
    `From: ${from}\r\nSubject: out of office\r\nX-Nonce: ${nonce}\r\n\r\nback\r\n`
  const send = (nonce: string, from: string) => one.send(nonce, [world], { from: '' }, notice(nonce, from))
  for (const from of ['x@outside.test', 'Alice <alice@corp.test>, zoe@other.test', 'alice@notcorp.test'])
    expect((await send('whose', from)).final).toMatchObject({ code: 550 })
  expect(await one.count('message')).toBe(0)
  expect((await send('away', 'Zoe <zoe@other.test>')).ok).toBe(true)
  expect((await send('bounce', 'MAILER-DAEMON@mail.corp.test')).ok).toBe(true)
  await written(2)
  const of = await one.db.query<{ id: Id }>(
    'SELECT organisation_id AS id FROM message WHERE direction = 2 ORDER BY message_id',
  )
  expect(of.map(({ id }) => id)).toEqual([other.organisationId, one.org.organisationId])
})

test('to another organisation here: by the way out like anybody, with its copy in Sent, under the same hold, and no loop', async () => {
  const other = await makeOrganisation(one.db, {
    domain: 'other.test',
    people: ['zoe'],
    route: routeTo(one.primary.port),
  })
  await list([here])
  const zoe = 'zoe@other.test'
  expect((await one.send('cross', [zoe], { from: alice })).ok).toBe(true)
  const out = await outside('cross')
  expect(out.recipients).toEqual([zoe])
  expect((await places()).map(({ name, folder }) => `${name} ${folder}`)).toEqual(['Alice Sent'])
  // The world brings it to us again.
  await list([])
  expect((await one.send('cross', [zoe], { from: alice }, out.bytes)).ok).toBe(true)
  await written(2)
  expect((await places()).map(({ name, folder }) => `${name} ${folder}`)).toEqual(['Alice Sent', 'Zoe Inbox'])
  expect(await one.count('parking')).toBe(0)

  await list([here])
  await one.server.core.continuity.pins.pinTarget({
    organisationId: one.org.organisationId,
    target: 'person',
    targetId: one.org.people.alice!.personId,
    pin: 'hold',
    reason: 'stolen',
    actor: 'operator:boss',
  })
  expect((await one.send('held', [zoe], { from: alice })).ok).toBe(true)
  expect(await one.count(`parking WHERE reason = 'pinned-hold'`)).toBe(1)
  // In another's name nobody sends.
  const refused = await one.send('spoof', [world], { from: zoe })
  expect(refused.recipients[0]!.reply.code).toBe(550)
  expect(other.organisationId).not.toBe(one.org.organisationId)
})

test('a primary that sends back what it got from us: parked at once, not counted up to 25, not returned', async () => {
  await list([here])
  expect((await one.send('pong', [bob])).ok).toBe(true)
  const got = await one.primary.store.waitFor((mail) => mail.nonce === 'pong', 10_000)
  await written(1)
  expect((await one.send('pong', [bob], {}, got.bytes)).ok).toBe(true)
  expect(await one.count(`parking WHERE reason = 'loop'`)).toBe(1)
  expect(one.primary.store.of(bob)).toHaveLength(1)
})

test('a hold over the author keeps what goes out until an admin lets it go', async () => {
  await list([here])
  await one.server.core.continuity.pins.pinTarget({
    organisationId: one.org.organisationId,
    target: 'person',
    targetId: one.org.people.alice!.personId,
    pin: 'hold',
    reason: 'stolen',
    actor: 'operator:boss',
  })
  expect((await one.send('held', [world, bob], { from: alice })).ok).toBe(true)
  expect(await one.count(`parking WHERE reason = 'pinned-hold'`)).toBe(2)
  expect((await places()).map(({ name, folder }) => `${name} ${folder}`)).toEqual(['Alice Sent'])
  expect([one.sink.store.all(), one.primary.store.all()]).toEqual([[], []])
})

test('a hold over the primary keeps all it hands over, also what is nobody’s: notices, forwards, its scanners', async () => {
  await list([here])
  const { organisationId, routeId } = one.org
  await one.server.core.continuity.pins.pinRoute({
    organisationId,
    routeId,
    pin: 'hold',
    reason: 'broken into',
    actor: 'operator:boss',
  })
  for (const from of ['', 'friend@outside.test', 'scanner@corp.test', alice])
    expect((await one.send('held', [world], { from })).ok).toBe(true)
  expect(await one.count(`parking WHERE reason = 'pinned-hold'`)).toBe(4)
  expect(one.sink.store.all()).toEqual([])
})

test('without a way out the sender hears what to do, and nothing is taken', async () => {
  await list([here])
  await one.db.query('UPDATE organisation SET outbound_route_id = NULL')
  await list([here])
  const { reply } = (await one.send('stuck', [world], { from: alice })).recipients[0]!
  expect(reply.code).toBeGreaterThanOrEqual(400)
  expect(reply.text).toContain('outboundRoute')
})

test('the mark of a copy: one makes it; one that was never stored is taken over', async () => {
  const { organisationId } = one.org
  const { personId } = await makePerson(one.db, one.org, 'carol')
  const mark = (): Parameters<typeof claimSentMark>[1] => ({
    organisationId,
    personId,
    mark: Buffer.alloc(32, 1),
    messageId: newId(Date.now()),
  })
  const first = mark()
  expect(await claimSentMark(one.db, first)).toBe(true)
  expect(await claimSentMark(one.db, mark())).toBe(false)
  const age = (interval: string) => one.db.query(`UPDATE sent_mark SET marked_at = now() - interval '${interval}'`)
  await age('6 seconds')
  const second = mark()
  expect(await claimSentMark(one.db, second)).toBe(true)
  await dropSentMark(one.db, first)
  expect(await claimSentMark(one.db, mark())).toBe(false)
  await dropSentMark(one.db, second)
  expect(await claimSentMark(one.db, mark())).toBe(true)
  expect(await sweepSentMarks(one.db, 10)).toBe(0)
  await age('8 days')
  expect(await sweepSentMarks(one.db, 10)).toBe(1)
})
