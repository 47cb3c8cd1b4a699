/**
 * Pins of every kind as two processes see them: the same in memory, in the SQL of pages, and in what a claim takes. Every
 * combination of pins that can reach a person is tried.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import { Mode, Pin, PinTarget } from '../../platform/codes.ts'
import { silentLog } from '../../platform/log.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { passageValues, passes } from '../../store/claims.ts'
import { DECISION, pinsOf } from '../../store/pins.ts'
import { readAudit } from '../audit/index.ts'
import { createModeBoard, type LiveBoard } from './board.ts'
import type { Judge } from './judge.ts'
import { createPins, endPins, type Pins } from './pins.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let groupId: Id
let boards: LiveBoard[]
let pins: Pins

beforeAll(async () => (fresh = await freshDatabase()))
afterAll(() => fresh.drop())
beforeEach(async () => {
  await fresh.db.query('TRUNCATE mode_pin, mailbox_trouble, audit')
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob'] })
  groupId = newId(Date.now())
  await fresh.db.query('INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, $2, $3)', [
    org.organisationId,
    groupId,
    'Office',
  ])
  await fresh.db.query('UPDATE person SET group_id = $1 WHERE person_id = $2', [groupId, org.people['alice']!.personId])
  boards = [1, 2].map(() => createModeBoard({ db: fresh.db, clock: systemClock, log: silentLog }))
  pins = createPins({ db: fresh.db, clock: systemClock, judge: null as unknown as Judge, board: boards[0]! })
})

const idOf = { person: () => org.people['alice']!.personId, group: () => groupId, domain: () => org.domainId, organisation: () => org.organisationId } // prettier-ignore
const whose = (name: 'alice' | 'bob') => ({
  organisationId: org.organisationId,
  routeId: org.routeId,
  ...org.people[name]!,
})
type Target = keyof typeof idOf
const set = (target: Target, pin: keyof typeof Pin | null, more: { version?: number; until?: Date } = {}) =>
  pins.pinTarget({
    organisationId: org.organisationId,
    target,
    targetId: idOf[target](),
    pin,
    reason: 'because',
    actor: 'cli:test',
    ...more,
  })

/** What the SQL of pages says, and whether a claim would take a delivery of theirs. */
async function inSql(name: 'alice' | 'bob', board: LiveBoard): Promise<{ mode: number; by: string; isTaken: boolean }> {
  const { personId, address } = org.people[name]!
  const values = [org.organisationId, personId, address, org.routeId]
  const [row] = await fresh.db.query<{ mode: number; by: string }>(
    DECISION({ organisation: '$1::uuid', person: '$2::uuid', address: '$3::text', route: '$4::uuid' }),
    values,
  )
  const passage = board.passage([org.organisationId], org.routeId)
  const [taken] = await fresh.db.query<{ ok: boolean }>(
    `SELECT ${passes(4)} AS ok FROM (SELECT $1::uuid AS person_id, $2::text AS recipient, $3::uuid AS route_id) d`,
    [personId, address, org.routeId, ...passageValues(passage)],
  )
  return { ...row!, isTaken: taken!.ok }
}

const words = [null, 'emergency', 'normal', 'hold'] as const
const passing: number[] = [Mode.normal, Mode.suspect, Mode.emergencyReach, Mode.recovering]

test('every combination: two processes, the SQL of pages and the claim agree, for the pinned and for their colleague', async () => {
  let n = 0
  const modes = [Mode.normal, Mode.emergency, Mode.recovering]
  for (const person of words)
    for (const group of words)
      for (const domain of words)
        for (const organisation of words)
          for (const fails of [false, true]) {
            const mode = modes[n++ % modes.length]!
            const rows = Object.entries({ person, group, domain, organisation }).filter(([, pin]) => pin !== null)
            await fresh.db.query('DELETE FROM mode_pin')
            await fresh.db.query('DELETE FROM mailbox_trouble')
            await fresh.db.query('UPDATE route_mode SET mode = $2, version = version + 1 WHERE route_id = $1', [
              org.routeId,
              mode,
            ])
            for (const [target, pin] of rows)
              await fresh.db.query(
                `INSERT INTO mode_pin (organisation_id, target, target_id, pin, pin_reason, pin_author, version) VALUES ($1, $2, $3, $4, 'x', 'x', 1)`,
                [org.organisationId, PinTarget[target as Target], idOf[target as Target](), Pin[pin!]],
              )
            if (fails)
              await fresh.db.query(
                `INSERT INTO mailbox_trouble (organisation_id, person_id, route_id, failures, first_delivery, is_mailbox, since)
                 VALUES ($1, $2, $3, 3, $1, true, now())`,
                [org.organisationId, idOf.person(), org.routeId],
              )
            await Promise.all(boards.map((board) => board.refresh()))
            for (const name of ['alice', 'bob'] as const) {
              const [here, there] = boards.map((board) => board.decision(whose(name)))
              const sql = await inSql(name, boards[0]!)
              const what = JSON.stringify({ name, person, group, domain, organisation, fails, mode })
              expect(here, what).toEqual(there)
              expect({ mode: sql.mode, by: sql.by }, what).toMatchObject(here!)
              // A route on hold is not asked at all.
              if (boards[0]!.ofRoute(org.routeId).mode !== Mode.hold)
                expect(sql.isTaken, what).toBe(passing.includes(here!.mode))
            }
          }
  expect(n).toBe(512)
}, 120_000)

