/**
 * Notices against a real database: once whoever walks and whatever is killed, in pages, with the address sealed and hidden,
 * signed, and nothing while we cannot see. Times are made old in the rows: the database's clock is the only one.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, makePerson, type MadeOrganisation } from '../../../testkit/factories.ts'
import { privateMail } from '../../../testkit/private-mail.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { systemClock } from '../../platform/clock.ts'
import { Direction, Mode, Pin } from '../../platform/codes.ts'
import { configSchema } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import { type Id } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { claimWalks, MOST_TELL_TRIES, nextPeople, settlePage } from '../../store/notices.ts'
import { ensureStandardFolders } from '../../store/folders.ts'
import { listDeliveries } from '../../store/queue-view.ts'
import { attemptsOf, readMessage } from '../../store/trace.ts'
import { refreshPeople } from '../directory/index.ts'
import { createRouteBook, privatePlace, type RouteBook } from '../directory/index.ts'
import { type Accept } from '../queue/index.ts'
import { routeNotices, suppressNotices, tellPeople } from './acts.ts'
import { createPeopleNotices, type PeopleNotices } from './notices.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'

const keys = keysFrom(Buffer.alloc(32, 7))
const config = configSchema.parse({ hostname: 'mx.holdfast.test', publicUrl: 'https://mail-emergency.test' })

interface Process {
  notices: PeopleNotices
  accept: Accept
  clock: ReturnType<typeof fakeClock>
}

let fresh: FreshDatabase
let org: MadeOrganisation
let routes: RouteBook
let sees = true
let quietFor: (personId: Id | null) => boolean
/** the queue takes nothing for them */
let brokenFor: Set<string>
const processes: Process[] = []

/** One process of the role work; how long it has judged is its own clock's. */
async function process(): Promise<Process> {
  const { db } = fresh
  const clock = fakeClock(Date.now())
  const mail = await privateMail(db, routes)
  const { accept } = mail
  const notices = createPeopleNotices({
    ...{ ...mail, clock, config, routes },
    accept: {
      accept: (incoming) =>
        incoming.deliveries.some(({ recipient }) => brokenFor.has(recipient))
          ? Promise.reject(new Error('it breaks'))
          : accept.accept(incoming),
    },
    judge: { judges: (routeId) => routeId === org.routeId, sees: () => sees },
    quiet: { holds: ({ personId }) => (quietFor(personId) ? { windowId: '', name: 'night', until: 0 } : null) },
  })
  const made = { notices, accept, clock }
  processes.push(made)
  return made
}

const givePrivate = (personId: Id, address: string) =>
  fresh.db.query('UPDATE person SET private_sealed = $2 WHERE person_id = $1', [
    personId,
    keys.seal(privatePlace(personId), Buffer.from(address)),
  ])
const setMode = (mode: Mode, minutes: number) =>
  fresh.db.query(`UPDATE route_mode SET mode = $2, since = now() - make_interval(secs => $3) WHERE route_id = $1`, [
    ...[org.routeId, mode],
    minutes * 60,
  ])
const sent = () =>
  fresh.db.query<{ recipient: string; subject: string }>(
    `SELECT d.recipient, m.subject FROM delivery d JOIN message m USING (organisation_id, message_id)
     WHERE m.direction = ${Direction.notice} ORDER BY m.received_at, d.recipient`,
  )
const acts = async () =>
  (await fresh.db.query<{ action: string }>(`SELECT action FROM audit WHERE action LIKE 'notices-%' ORDER BY seq`)).map(
    ({ action }) => action,
  )

/** Rounds until nothing is left to do. `minutes`: so long it has judged already. */
async function work({ notices, clock }: Process, minutes = 3): Promise<number> {
  await notices.run()
  await clock.advance(minutes * 60_000)
  let total = 0
  for (let n = 0, idle = 0; n < 200 && idle < 3; n++) {
    const count = await notices.run()
    total += count
    idle = count === 0 ? idle + 1 : 0
  }
  return total
}

beforeEach(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'], domain: 'corp.test' })
  await givePrivate(org.people.alice!.personId, 'Alice.Martin@home.example')
  await givePrivate(org.people.bob!.personId, 'bob@home.example')
  await fresh.db.query(`UPDATE person SET locale = 'de' WHERE person_id = $1`, [org.people.bob!.personId])
  routes = createRouteBook({ db: fresh.db, clock: systemClock, log: silentLog })
  await routes.refresh()
  sees = true
  quietFor = () => false
  brokenFor = new Set()
})
afterEach(async () => {
  await expectSound(fresh.db, diskBlobStore('/nonexistent'))
  for (const { accept, notices } of processes.splice(0)) {
    await notices.stop()
    await accept.stop()
  }
  await fresh.drop()
})

