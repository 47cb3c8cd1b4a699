/** Pass-through: a primary's refusal is the sender's reply, and nothing of it stays; everything else is as without. */
import { afterEach, expect, test } from 'vitest'
import { greet, openLine, transact } from '../../testkit/smtp-send.ts'
import { oneServer, type OneServer, type OneServerWish } from '../../testkit/one-server.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { readTrace } from '../core/trace/index.ts'
import { DeliveryState, Mode, StandardFolder } from '../platform/codes.ts'

const ALICE = ['alice@corp.test']
const BOTH = ['alice@corp.test', 'bob@corp.test']
let one: OneServer
afterEach(() => one.close())

const start = async (passThrough: object = {}, more: OneServerWish = {}): Promise<void> => {
  const unhurried = { sensitivity: 'patient', probe: { enabled: false } }
  one = await oneServer({ route: { ...unhurried, passThrough: { enabled: true, ...passThrough } }, ...more })
}
const deliveries = () =>
  one.db.query<{ recipient: string; state: number; reason: string | null; dsn: number }>(
    'SELECT recipient, state, reason, dsn_sent AS dsn FROM delivery ORDER BY recipient',
  )
const ended = (what = 'outcome written', n = 1) =>
  one.until(what, async () => (await one.count('delivery WHERE state >= 10')) === n)
const nobodyHears = async () => {
  expect(await one.server.core.bounces.run()).toBe(0)
  expect(await one.count('message WHERE direction = 3')).toBe(0)
  expect(await one.count('parking')).toBe(0)
}

test.each([
  ['at RCPT', 'rcpt-5xx', 550, '5.1.1 # "No such user here"', 'recipient-refused'],
  ['at the final dot', 'dot-5xx', 554, '5.6.0 # "Message refused"', 'message-refused'],
] as const)('a refusal %s is the reply; no notice, no place', async (_, fault, code, text, reason) => {
  await start()
  const owner = { organisationId: one.org.organisationId, personId: one.org.people['alice']!.personId }
  const { mailbox } = one.server.core
  let touched = 0
  mailbox.hub.subscribe(owner.personId, () => touched++)
  const before = await mailbox.state(owner)
  await one.primary.setFault(fault)
  const { final } = await one.send('r1', ALICE)
  expect(final!.code).toBe(code)
  expect(final!.text).toBe(text.replace('#', "The recipient's mail system refused this message: it said"))
  expect(await deliveries()).toEqual([
    { recipient: 'alice@corp.test', state: DeliveryState.refused, reason: 'passed-on', dsn: 2 },
  ])
  expect(await one.db.query('SELECT outcome, reason, smtp_code FROM attempt')).toEqual([
    { outcome: 3, reason, smtp_code: code },
  ])
  expect(await one.count('folder WHERE folder_no = 1 AND total = 0 AND unseen = 0 AND bytes = 0', [])).toBe(2)
  expect(await one.count('placement WHERE tombstone IS NOT NULL')).toBe(1)
  // To a client that had not seen it, it never was; one that had is told that it went.
  const changes = await mailbox.emailChanges(owner, before, 100)
  expect(changes!.newState).not.toEqual(before)
  expect(changes).toMatchObject({ created: [], updated: [], destroyed: [expect.any(String)] })
  expect(touched).toBeGreaterThanOrEqual(2)
  await nobodyHears()
  const [message] = await one.db.query<{ id: string }>('SELECT message_id AS id FROM message')
  const trace = await readTrace(one.db, one.org.organisationId, message!.id)
  expect(trace!.deliveries).toMatchObject([{ reason: 'passed-on' }])
})

test('taken by the primary: 250, and it is there by then', async () => {
  await start()
  expect((await one.send('t1', BOTH)).ok).toBe(true)
  expect(one.primary.store.all()).toHaveLength(1)
  await ended('both', 2)
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(2)
})

test('off, as it is by default: 250, and the refusal is dealt with as ever', async () => {
  one = await oneServer()
  await one.primary.setFault('rcpt-5xx')
  expect((await one.send('o1', ALICE)).ok).toBe(true)
  await one.until('parked', async () => (await one.count("parking WHERE reason = 'sender-not-aligned'")) === 1)
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(1)
})

test('put off by the primary: 250 at once, and it waits in the queue', async () => {
  await start()
  one.primary.answer('alice@corp.test', { rcpt: '452 4.2.2 Mailbox full' })
  const began = performance.now()
  expect((await one.send('d1', ALICE)).ok).toBe(true)
  expect(performance.now() - began).toBeLessThan(5_000)
  await one.until('deferred', async () => (await one.count('attempt WHERE outcome = 2')) > 0)
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(1)
  one.primary.answer('alice@corp.test', null)
  await ended()
})

test.each([
  ['after the final dot: unsure', 'hang-dot', 'final-reply-lost'],
  ['before it: put off', 'hang-ehlo', 'connection-lost'],
] as const)('a primary that hangs %s, and 250 when the wait is over', async (_, fault, reason) => {
  await start({ wait: 0.5 })
  await one.primary.setFault(fault)
  const began = performance.now()
  expect((await one.send('h1', ALICE)).ok).toBe(true)
  expect(performance.now() - began).toBeGreaterThan(450)
  expect(await one.count('delivery WHERE state = 1')).toBe(1)
  // Its connections break: what was said before the final dot is known, what comes after it is not.
  await one.primary.setFault('off')
  await one.until('the attempt', async () => (await one.count(`attempt WHERE reason = $1`, [reason])) === 1)
  await one.primary.setFault(null)
  await ended()
  expect(one.primary.store.all()).toHaveLength(1)
})

