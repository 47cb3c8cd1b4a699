/** Mailboxes that fail, as two processes count them: when it is trouble, who may try, and the ways out of it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import { DeliveryState, EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { claimDue } from '../../store/claims.ts'
import { addEvidence } from '../../store/evidence.ts'
import { removeRoutes } from '../../store/model-removals.ts'
import { readAudit } from '../audit/index.ts'
import { createModeBoard, type LiveBoard } from './board.ts'
import { createMailboxAlarm } from './mailbox-alarm.ts'
import { createMailboxWatch, type MailboxWatch } from './mailbox-watch.ts'
import { sensitivities } from './sensitivity.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let nodes: { board: LiveBoard; watch: MailboxWatch }[]

beforeEach(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'] })
  nodes = [1, 2].map(() => {
    const board = createModeBoard({ db: fresh.db, clock: systemClock, log: silentLog })
    const numbersOf = () => ({ ...sensitivities.quick, emergencyAfter: 0.3 })
    const watch = createMailboxWatch({
      db: fresh.db,
      clock: systemClock,
      log: silentLog,
      board,
      judged: () => [],
      numbersOf,
      nameOf: () => 'primary',
    })
    return { board, watch }
  })
  await Promise.all(nodes.map(({ board }) => board.refresh()))
})
// Rows without messages' bytes and copies: nothing a check would find sound.
afterEach(() => fresh.drop())

const key = (name: string, routeId = org.routeId) => ({
  organisationId: org.organisationId,
  personId: org.people[name]!.personId,
  routeId,
})
/** Also for failures that begin in the next second. */
async function othersAreTaken(): Promise<void> {
  const good = { organisationId: org.organisationId, routeId: org.routeId, kind: EvidenceKind.good, probe: '', seen: 1 }
  await addEvidence(fresh.db, [{ ...good, lastText: null }])
  await fresh.db.query(`UPDATE evidence SET second = second + interval '1 minute'`)
}
/** Told to one process after the other. */
async function fail(name: string, times: number, stage = 'rcpt', deliveryIds: Id[] = [newId(1)]): Promise<void> {
  for (let i = 0; i < times; i++) {
    nodes[i % 2]!.watch.failed({
      ...key(name),
      deliveryId: deliveryIds[i % deliveryIds.length]!,
      stage,
      text: 'mailbox database offline',
    })
    await systemClock.sleep(130)
  }
  await settled()
}
async function settled(): Promise<void> {
  await Promise.all(nodes.map(({ watch }) => watch.stop()))
  await Promise.all(nodes.map(({ board }) => board.refresh()))
}
const decided = (name: string): string[] =>
  nodes.map(({ board }) => board.decision({ ...org, ...org.people[name]!, organisationId: org.organisationId }).by)

async function owe(name: string, more: { attempts?: number; state?: number; routeId?: Id } = {}): Promise<Id> {
  const [deliveryId, messageId] = [newId(Date.now()), newId(Date.now())]
  await fresh.db.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix)
     VALUES ($1, $2, now(), 1, 'x@y.test', 10, '\\x00', 1, '\\x00')`,
    [org.organisationId, messageId],
  )
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, attempts, accepted_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, now() + interval '1 hour', $8, now())`,
    [
      org.organisationId,
      deliveryId,
      messageId,
      org.people[name]!.address,
      key(name).personId,
      more.routeId ?? org.routeId,
      more.state ?? DeliveryState.deferred,
      more.attempts ?? 1,
    ],
  )
  return deliveryId
}
async function makeRoute(name: string): Promise<{ routeId: Id }> {
  const routeId = newId(Date.now())
  await fresh.db.query(
    `INSERT INTO route (organisation_id, route_id, name, kind) VALUES ($1, $2, $3, ${RouteKind.primary})`,
    [org.organisationId, routeId, name],
  )
  await Promise.all(nodes.map(({ board }) => board.refresh()))
  return { routeId }
}
const due = (): Promise<unknown> => fresh.db.query('UPDATE mailbox_trouble SET next_try = now()')
const tries = async (node: number): Promise<Id[]> =>
  (await nodes[node]!.watch.claimTries(newId(Date.now()), 60)).map(({ deliveryId }) => deliveryId)