describe('of its own accord', () => {
  test('not before ten minutes; then each who has a private address, once, in their language', async () => {
    const one = await process()
    await setMode(Mode.emergency, 9.9)
    await work(one)
    expect(await sent()).toEqual([])
    await setMode(Mode.emergency, 10.1)
    // The outage that is known began when it was first seen.
    await fresh.db.query(`UPDATE outage SET down_since = now() - interval '10.1 minutes'`)
    await work(one)
    const mails = await sent()
    expect(mails.map(({ recipient }) => recipient).sort()).toEqual(['Alice.Martin@home.example', 'bob@home.example'])
    expect(mails.find(({ recipient }) => recipient.startsWith('bob'))?.subject).toMatch(/ist ausgefallen/)
    await work(one)
    expect(await sent()).toHaveLength(2)
    expect(await acts()).toEqual(['notices-begun', 'notices-sent'])
    const [view] = await routeNotices(
      { db: fresh.db, clock: one.clock, publicUrl: config.publicUrl },
      org.organisationId,
    )
    expect(view).toMatchObject({ people: 2, outage: { total: 2, told: 2, failed: 0, isDone: true, toldBy: 'engine' } })
  })

  test('a process that has just begun to judge waits until it is sure', async () => {
    const one = await process()
    await setMode(Mode.emergency, 600)
    await work(one, 0)
    expect(await sent()).toEqual([])
    await work(one, 1)
    expect(await sent()).toHaveLength(2)
  })

  test('while we cannot see, nobody; neither by the process nor by the route’s own blindness', async () => {
    const one = await process()
    await setMode(Mode.emergency, 60)
    sees = false
    await work(one)
    expect(await sent()).toEqual([])
    sees = true
    await fresh.db.query(
      `UPDATE route_mode SET memory = '{"blind": {"since": 1, "why": "no uplink"}}' WHERE route_id = $1`,
      [org.routeId],
    )
    await work(one)
    expect(await sent()).toEqual([])
    await fresh.db.query(`UPDATE route_mode SET memory = '{"blind": null}' WHERE route_id = $1`, [org.routeId])
    await work(one)
    expect(await sent()).toHaveLength(2)
  })

  test('pinned normal: nobody, and who has no emergency mailbox or is disabled never', async () => {
    const one = await process()
    await fresh.db.query(
      `UPDATE route_mode SET mode = $2, pin = $3, pin_reason = 'it works', pin_author = 'cli:root' WHERE route_id = $1`,
      [org.routeId, Mode.normal, Pin.normal],
    )
    await work(one)
    expect(await sent()).toEqual([])
    await fresh.db.query('UPDATE person SET scope_emergency = false WHERE person_id = $1', [org.people.alice!.personId])
    await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [org.people.bob!.personId])
    await fresh.db.query('UPDATE route_mode SET pin = NULL, pin_reason = NULL, pin_author = NULL')
    await setMode(Mode.emergencyReach, 60)
    await work(one)
    expect(await sent()).toEqual([])
  })

  test('a planned time keeps one person from it until it ends', async () => {
    const one = await process()
    quietFor = (personId) => personId === org.people.alice!.personId
    await setMode(Mode.emergency, 60)
    await work(one)
    expect((await sent()).map(({ recipient }) => recipient)).toEqual(['bob@home.example'])
    quietFor = () => false
    await fresh.db.query(`UPDATE outage SET walker_until = '-infinity'`)
    await work(one)
    expect(await sent()).toHaveLength(2)
    expect(await acts()).toEqual(['notices-begun', 'notices-sent'])
  })

  test('over: five calm minutes later, whoever was told hears of it, once', async () => {
    const one = await process()
    await setMode(Mode.emergency, 60)
    await work(one)
    await setMode(Mode.normal, 4)
    await fresh.db.query(`UPDATE outage SET began_at = now() - interval '1 hour'`)
    await work(one)
    expect(await sent()).toHaveLength(2)
    await fresh.db.query(`UPDATE outage SET calm_since = now() - interval '5 minutes'`)
    await givePrivate(org.people.carol!.personId, 'carol@home.example')
    await work(one)
    const mails = await sent()
    expect(mails).toHaveLength(4)
    expect(
      mails.filter(({ subject }) => /works again|wieder/.test(subject)).map(({ recipient }) => recipient),
    ).not.toContain('carol@home.example')
    await work(one)
    expect(await sent()).toHaveLength(4)
    expect(await acts()).toEqual(['notices-begun', 'notices-sent', 'notices-ended'])
  })

  test('an outage that ended before anybody was told: nothing, ever', async () => {
    const one = await process()
    await setMode(Mode.emergency, 9)
    await work(one)
    await setMode(Mode.normal, 0)
    await work(one)
    await fresh.db.query(`UPDATE outage SET calm_since = now() - interval '6 minutes'`)
    await work(one)
    expect(await sent()).toEqual([])
    expect(await acts()).toEqual([])
  })
})

