/**
 * Quiet Time through the doors: what is held is in the mailbox and not at the primary, what is exempt goes, windows that are
 * changed count at once, a process that is started in the middle knows, and at the end all of it goes out, once, in order.
 */
import { afterEach, expect, test } from 'vitest'
import { makeList, makeRedirect } from '../../testkit/factories.ts'
import { oneServer, type OneServer, type OneServerWish } from '../../testkit/one-server.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import {
  dropWindow,
  extendWindow,
  heldPage,
  listWindows,
  planSchema,
  releaseDelivery,
  releaseWindow,
  setWindow,
  type WindowWish,
} from '../core/quiet/index.ts'
import { systemClock } from '../platform/clock.ts'
import { DeliveryState } from '../platform/codes.ts'
import { NIL_ID, type Id } from '../platform/ids.ts'

const ALICE = 'alice@corp.test'
const BOB = 'bob@corp.test'
const HOUR = 3_600_000
let one: OneServer
afterEach(() => one.close())

const start = async (wish: OneServerWish = {}): Promise<void> => {
  one = await oneServer({ route: { sensitivity: 'patient', probe: { enabled: false } }, ...wish })
}
const minute = (at: number): string => new Date(at).toISOString().slice(0, 16)
/** Open since an hour ago, for another one. */
const nowOpen = { zone: 'UTC', once: { from: minute(Date.now() - HOUR), to: minute(Date.now() + HOUR) } }
const nowClosed = { zone: 'UTC', once: { from: minute(Date.now() + HOUR), to: minute(Date.now() + 2 * HOUR) } }
const whose = (organisationId = one.org.organisationId) => ({ organisationId, actor: 'cli:test' })
const acts = () => ({ db: one.db, clock: systemClock })

async function set(
  plan: object = nowOpen,
  wish: Partial<WindowWish> & { windowId?: Id; organisationId?: Id } = {},
): Promise<Id> {
  const { organisationId, ...more } = wish
  const windowId = await setWindow(acts(), {
    ...whose(organisationId),
    windowId: null,
    name: 'Night',
    target: 'all',
    targetId: null,
    plan: planSchema.parse(plan),
    ...more,
  })
  await one.server.core.quiet.refresh()
  return windowId
}
const held = async () =>
  (await heldPage(one.db, one.org.organisationId, { after: null, limit: 100 })).map((row) => row.subject)
const isHeld = (n: number) => one.until(`${n} held`, async () => (await held()).length === n)
const arrived = (address: string): string[] =>
  one.primary.store.of(address).map(({ bytes }) => /^X-Nonce: (\S+)/m.exec(String(bytes))![1]!)
const has = (address: string, ...nonces: string[]) =>
  one.until(`${address} has ${nonces.join()}`, () => arrived(address).join() === nonces.join())
const rest = (ms: number) => systemClock.sleep(ms)

test('held: accepted, in the mailbox, not at the primary, and not looked at again until the end', async () => {
  await start()
  const windowId = await set()
  expect((await one.send('m1', [ALICE])).ok).toBe(true)
  await isHeld(1)
  expect(await one.count('placement')).toBe(1)
  const [row] = await one.db.query<Record<string, unknown>>(
    'SELECT state, reason, attempts, lease, held, next_attempt AS at, xmin::text FROM delivery',
  )
  expect(row).toMatchObject({ state: DeliveryState.ready, reason: 'quiet-time', attempts: 0, lease: null, held: false })
  expect((row!['at'] as Date).toISOString().slice(0, 16)).toBe(nowOpen.once.to)
  await rest(2500)
  expect((await one.db.query<Record<string, unknown>>('SELECT xmin::text FROM delivery'))[0]!['xmin']).toBe(
    row!['xmin'],
  )
  expect(one.primary.connections).toBe(0)
  const [window] = await listWindows(one.db, one.org.organisationId)
  expect(window).toMatchObject({ id: windowId, held: 1, isProviders: false, open: { until: row!['at'] } })
  expect(await heldPage(one.db, one.org.organisationId, { after: null, limit: 5, windowId })).toMatchObject([
    { recipient: ALICE, window: 'Night', until: row!['at'] },
  ])
})

