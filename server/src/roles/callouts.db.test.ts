/** Promise 7 by asking: where the list is not complete the domain's mail system decides about a stranger, within limits. */
import { afterEach, expect, test } from 'vitest'
import { oneServer, type OneServer, type OneServerWish } from '../../testkit/one-server.ts'
import { forgetKnown, knownAddresses } from '../core/callouts/index.ts'
import { bumpDirectory, createDirectory, RefusedThere } from '../core/directory/index.ts'
import { systemClock } from '../platform/clock.ts'
import { UnknownPolicy } from '../platform/codes.ts'
import { silentLog } from '../platform/log.ts'
import { upsertKnown, writeCallout } from '../store/directory.ts'

let one: OneServer
afterEach(() => one.close())

const begin = async (wish: OneServerWish = {}) => {
  one = await oneServer({
    organisation: { complete: false, callouts: true },
    primary: { mailboxes: ['postmaster@corp.test', 'newcomer@corp.test'] },
    ...wish,
    // Only what is asked about strangers speaks to the primary.
    route: { probe: { enabled: false }, ...wish.route },
  })
}
const rcpt = async (address: string): Promise<string> => {
  const { reply } = (await one.send('rcpt', [address])).recipients[0]!
  return `${reply.code} ${reply.text}`
}
const asked = (local: string): number =>
  one.primary.commands.filter((line) => line === `RCPT TO:<${local}@corp.test>`).length
const rows = () =>
  one.db.query<{ address: string; known: boolean }>('SELECT address, known FROM known_recipient ORDER BY address')
const age = (address: string, by: string): Promise<void> =>
  one.db.transaction(async (sql) => {
    await sql.query(`UPDATE known_recipient SET seen_at = now() - $2::interval WHERE address = $1`, [address, by])
    await bumpDirectory(sql)
  })

test('who is there is taken at once, who is not is refused in our own words; the answer is kept for every process', async () => {
  await begin()
  expect(await rcpt('Newcomer@corp.test')).toMatch(/^250 /)
  await one.primary.store.waitFor((mail) => mail.recipients.includes('Newcomer@corp.test'), 10_000)
  const refused = await rcpt('ghost@corp.test')
  expect(refused).toBe('550 5.1.1 There is nobody with this address here')
  expect(await rcpt('ghost@corp.test')).toBe(refused)
  expect(asked('ghost')).toBe(1)
  expect(await rows()).toEqual([
    { address: 'ghost@corp.test', known: false },
    { address: 'newcomer@corp.test', known: true },
  ])
  const other = createDirectory({ db: one.db, clock: systemClock, log: silentLog })
  expect(await other.resolve('newcomer@corp.test')).toMatchObject({ standing: 'known', personId: null })
  await expect(other.resolve('ghost@corp.test')).rejects.toBeInstanceOf(RefusedThere)
  // nobody else has a say about its subaddress
  expect(await rcpt('ghost+x@corp.test')).toMatch(/^550 /)
  expect(asked('ghost+x')).toBe(1)
}, 60_000)

test('an old refusal and an old yes are asked about again; while nobody answers only the yes counts', async () => {
  await begin()
  await one.db.query(
    `INSERT INTO known_recipient (organisation_id, address, route_id, source, known) SELECT $1, a, $2, 2, a LIKE 'old%'
     FROM unnest(ARRAY['old@corp.test', 'gone@corp.test', 'newcomer@corp.test']) a`,
    [one.org.organisationId, one.org.routeId],
  )
  await age('newcomer@corp.test', '2 hours')
  await age('gone@corp.test', '2 hours')
  await age('old@corp.test', '8 days')
  await one.until('seen', async () => (await rcpt('newcomer@corp.test')).startsWith('250'))
  expect(asked('newcomer')).toBeGreaterThanOrEqual(1)
  await one.primary.setFault('off')
  expect(await rcpt('old@corp.test')).toMatch(/^250 /)
  expect(await rcpt('gone@corp.test')).toMatch(/^450 4\.1\.1/)
  expect(await rcpt('nobody@corp.test')).toMatch(/^450 4\.1\.1/)
  await one.db.transaction(async (sql) => {
    await sql.query('UPDATE domain SET unknown_policy = $1', [UnknownPolicy.park])
    await bumpDirectory(sql)
  })
  await one.until('parked instead', async () => (await rcpt('nobody@corp.test')).startsWith('250'))
}, 60_000)

test('a primary that takes everybody is found out before its first answer counts, and not asked again', async () => {
  await begin({ primary: {} })
  expect(await rcpt('somebody@corp.test')).toMatch(/^450 4\.1\.1/)
  expect(await one.count('route WHERE accepts_all')).toBe(1)
  expect(await rows()).toEqual([])
  await one.until('seen', async () => {
    const before = one.primary.commands.length
    return (await rcpt(`p${before}@corp.test`)).startsWith('450') && one.primary.commands.length === before
  })
}, 60_000)