describe('once, whatever happens', () => {
  test('two processes at the same time', async () => {
    for (let n = 0; n < 60; n++) {
      const { personId } = await makePerson(fresh.db, org, `p${n}`)
      await givePrivate(personId, `p${n}@home.example`)
    }
    const both = [await process(), await process()]
    await setMode(Mode.emergency, 60)
    await Promise.all(both.map((one) => work(one)))
    const mails = await sent()
    expect(new Set(mails.map(({ recipient }) => recipient)).size).toBe(62)
    expect(mails).toHaveLength(62)
    expect(await acts()).toEqual(['notices-begun', 'notices-sent'])
  })

  test('killed between the queue and the note: the next one finds what was queued', async () => {
    const one = await process()
    await setMode(Mode.emergency, 60)
    await work(one)
    expect(await sent()).toHaveLength(2)
    // As it is when the process died before the note, and its claim ran out.
    await fresh.db.query('DELETE FROM person_notice')
    await fresh.db.query('UPDATE outage SET told = 0, told_after = NULL, told_all_at = NULL')
    await work(await process())
    expect(await sent()).toHaveLength(2)
    expect((await fresh.db.query('SELECT told FROM outage'))[0]).toEqual({ told: 2 })
  })

  test('what another process has claimed is left alone, and a page that is settled twice counts once', async () => {
    const one = await process()
    await setMode(Mode.emergency, 60)
    await one.notices.run()
    await one.clock.advance(120_000)
    const { db } = fresh
    await db.transaction(async (sql) => {
      await sql.query(`UPDATE outage SET told_at = now(), told_by = 'engine', people = 2`)
    })
    const [mine] = await claimWalks(db, 60)
    expect(await claimWalks(db, 60)).toEqual([])
    const people = await nextPeople(db, mine!, 10)
    const settled = people.map(({ personId }) => ({ personId, why: null }))
    await settlePage(db, mine!, settled)
    await settlePage(db, mine!, settled)
    expect((await db.query('SELECT told FROM outage'))[0]).toEqual({ told: 2 })
  })

  test('a thousand people: in pages, none twice, none left out', async () => {
    await fresh.db.query(
      `INSERT INTO person (organisation_id, person_id, name) SELECT $1, gen_random_uuid(), 'P' || n FROM generate_series(1, 998) n`,
      [org.organisationId],
    )
    const made = await fresh.db.query<{ personId: Id }>(
      `SELECT person_id AS "personId" FROM person WHERE name ~ '^P[0-9]'`,
    )
    await fresh.db.query(
      `INSERT INTO address (organisation_id, address, person_id, domain_id, is_primary, display)
       SELECT $1, lower(p.person_id::text) || '@corp.test', p.person_id, $2, true, p.person_id::text || '@corp.test'
       FROM person p WHERE name ~ '^P[0-9]'`,
      [org.organisationId, org.domainId],
    )
    await refreshPeople(
      fresh.db,
      org.organisationId,
      made.map(({ personId }) => personId),
    )
    await ensureStandardFolders(
      fresh.db,
      org.organisationId,
      made.map(({ personId }) => personId),
    )
    for (const { personId } of made) await givePrivate(personId, `${personId}@home.example`)
    const one = await process()
    await setMode(Mode.emergency, 60)
    await one.notices.run()
    await one.clock.advance(180_000)
    const pages: number[] = []
    for (let idle = 0; idle < 3;) {
      const n = await one.notices.run()
      if (n > 0) pages.push(n)
      else idle++
    }
    expect(Math.max(...pages)).toBeLessThanOrEqual(25)
    expect(pages.reduce((a, b) => a + b, 0)).toBe(1000)
    const mails = await sent()
    expect(new Set(mails.map(({ recipient }) => recipient)).size).toBe(1000)
    expect(mails).toHaveLength(1000)
  }, 120_000)
})