test('never held: bounces, sign-in codes; and what the window says', async () => {
  await start()
  await set({
    ...nowOpen,
    exempt: {
      senders: ['boss@elsewhere.test', '@*.bank.test'],
      recipients: [BOB],
      subjects: ['ALARM:'],
      priorities: ['high'],
    },
  })
  const mail = (nonce: string, fields: string): string => `${fields}\r\nX-Nonce: ${nonce}\r\n\r\nHello\r\n`
  await one.send('n1', [ALICE], { from: '' })
  await one.send('n2', [ALICE], {}, mail('n2', 'Subject: 492817 is your verification code'))
  await one.send('n3', [ALICE], { from: 'BOSS@elsewhere.test' })
  await one.send('n4', [ALICE], {}, mail('n4', 'From: "The bank" <no-reply@mail.bank.test>\r\nSubject: Notice'))
  await one.send('n5', [ALICE], {}, mail('n5', 'Subject: Re: alarm: pump 4'))
  await one.send('n6', [ALICE], {}, mail('n6', 'Subject: x\r\nX-Priority: 1 (Highest)'))
  await has(ALICE, 'n1', 'n2', 'n3', 'n4', 'n5', 'n6')
  // One message, two recipients: each on their own.
  await one.send('n7', [ALICE, BOB])
  await has(BOB, 'n7')
  await isHeld(1)
  expect(arrived(ALICE)).not.toContain('n7')
})

test('for a person, a domain, a group, a route; by the provider over all; what goes out to the world is not held', async () => {
  await start()
  const { organisationId, domainId, routeId, people } = one.org
  const windowId = await set(nowOpen, { target: 'person', targetId: people['alice']!.personId })
  await one.send('p1', [ALICE, BOB])
  await has(BOB, 'p1')
  await isHeld(1)
  await one.db.query('INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, $1, $2)', [
    organisationId,
    'Night shift',
  ])
  await one.db.query('UPDATE person SET group_id = $1 WHERE person_id = $2', [organisationId, people['bob']!.personId])
  await set(nowOpen, { windowId, target: 'group', targetId: organisationId })
  await has(ALICE, 'p1')
  await one.send('p2', [ALICE, BOB])
  await has(ALICE, 'p1', 'p2')
  await isHeld(1)
  for (const [target, targetId] of [
    ['domain', domainId],
    ['route', routeId],
  ] as const) {
    await set(nowOpen, { windowId, target, targetId })
    await one.send(`p-${target}`, [ALICE])
  }
  await isHeld(3)
  await dropWindow(acts(), { ...whose(), windowId })
  await has(ALICE, 'p1', 'p2', 'p-domain', 'p-route')
  await set(nowOpen, { organisationId: NIL_ID })
  await one.send('p3', [ALICE])
  await isHeld(1)
  expect((await listWindows(one.db, organisationId))[0]).toMatchObject({ isProviders: true, held: 1 })
})

test('released early it goes at once, in order; what comes after it goes as well; every act has its row', async () => {
  await start()
  const windowId = await set()
  for (let i = 0; i < 12; i++) await one.send(`r${i}`, i % 3 === 0 ? [ALICE, BOB] : [ALICE])
  await isHeld(16)
  await releaseWindow(acts(), { ...whose(), windowId })
  await has(ALICE, ...Array.from({ length: 12 }, (_, i) => `r${i}`))
  await has(BOB, 'r0', 'r3', 'r6', 'r9')
  expect(await held()).toEqual([])
  await one.send('r12', [BOB])
  await has(BOB, 'r0', 'r3', 'r6', 'r9', 'r12')
  await expect(releaseWindow(acts(), { ...whose(), windowId })).rejects.toThrow('not open now')
  expect((await listWindows(one.db, one.org.organisationId))[0]!.releasedUntil).not.toBeNull()
  const rows = await one.db.query<Record<string, unknown>>('SELECT action, detail FROM audit ORDER BY seq')
  expect(rows.map(({ action }) => action)).toEqual(['quiet-set', 'quiet-released'])
  expect(rows[1]!['detail']).toMatchObject({ name: 'Night', held: 16 })
  // Each once.
  await one.until('17 outcomes', async () => (await one.count('attempt')) === 17)
})

test('its end comes by itself, also for a process that was started in the middle', async () => {
  await start()
  const windowId = await set(nowClosed)
  await one.send('e0', [ALICE])
  await has(ALICE, 'e0')
  const until = new Date(Date.now() + 15_000)
  await extendWindow(acts(), { ...whose(), windowId, until })
  await one.server.core.quiet.refresh()
  for (const nonce of ['e1', 'e2', 'e3']) await one.send(nonce, [ALICE])
  await isHeld(3)
  await one.restart()
  await one.send('e4', [ALICE])
  await isHeld(4)
  expect(arrived(ALICE)).toEqual(['e0'])
  expect(Date.now()).toBeLessThan(until.getTime())
  await one.until('all of it', () => arrived(ALICE).join() === 'e0,e1,e2,e3,e4', 60_000)
  expect(Date.now()).toBeGreaterThanOrEqual(until.getTime())
  await one.until('5 outcomes', async () => (await one.count('attempt')) === 5)
}, 90_000)