test('what a policy says is no word about the address; neither is greylisting', async () => {
  await begin()
  one.primary.answer('blocked@corp.test', { rcpt: '550 5.7.1 secret.inside.corp.test does not like you' })
  one.primary.answer('grey@corp.test', { rcpt: '450 4.7.1 Greylisted' })
  expect(await rcpt('blocked@corp.test')).toMatch(/^450 4\.1\.1 We cannot check/)
  expect(await rcpt('grey@corp.test')).toMatch(/^450 4\.1\.1/)
  expect(await rows()).toEqual([])
}, 60_000)

test('who harvests addresses is put off after some questions; of refusals so many are kept, and no known one goes for them', async () => {
  await begin({ config: { smtp: { rates: { exempt: [] } }, callouts: { perNetwork: 5, perDomain: 2 } } })
  expect(await rcpt('newcomer@corp.test')).toMatch(/^250 /)
  const said: string[] = []
  for (let i = 0; i < 6; i++) said.push((await rcpt(`guess${i}@corp.test`)).slice(0, 3))
  expect(said).toEqual(['550', '550', '550', '550', '450', '450'])
  expect(one.primary.commands.filter((line) => line.includes('<guess'))).toHaveLength(4)
  expect(await rows()).toEqual([
    { address: 'guess2@corp.test', known: false },
    { address: 'guess3@corp.test', known: false },
    { address: 'newcomer@corp.test', known: true },
  ])
  // Who is known already is taken from that client as well.
  expect(await rcpt('newcomer@corp.test')).toMatch(/^250 /)
}, 60_000)

test('turned off for the domain nobody is asked, and no refusal counts', async () => {
  await begin({ organisation: { complete: false, callouts: false } })
  const { organisationId, routeId } = one.org
  await writeCallout(one.db, { organisationId, address: 'ghost@corp.test', routeId, known: false }, 10)
  expect(await rcpt('ghost@corp.test')).toMatch(/^450 /)
  expect(one.primary.commands).toEqual([])
}, 60_000)

test('what was learned is listed with source and age, and forgotten by address or domain, noted in the audit', async () => {
  await begin()
  for (const name of ['newcomer', 'ghost', 'wraith']) await rcpt(`${name}@corp.test`)
  const { organisationId } = one.org
  const page = { domain: 'corp.test', after: '', limit: 2 }
  const first = await knownAddresses(one.db, organisationId, page)
  expect(first.map(({ address, known, source, route }) => [address, known, source, route])).toEqual([
    ['ghost@corp.test', false, 2, 'primary'],
    ['newcomer@corp.test', true, 2, 'primary'],
  ])
  expect((await knownAddresses(one.db, organisationId, { ...page, after: first[1]!.address })).length).toBe(1)
  expect(await knownAddresses(one.db, organisationId, { ...page, domain: 'other.test' })).toEqual([])
  const who = { organisationId, actor: 'cli:test' }
  expect(await forgetKnown(one.db, who, { address: 'ghost@corp.test' })).toBe(1)
  expect(await forgetKnown(one.db, who, { address: 'ghost@corp.test' })).toBe(0)
  await one.until('asked anew', async () => {
    await rcpt('ghost@corp.test')
    return asked('ghost') === 2
  })
  expect(await forgetKnown(one.db, who, { domain: 'corp.test' })).toBe(3)
  expect(await rows()).toEqual([])
  expect(
    await one.db.query(`SELECT subject, detail FROM audit WHERE action = 'recipients-forgotten' ORDER BY seq`),
  ).toEqual([
    { subject: 'address:ghost@corp.test', detail: { count: 1 } },
    { subject: 'domain:corp.test', detail: { count: 3 } },
  ])
}, 60_000)

test('two processes at once: one row, and a refusal does not undo that mail was delivered', async () => {
  await begin()
  const { organisationId, routeId } = one.org
  const said = (known: boolean) => ({ organisationId, address: 'both@corp.test', routeId, known })
  await Promise.all([1, 2, 3, 4].map((n) => writeCallout(one.db, said(n % 2 === 0), 10)))
  expect(await rows()).toHaveLength(1)
  await upsertKnown(one.db, 1, [said(true)])
  await one.db.query(`UPDATE known_recipient SET source = 1`)
  await writeCallout(one.db, said(false), 10)
  expect(await one.db.query('SELECT known, source FROM known_recipient')).toEqual([{ known: true, source: 1 }])
}, 60_000)