describe('one whose notice fails each time', () => {
  const addresses = { alice: 'Alice.Martin@home.example', bob: 'bob@home.example' } as const
  /** The first of the walk, in whose way the other would stand. */
  function first(): { fails: string; goes: string } {
    const [one, other] = (['alice', 'bob'] as const).toSorted((a, b) =>
      org.people[a]!.personId < org.people[b]!.personId ? -1 : 1,
    )
    return { fails: addresses[one!], goes: addresses[other!] }
  }
  const recipients = async () => (await sent()).map(({ recipient }) => recipient)
  async function again(one: Process): Promise<void> {
    await fresh.db.query(`UPDATE person_notice SET again_at = now() WHERE again_at IS NOT NULL`)
    await fresh.db.query(`UPDATE outage SET walker_until = '-infinity'`)
    await work(one)
  }
  const noted = async () => (await fresh.db.query('SELECT told, failed, over_told AS over FROM outage'))[0]

  test('stands in nobody’s way, and is told when it works again', async () => {
    const one = await process()
    const { fails, goes } = first()
    brokenFor.add(fails)
    await setMode(Mode.emergency, 60)
    await work(one)
    expect(await recipients()).toEqual([goes])
    await again(one)
    expect(await acts()).toEqual(['notices-begun'])
    brokenFor.clear()
    // Not before its time.
    await fresh.db.query(`UPDATE outage SET walker_until = '-infinity'`)
    await work(one)
    expect(await recipients()).toEqual([goes])
    await again(one)
    expect((await recipients()).sort()).toEqual([addresses.alice, addresses.bob])
    expect(await noted()).toEqual({ told: 2, failed: 0, over: 0 })
    expect(await acts()).toEqual(['notices-begun', 'notices-sent'])
  })

  test('leaves meanwhile: the walk ends without them', async () => {
    const one = await process()
    const { fails, goes } = first()
    brokenFor.add(fails)
    await setMode(Mode.emergency, 60)
    await work(one)
    expect(await acts()).toEqual(['notices-begun'])
    await fresh.db.query(
      `UPDATE person SET disabled_at = now() WHERE person_id IN (SELECT person_id FROM person_notice WHERE told_at IS NULL)`,
    )
    await again(one)
    expect(await recipients()).toEqual([goes])
    expect(await acts()).toEqual(['notices-begun', 'notices-sent'])
  })

  test('not for ever, and the same when it is over', async () => {
    const one = await process()
    const { fails, goes } = first()
    brokenFor.add(fails)
    await setMode(Mode.emergency, 60)
    await work(one)
    await fresh.db.query(`UPDATE person_notice SET tries = ${MOST_TELL_TRIES - 1} WHERE tries > 0`)
    await again(one)
    expect(await noted()).toEqual({ told: 1, failed: 1, over: 0 })
    expect(await acts()).toEqual(['notices-begun', 'notices-sent'])

    await setMode(Mode.normal, 6)
    await fresh.db.query(
      `UPDATE outage SET began_at = now() - interval '1 hour', calm_since = now() - interval '6 minutes'`,
    )
    brokenFor.add(goes)
    await work(one)
    expect(await acts()).toEqual(['notices-begun', 'notices-sent'])
    await fresh.db.query(`UPDATE person_notice SET tries = ${MOST_TELL_TRIES - 1} WHERE tries > 0`)
    await again(one)
    await again(one)
    expect(await noted()).toEqual({ told: 1, failed: 1, over: 0 })
    expect(await acts()).toEqual(['notices-begun', 'notices-sent', 'notices-ended'])
  })
})