test('failures of two processes together make trouble, for this person alone, with its row in the audit', async () => {
  await othersAreTaken()
  await fail('bob', 2)
  expect(decided('bob')).toEqual(['engine', 'engine'])
  await fail('bob', 2)
  expect(decided('bob')).toEqual(['mailbox', 'mailbox'])
  expect(decided('alice')).toEqual(['engine', 'engine'])
  const [row] = await readAudit(fresh.db, org.organisationId, null, 5)
  expect(row).toMatchObject({ action: 'mailbox-fails', actor: 'engine', subject: `person:${key('bob').personId}` })
})

test('nobody else was taken: it is the route, and no mailbox', async () => {
  await fail('bob', 5)
  expect(decided('bob')).toEqual(['engine', 'engine'])
})

test('after DATA one message that fails is a message; two are the mailbox', async () => {
  await othersAreTaken()
  const [one, other] = [newId(1), newId(2)]
  await fail('bob', 5, 'final', [one])
  expect(decided('bob')).toEqual(['engine', 'engine'])
  await fail('bob', 2, 'final', [one, other])
  expect(decided('bob')).toEqual(['mailbox', 'mailbox'])
})

test('one at a time tries over both processes, the oldest, whatever its back-off; the next one after twelve tries', async () => {
  await othersAreTaken()
  await fail('bob', 4)
  const [first, second] = [await owe('bob'), await owe('bob')]
  await due()
  const taken = [...(await tries(0)), ...(await tries(1))]
  expect(taken).toEqual([first])
  await due()
  // It is under way.
  expect([...(await tries(0)), ...(await tries(1))]).toEqual([])
  await fresh.db.query('UPDATE delivery SET state = $2, lease = NULL, attempts = 12 WHERE delivery_id = $1', [
    first,
    DeliveryState.deferred,
  ])
  await due()
  expect(await tries(1)).toEqual([second])
})

test('one success: what waited is due at once, in the order in which it came', async () => {
  await othersAreTaken()
  await fail('bob', 4)
  const waiting = [await owe('bob'), await owe('bob', { state: DeliveryState.ready }), await owe('bob')]
  const others = await owe('carol')
  nodes[1]!.watch.taken(key('bob'))
  await settled()
  expect(decided('bob')).toEqual(['engine', 'engine'])
  const rows = await fresh.db.query<{ id: Id }>(
    'SELECT delivery_id AS id FROM delivery WHERE next_attempt <= now() ORDER BY next_attempt, delivery_id',
  )
  expect(rows.map(({ id }) => id)).toEqual([waiting[0], waiting[2]])
  expect(rows.map(({ id }) => id)).not.toContain(others)
  expect((await readAudit(fresh.db, org.organisationId, null, 1))[0]).toMatchObject({ action: 'mailbox-well' })
})

test('somebody with a mailbox at two mail systems: only the mail for the one that fails waits, and each ends by itself', async () => {
  const { routeId: other } = await makeRoute('second')
  await othersAreTaken()
  await fail('bob', 4)
  const [waits, goes] = [await owe('bob'), await owe('bob', { routeId: other })]
  await fresh.db.query(`UPDATE delivery SET next_attempt = now()`)
  const decision = (routeId: Id) => nodes[0]!.board.decision({ ...org.people['bob']!, ...key('bob', routeId) })
  expect([decision(org.routeId).by, decision(other).by]).toEqual(['mailbox', 'engine'])
  const pins = nodes[1]!.board.passage([org.organisationId])
  const wish = { routeIds: [org.routeId, other], limits: [9, 9], nodeId: newId(1), leaseSeconds: 60, pins }
  expect((await claimDue(fresh.db, wish)).map(({ deliveryId }) => deliveryId)).toEqual([goes])

  // What the healthy one takes says nothing of the other; a failure there counts for itself.
  nodes[0]!.watch.taken(key('bob', other))
  await settled()
  expect(decision(org.routeId).by).toBe('mailbox')
  nodes[0]!.watch.failed({ ...key('bob', other), deliveryId: newId(1), stage: 'rcpt', text: 'offline' })
  await settled()
  expect([decision(org.routeId).by, decision(other).by]).toEqual(['mailbox', 'engine'])
  nodes[1]!.watch.taken(key('bob'))
  await settled()
  expect(decision(org.routeId).by).toBe('engine')
  expect(nodes[0]!.board.troubles()).toMatchObject([{ routeId: other, since: null, failures: 1 }])
  expect(await fresh.db.query('SELECT 1 FROM delivery WHERE delivery_id = $1 AND held', [waits])).toHaveLength(1)
  // With the route goes what was known of mailboxes there.
  await fresh.db.query('DELETE FROM delivery')
  await removeRoutes(fresh.db, org.organisationId, [other])
  expect(await fresh.db.query('SELECT 1 FROM mailbox_trouble')).toEqual([])
})

