/**
 * Pins of organisation, domain, group and person through the doors, while another process has the database too: each holds
 * exactly its people's mail, colleagues' goes both ways, and what waited goes home once, in order, when the pin is gone.
 */
import { afterEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { startServer, type RunningServer } from './server.ts'
import { systemClock } from '../platform/clock.ts'
import { DeliveryState, Mode } from '../platform/codes.ts'
import { newId, type Id } from '../platform/ids.ts'
import { configSchema } from '../platform/config/config.ts'
import { keysFrom } from '../platform/keys.ts'
import { silentLog } from '../platform/log.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ALICE = 'alice@corp.test'
const BOB = 'bob@corp.test'
const GROUP = newId(1)
let one: OneServer
let second: RunningServer | null = null
let folder = ''
afterEach(async () => {
  await second?.stop()
  second = null
  if (folder) rmSync(folder, { recursive: true, force: true })
  await one.close()
})

const start = async (): Promise<void> => {
  one = await oneServer({ route: { sensitivity: 'patient', probe: { enabled: false } } })
  await one.db.query('INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, $2, $3)', [
    one.org.organisationId,
    GROUP,
    'Night shift',
  ])
  await one.db.query('UPDATE person SET group_id = $1 WHERE person_id = $2', [GROUP, one.org.people['alice']!.personId])
}
/** Another process that delivers, with no doors. */
async function another(): Promise<RunningServer> {
  folder = mkdtempSync(join(tmpdir(), 'hf-second-'))
  second = await startServer({
    config: configSchema.parse({
      hostname: 'mx2.holdfast.test',
      listen: { mx: { port: 0 }, submission: { port: 0 }, submissions: { port: 0 }, http: { port: 0 } },
      roles: ['deliver'],
      storage: { reserveBytes: 0 },
    }),
    dataFolder: folder,
    db: one.db,
    keys: keysFrom(Buffer.alloc(32, 7)),
    clock: systemClock,
    log: silentLog,
    version: 'test',
  })
  return second
}
type Target = 'organisation' | 'domain' | 'group' | 'person'
const idOf = (target: Target): Id =>
  target === 'domain'
    ? one.org.domainId
    : target === 'person'
      ? one.org.people['alice']!.personId
      : target === 'group'
        ? GROUP
        : one.org.organisationId
const pin = (target: Target, kind: 'emergency' | 'normal' | 'hold' | null, from = one.server) =>
  from.core.continuity.pins.pinTarget({
    organisationId: one.org.organisationId,
    target,
    targetId: idOf(target),
    pin: kind,
    reason: 'test',
    actor: 'cli:test',
  })
const arrived = (address: string): string[] =>
  one.primary.store.of(address).map(({ bytes }) => /^X-Nonce: (\S+)/m.exec(String(bytes))![1]!)
const has = (address: string, ...nonces: string[]) =>
  one.until(
    `${address} has ${nonces.join()}, not ${arrived(address).join()}`,
    () => arrived(address).join() === nonces.join(),
  )
/** In whatever order: nothing holds them, so they go by several connections at once. */
const all = (address: string, nonces: string[]) =>
  one.until(`${address} has all`, () => arrived(address).sort().join() === nonces.join())
const rest = (ms: number) => systemClock.sleep(ms)

test.each([
  ['person', false],
  ['group', false],
  ['domain', true],
  ['organisation', true],
] as const)(
  'a pin of the %s, set by another process: its people wait and read here, others go; then all home in order',
  async (target, holdsBob) => {
    await start()
    const other = await another()
    await pin(target, 'emergency', other)
    await one.until(
      'the first process knows',
      () => one.server.core.continuity.board.decision({ ...one.org, ...one.org.people['alice']! }).by === target,
    )
    const names = Array.from({ length: 12 }, (_, i) => `w${String(i).padStart(2, '0')}`)
    for (const name of names) expect((await one.send(name, [ALICE, BOB])).ok).toBe(true)
    if (!holdsBob) await all(BOB, names)
    await rest(1500)
    expect(arrived(ALICE)).toEqual([])
    if (holdsBob) expect(arrived(BOB)).toEqual([])
    expect(await one.count('placement WHERE person_id = $1', [one.org.people['alice']!.personId])).toBe(12)
    // The route itself was never touched.
    expect(one.server.core.continuity.board.standing(one.org.routeId)).toMatchObject({ mode: Mode.normal, pin: null })
    await pin(target, null, other)
    await has(ALICE, ...names)
    await (holdsBob ? has(BOB, ...names) : all(BOB, names))
    await rest(500)
    expect([arrived(ALICE), arrived(BOB).sort()]).toEqual([names, names])
  },
  60_000,
)

test('a pin that ends by itself: what waited goes home without anybody', async () => {
  await start()
  await one.server.core.continuity.pins.pinTarget({
    organisationId: one.org.organisationId,
    target: 'domain',
    targetId: one.org.domainId,
    pin: 'emergency',
    reason: 'for two seconds',
    until: new Date(Date.now() + 2_000),
    actor: 'cli:test',
  })
  await one.send('u1', [ALICE])
  await rest(700)
  expect(arrived(ALICE)).toEqual([])
  await has(ALICE, 'u1')
})

test('one person is pinned to normal while the organisation waits: theirs goes, also what had waited', async () => {
  await start()
  await pin('organisation', 'emergency')
  await one.send('n1', [ALICE, BOB])
  await rest(700)
  expect(arrived(ALICE)).toEqual([])
  await pin('person', 'normal')
  await has(ALICE, 'n1')
  await one.send('n2', [ALICE, BOB])
  await has(ALICE, 'n1', 'n2')
  expect(arrived(BOB)).toEqual([])
  // A hold lets nobody through, whoever was pinned to normal before.
  await pin('organisation', 'hold')
  await one.send('n3', [ALICE, BOB])
  await rest(1500)
  expect(arrived(ALICE)).toEqual(['n1', 'n2'])
  await pin('organisation', null)
  await has(ALICE, 'n1', 'n2', 'n3')
  await has(BOB, 'n1', 'n2', 'n3')
  // Whoever took it has it a moment before that is written down.
  await expect.poll(() => one.count('delivery WHERE state = $1', [String(DeliveryState.delivered)])).toBe(6)
})

test('the route is in an emergency: whose domain is pinned to normal is tried all the same', async () => {
  await start()
  await one.db.query('UPDATE route_mode SET mode = $2, version = version + 1 WHERE route_id = $1', [
    one.org.routeId,
    Mode.emergency,
  ])
  await one.server.core.continuity.board.refresh()
  await one.send('r1', [ALICE])
  await rest(700)
  await pin('domain', 'normal')
  await has(ALICE, 'r1')
})