describe('by an admin', () => {
  const act = () => ({ organisationId: org.organisationId, routeId: org.routeId, actor: 'cli:root' })
  const deps = () => ({ db: fresh.db, clock: systemClock, publicUrl: config.publicUrl })

  test('at once, with own words, in any mode; a second time is a conflict', async () => {
    const one = await process()
    expect(await tellPeople(deps(), { ...act(), ownText: 'Fire in the computer room.' })).toBe(2)
    await work(one)
    expect(await sent()).toHaveLength(2)
    const bodies = await fresh.db.query<{ text: string }>(`SELECT convert_from(bytes, 'UTF8') AS text FROM body`)
    expect(bodies).toHaveLength(2)
    for (const { text } of bodies) expect(text).toContain('Fire in the computer room.')
    await expect(tellPeople(deps(), { ...act(), ownText: null })).rejects.toMatchObject({ code: 'conflict' })
    // A real outage begins: it is the same one.
    await setMode(Mode.emergency, 60)
    await work(one)
    expect(await sent()).toHaveLength(2)
  })

  test('suppressed in time, nobody is told; and he may think better of it', async () => {
    const one = await process()
    await setMode(Mode.emergency, 5)
    await suppressNotices(deps(), act())
    await fresh.db.query(`UPDATE outage SET down_since = now() - interval '1 hour'`)
    await work(one)
    expect(await sent()).toEqual([])
    await expect(suppressNotices(deps(), act())).rejects.toBeInstanceOf(WireError)
    await tellPeople(deps(), { ...act(), ownText: null })
    await work(one)
    expect(await sent()).toHaveLength(2)
    expect(await acts()).toEqual(['notices-suppressed', 'notices-begun', 'notices-sent'])
  })

  test('without publicUrl there is nothing to say; a way out has no people', async () => {
    await expect(tellPeople({ ...deps(), publicUrl: '' }, { ...act(), ownText: null })).rejects.toMatchObject({
      code: 'config',
    })
    await expect(tellPeople(deps(), { ...act(), routeId: org.outboundRouteId, ownText: null })).rejects.toMatchObject({
      code: 'bad-request',
    })
  })
})

describe('the mail and the address', () => {
  test('null sender, signed for the person’s domain, answered by nobody; the private address shows nowhere', async () => {
    const one = await process()
    await setMode(Mode.emergency, 60)
    await work(one)
    const { db } = fresh
    const [row] = await db.query<{ messageId: Id; from: string; prefix: Buffer; bytes: Buffer }>(
      `SELECT m.message_id AS "messageId", m.envelope_from AS "from", m.prefix, b.bytes FROM message m
       JOIN delivery d USING (organisation_id, message_id) JOIN body b ON b.body_id = m.message_id
       WHERE d.recipient LIKE 'Alice%'`,
    )
    const text = row!.bytes.toString()
    expect(row!.from).toBe('')
    expect(row!.prefix.toString()).toContain('DKIM-Signature: v=1; d=corp.test')
    expect(text).toMatch(/^From: .*<postmaster@corp\.test>\r$/m)
    expect(text).toMatch(/^To: .*<Alice\.Martin@home\.example>\r$/m)
    expect(text).toMatch(/^Auto-Submitted: auto-generated\r$/m)
    expect(text).toContain('https://mail-emergency.test')
    expect(row!.bytes.every((octet) => octet < 0x80)).toBe(true)

    await db.query(
      `INSERT INTO attempt (organisation_id, delivery_id, attempt_no, at, outcome, reason, reply, took_ms)
       SELECT organisation_id, delivery_id, 1, now(), 2, 'recipient-tempfail', '<' || recipient || '> is full', 3
       FROM delivery WHERE message_id = $1`,
      [row!.messageId],
    )
    await db.query('UPDATE delivery SET attempts = 1 WHERE message_id = $1', [row!.messageId])
    const ask = {
      organisationId: org.organisationId,
      states: [0, 1, 2],
      routeId: null,
      after: null,
      limit: 9,
      newestFirst: false,
    }
    const shown = JSON.stringify([
      await listDeliveries(db, { ...ask, q: null }),
      await readMessage(db, org.organisationId, row!.messageId),
      await attemptsOf(db, org.organisationId, row!.messageId),
    ])
    expect(shown).toContain('"recipient":"…@…"')
    expect(shown).not.toMatch(/home\.example|Alice\.Martin/)
    expect(await listDeliveries(db, { ...ask, q: 'home.example' })).toEqual([])
  })

  test('sealed under another key, or at a domain that has become the organisation’s: said, and nobody else waits', async () => {
    await fresh.db.query(`UPDATE person SET private_sealed = '\\x00' WHERE person_id = $1`, [
      org.people.alice!.personId,
    ])
    await givePrivate(org.people.carol!.personId, 'carol@corp.test')
    const one = await process()
    await setMode(Mode.emergency, 60)
    await work(one)
    expect((await sent()).map(({ recipient }) => recipient)).toEqual(['bob@home.example'])
    expect((await fresh.db.query('SELECT told, failed FROM outage'))[0]).toEqual({ told: 1, failed: 2 })
    const why = await fresh.db.query<{ why: string }>(
      'SELECT why FROM person_notice WHERE why IS NOT NULL ORDER BY why',
    )
    expect(why.map((each) => each.why)).toEqual(['inside', 'sealed-elsewhere'])
  })
})