test('each kind holds what goes in and what comes from its people, and nobody else; a stranger of the domain too', async () => {
  const [, other] = boards as [LiveBoard, LiveBoard]
  const flows = async (name: 'alice' | 'bob'): Promise<string> => {
    await other.refresh()
    return `${other.flow(whose(name), 'inboundProtected')} ${other.flow(whose(name), 'fromPeople')}`
  }
  for (const [target, colleague] of [
    ['person', 'relay relay'],
    ['group', 'relay relay'],
    ['domain', 'wait keep'],
    ['organisation', 'wait keep'],
  ] as const) {
    await set(target, 'hold')
    expect([target, await flows('alice'), await flows('bob')]).toEqual([target, 'wait keep', colleague])
    const stranger = { ...whose('bob'), personId: null, address: `nobody@${org.domain.toUpperCase()}` }
    expect(other.flow(stranger, 'inboundOthers')).toBe(colleague.split(' ')[0])
    // What goes to the world is no mailbox of theirs.
    expect(other.flow({ ...stranger, routeId: org.outboundRouteId, address: 'x@else.test' }, 'inboundOthers')).toBe(
      'relay',
    )
    await set(target, null)
    expect([await flows('alice'), await flows('bob')]).toEqual(['relay relay', 'relay relay'])
  }
})

test('of two who act on the same sight the second is told; an end is an end, with its row in the audit', async () => {
  const first = await set('domain', 'emergency', { version: 0 })
  await expect(set('domain', 'hold', { version: 0 })).rejects.toMatchObject({ code: 'conflict' })
  const second = await set('domain', 'hold', { version: first!.version })
  await expect(set('domain', null, { version: first!.version })).rejects.toMatchObject({ code: 'conflict' })
  expect(await pinsOf(fresh.db, org.organisationId)).toMatchObject([
    { pin: Pin.hold, name: org.domain, reason: 'because', author: 'cli:test', version: second!.version },
  ])
  await set('domain', 'hold', { version: second!.version, until: new Date(Date.now() + 1_200) })
  await boards[1]!.refresh()
  expect(boards[1]!.decision(whose('bob'))).toEqual({ mode: Mode.hold, by: 'domain' })
  await systemClock.sleep(1_300)
  await boards[1]!.refresh()
  expect(boards[1]!.decision(whose('bob'))).toEqual({ mode: Mode.normal, by: 'engine' })
  await fresh.db.transaction(endPins)
  const acts = (await readAudit(fresh.db, org.organisationId, null, 10)).map(({ action, actor, subject }) => `${action} ${actor} ${subject}`) // prettier-ignore
  const subject = `domain:${org.domainId}`
  expect(acts).toEqual([
    `pin-removed engine ${subject}`,
    `pin-set cli:test ${subject}`,
    `pin-set cli:test ${subject}`,
    `pin-set cli:test ${subject}`,
  ])
})

test('what is not there cannot be pinned, nor another organisation’s', async () => {
  const other = await makeOrganisation(fresh.db, { people: ['eve'] })
  const pin = { organisationId: org.organisationId, pin: 'hold', reason: 'x', actor: 'cli:test' } as const
  for (const [target, targetId] of [
    ['person', other.people['eve']!.personId],
    ['domain', other.domainId],
    ['group', newId(1)],
    ['organisation', other.organisationId],
  ] as const)
    await expect(pins.pinTarget({ ...pin, target, targetId })).rejects.toMatchObject({ code: 'not-found' })
  await expect(
    pins.pinTarget({ ...pin, target: 'person', targetId: idOf.person(), reason: ' ' }),
  ).rejects.toMatchObject({
    code: 'bad-request',
  })
  expect(await fresh.db.query('SELECT 1 FROM mode_pin')).toEqual([])
})

test('an end that is over already is refused before anything is written, for a route as for everything else', async () => {
  const until = new Date(Date.now() - 1_000)
  const refusal = { code: 'bad-request', message: expect.stringContaining('over already') as string }
  for (const target of ['person', 'group', 'domain', 'organisation'] as const)
    await expect(set(target, 'hold', { until })).rejects.toMatchObject(refusal)
  const route = { ...org, pin: 'hold', reason: 'because', actor: 'cli:test', until } as const
  await expect(pins.pinRoute(route)).rejects.toMatchObject(refusal)
  expect(await fresh.db.query('SELECT 1 FROM mode_pin')).toEqual([])
  expect(await readAudit(fresh.db, org.organisationId, null, 10)).toEqual([])
})