test('some refused, some taken: 250, and the refused ones are dealt with as ever', async () => {
  await start()
  one.primary.answer('bob@corp.test', { rcpt: '550 5.2.1 Mailbox disabled' })
  expect((await one.send('m1', BOTH)).ok).toBe(true)
  await one.until('parked', async () => (await one.count("parking WHERE reason = 'sender-not-aligned'")) === 1)
  await ended('both', 2)
  expect((await deliveries()).map(({ state }) => state)).toEqual([DeliveryState.delivered, DeliveryState.parked])
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(2)
})

test('all of several refused: one 5xx, nothing of any stays', async () => {
  await start()
  await one.primary.setFault('rcpt-5xx')
  expect((await one.send('a1', BOTH)).final!.code).toBe(550)
  expect((await deliveries()).map(({ reason }) => reason)).toEqual(['passed-on', 'passed-on'])
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(0)
  await nobodyHears()
})

test('in an emergency nobody waits: 250, visible, kept', async () => {
  await start({ wait: 20 })
  const { continuity } = one.server.core
  await continuity.pins.pinRoute({ ...one.org, pin: 'emergency', reason: 'test', actor: 'operator:boss' })
  await one.until('emergency', () => continuity.board.standing(one.org.routeId).mode === Mode.emergency)
  await one.primary.setFault('hang-ehlo')
  const began = performance.now()
  expect((await one.send('e1', ALICE)).ok).toBe(true)
  expect(performance.now() - began).toBeLessThan(5_000)
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(1)
  await one.primary.setFault(null)
})

test.each([['rcpt-5xx'], [null]] as const)(
  'a sender that goes away while it waits (%s): nothing is lost',
  async (fault) => {
    await start({}, { primary: { slowMs: 300 } })
    await one.primary.setFault('slow')
    const session = openLine(one.server.ports.mx!)
    await greet(session)
    const sending = transact(session, { from: 'sender@outside.test', to: ALICE }, Buffer.from(one.mail('c1')))
    await one.until('accepted', async () => (await one.count('delivery')) === 1)
    session.close()
    await expect(sending).rejects.toThrow()
    if (fault) await one.primary.setFault(fault)
    await ended()
    if (fault) {
      // It has no reply, so it comes again, and hears it then.
      expect((await one.send('c1', ALICE)).final!.code).toBe(550)
      await nobodyHears()
    } else expect(one.primary.store.all()).toHaveLength(1)
  },
)

test('two organisations in one message: stored and forwarded, each for itself', async () => {
  await start()
  const [route] = await one.db.query<{ settings: object }>('SELECT settings FROM route WHERE route_id = $1', [
    one.org.routeId,
  ])
  await makeOrganisation(one.db, { people: ['carol'], domain: 'other.test', route: route!.settings })
  await bumpDirectory(one.db)
  await one.until('known', async () => (await one.send('known', ['carol@other.test'])).ok)
  await ended('there')
  await one.primary.setFault('rcpt-5xx')
  expect((await one.send('two', ['alice@corp.test', 'carol@other.test'])).ok).toBe(true)
  await one.until('parked', async () => (await one.count('parking')) === 2)
})

test.each([
  ['nothing', [], 0],
  ['read', [{ keywords: { kind: 'patch', add: ['$seen'], remove: [] } }], 1],
  ['moved', [{ moveTo: StandardFolder.archive }], 1],
  ['moved to Trash', [{ moveTo: StandardFolder.trash }], 1],
  ['moved and brought back', [{ moveTo: StandardFolder.archive }, { moveTo: StandardFolder.inbox }], 1],
  ['destroyed', [{ destroy: true }], 0],
] as const)('the person has done this with it meanwhile: %s', async (_, changes, left) => {
  await start({}, { primary: { slowMs: 300 } })
  const owner = { organisationId: one.org.organisationId, personId: one.org.people['alice']!.personId }
  await one.primary.setFault('slow')
  const sending = one.send('p1', ALICE)
  await one.until('placed', async () => (await one.count('placement')) === 1)
  const [placed] = await one.db.query<{ copyId: string }>('SELECT copy_id AS "copyId" FROM placement')
  for (const change of changes) await one.server.core.mailbox.update(owner, [{ ...placed!, ...change }])
  await one.primary.setFault('rcpt-5xx')
  expect((await sending).final!.code).toBe(550)
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(left)
  await nobodyHears()
})

test.each([
  ['refuses', 'RAISE EXCEPTION'],
  ['hangs', 'PERFORM pg_sleep(5); RAISE EXCEPTION'],
])('a database that %s when the refusal is to be noted: 250, and the sender gets its notice later', async (_, act) => {
  await start()
  await one.db.query(`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${act} 'no'; END $$`)
  await one.db.query(
    `CREATE TRIGGER no BEFORE UPDATE ON delivery FOR EACH ROW WHEN (NEW.reason = 'passed-on') EXECUTE FUNCTION no()`,
  )
  await one.primary.setFault('rcpt-5xx')
  expect((await one.send('db1', ALICE)).final!.code).toBe(250)
  await one.until('parked', async () => (await one.count("parking WHERE reason = 'sender-not-aligned'")) === 1)
  expect(await one.count('placement WHERE tombstone IS NULL')).toBe(1)
})