test('what is taken costs no look through all that are in trouble', () => {
  const board = { ...nodes[0]!.board, troubles: () => expect.unreachable('it looks through all') }
  const watch = createMailboxWatch({
    ...{ db: fresh.db, clock: systemClock, log: silentLog, board },
    judged: () => [],
    numbersOf: () => sensitivities.quick,
    nameOf: () => 'primary',
  })
  for (let n = 0; n < 100; n++) watch.taken({ ...key('bob'), personId: newId(n) })
})

test('nothing waits for them any more: it ends too', async () => {
  await othersAreTaken()
  await fail('bob', 4)
  await due()
  expect(await tries(0)).toEqual([])
  await settled()
  expect(decided('bob')).toEqual(['engine', 'engine'])
})

test('while the route takes no mail nobody of it tries, and the route is what is said', async () => {
  await othersAreTaken()
  await fail('bob', 4)
  await owe('bob')
  await fresh.db.query('UPDATE route_mode SET mode = $2, version = version + 1 WHERE route_id = $1', [
    org.routeId,
    Mode.emergency,
  ])
  await settled()
  await due()
  expect(await tries(0)).toEqual([])
  expect(decided('bob')).toEqual(['engine', 'engine'])
})

/** Alarms of two processes, by which one of them judges the route; `look`: both look. */
function partlyDown() {
  let judge = 0
  const make = (number: number) =>
    createMailboxAlarm({
      ...{ db: fresh.db, clock: systemClock, log: silentLog, nameOf: () => 'primary' },
      judged: () => (judge === number ? [org.routeId] : []),
    })
  const alarms = [make(0), make(1)]
  return {
    give: (to: number) => void (judge = to),
    startAnew: (number: number) => void (alarms[number] = make(number)),
    look: async () => {
      for (const [i, alarm] of alarms.entries()) await alarm.look(nodes[i]!.board.troubles())
      return fresh.db.query<{ kind: string; stands: boolean; facts: unknown }>(
        'SELECT kind, ended_at IS NULL AS stands, facts FROM alarm ORDER BY opened_at',
      )
    },
  }
}

test('two at once: part of the route is down, an alarm for as long, once by two processes', async () => {
  await othersAreTaken()
  const { look } = partlyDown()
  await fail('bob', 4)
  expect(await look()).toEqual([])
  await fail('carol', 4)
  const facts = { route: 'primary', people: 2, detail: 'mailbox database offline' }
  expect(await look()).toEqual([{ kind: 'part-down', stands: true, facts }])
  nodes[0]!.watch.taken(key('carol'))
  await settled()
  expect(await look()).toEqual([{ kind: 'part-down', stands: false, facts }])
  expect(decided('bob')).toEqual(['mailbox', 'mailbox'])
})

test('the lease of the route goes on, and processes start: it stands as long as it is so, and is raised once', async () => {
  await othersAreTaken()
  const { look, give, startAnew } = partlyDown()
  const stand = async () => (await look()).map(({ stands }) => stands)
  await fail('bob', 4)
  await fail('carol', 4)
  expect(await stand()).toEqual([true])
  // Others start, or take over: nothing is new.
  for (const [to, anew] of [
    [0, 1],
    [1, 0],
    [1, 1],
    [0, 0],
  ] as const) {
    // prettier-ignore
    give(to)
    startAnew(anew)
    expect(await stand()).toEqual([true])
  }
  // Whoever judged it before says nothing more of it; whoever judges it now ends it.
  give(1)
  expect(await stand()).toEqual([true])
  nodes[0]!.watch.taken(key('carol'))
  await settled()
  expect(await stand()).toEqual([false])
  await fail('carol', 4)
  expect(await stand()).toEqual([false, true])
  give(0)
  expect(await stand()).toEqual([false, true])
  nodes[0]!.watch.taken(key('carol'))
  await settled()
  expect(await stand()).toEqual([false, false])
})