test('extended, it holds on; edited while it is open it counts at once', async () => {
  await start()
  const windowId = await set(nowClosed)
  await extendWindow(acts(), { ...whose(), windowId, until: new Date(Date.now() + 3_000) })
  await one.server.core.quiet.refresh()
  await one.send('x1', [ALICE])
  await isHeld(1)
  await extendWindow(acts(), { ...whose(), windowId, until: new Date(Date.now() + HOUR) })
  await rest(4_000)
  expect(await held()).toEqual(['Mail x1'])
  await one.until(
    'put back until the new end',
    async () => (await one.count(`delivery WHERE next_attempt > now() + interval '50 minutes'`)) === 1,
  )
  await set({ ...nowOpen, exempt: { subjects: ['mail x1'] } }, { windowId })
  await has(ALICE, 'x1')
})

test('one message is let go by hand, the others stay', async () => {
  await start()
  await set()
  await one.send('h1', [ALICE])
  await one.send('h2', [ALICE])
  await isHeld(2)
  const [first] = await heldPage(one.db, one.org.organisationId, { after: null, limit: 1 })
  await releaseDelivery(acts(), { ...whose(), deliveryId: first!.deliveryId })
  await has(ALICE, 'h1')
  await rest(1_500)
  expect(await held()).toEqual(['Mail h2'])
  await expect(releaseDelivery(acts(), { ...whose(), deliveryId: first!.deliveryId })).rejects.toThrow('not held')
})

test('a sender who waits for the primary (pass-through) is not kept waiting for the morning', async () => {
  await start({ route: { probe: { enabled: false }, passThrough: { enabled: true, wait: 30 } } })
  await set()
  const begun = Date.now()
  expect((await one.send('w1', [ALICE])).final!.code).toBe(250)
  expect(Date.now() - begun).toBeLessThan(5_000)
  await isHeld(1)
})

const standing = async () =>
  (await one.server.core.continuity.overview(one.org.organisationId)).find(({ id }) => id === one.org.routeId)!

test('maintenance: the mode stays although the primary is gone, or the route is in emergency until the end', async () => {
  // Probed, and quick: without the window it would be an emergency within seconds.
  one = await oneServer()
  const windowId = await set({ ...nowOpen, modes: 'stay' })
  await one.primary.setFault('off')
  await one.until('it is said why the mode stays', async () => (await standing()).blind !== null)
  expect((await standing()).blind!.why).toMatch(/^planned maintenance until .*: Night$/)
  await rest(8_000)
  expect((await standing()).mode).toBe('normal')
  await set({ ...nowOpen, modes: 'emergency' }, { windowId })
  await one.until('emergency', async () => (await standing()).mode === 'emergency')
  expect((await standing()).pin).toMatchObject({ kind: 'emergency', author: `quiet:${windowId}` })
  expect((await standing()).pin!.until).toMatch(new RegExp(`^${nowOpen.once.to}`))
  await one.primary.setFault(null)
  await one.send('k1', [ALICE])
  await rest(3_000)
  expect((await standing()).mode).toBe('emergency')
  await releaseWindow(acts(), { ...whose(), windowId })
  await one.until('the pin is gone', async () => (await standing()).pin === null)
  await one.until('home', () => arrived(ALICE).join() === 'k1', 40_000)
  await one.until('normal again', async () => (await standing()).mode === 'normal', 40_000)
}, 120_000)

test('who is exempt by the sender of the envelope is so at a list and behind a redirect as well', async () => {
  await start()
  await makeList(one.db, one.org, 'crew', { members: [ALICE] })
  await makeRedirect(one.db, one.org, 'info', [BOB])
  await bumpDirectory(one.db)
  await one.server.core.directory.refresh()
  await set({ ...nowOpen, exempt: { senders: ['urgent@outside.test'] } })
  for (const from of ['urgent@outside.test', 'other@outside.test'])
    expect((await one.send(from.slice(0, 5), ['crew@corp.test', 'info@corp.test'], { from })).ok).toBe(true)
  await isHeld(2)
  await has(ALICE, 'urgen')
  await has(BOB, 'urgen')
}, 60_000)

test('what was let go by hand stays so when the primary puts it off', async () => {
  await start()
  await set()
  await one.send('first', [ALICE])
  await isHeld(1)
  one.primary.answer(ALICE, { rcpt: '450 4.2.1 try again' })
  const [row] = await one.db.query<{ id: Id }>('SELECT delivery_id AS id FROM delivery')
  await releaseDelivery(acts(), { ...whose(), deliveryId: row!.id })
  await one.until('put off', async () => (await one.count('attempt WHERE outcome = 2')) > 0)
  one.primary.answer(ALICE, null)
  await has(ALICE, 'first')
  expect(await held()).toEqual([])
}, 60_000)
