/** From what a SCIM client writes to people: within the limits of a day, asked above them, nobody lost by a stream of changes. */
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../../../testkit/fake-clock.ts'
import { expectSound } from '../../../../../testkit/sound.ts'
import { Role } from '../../../../platform/codes.ts'
import { silentLog } from '../../../../platform/log.ts'
import { ENTERPRISE_URN, groupKind, userKind } from '../../../../protocols/scim/index.ts'
import { lookAfterSources } from '../../../directory-schedule/index.ts'
import { listRuns, showRun, type RunReport } from '../report.ts'
import { confirmRun, refuseRun, RunError } from '../runs.ts'
import { findResources } from './find.ts'
import { createResource, deleteResource, patchResource } from './resources.ts'
import { createScimRunner, type ScimRunner } from './runner.ts'
import { makeScimToken, openScim, revokeScimToken, scimTokens } from './tokens.ts'

const DAY = 86_400_000
const NOW = { quietSeconds: 0, mostSeconds: 0, betweenSeconds: 0 }
let fresh: FreshDatabase
let clock: FakeClock
let org: MadeOrganisation
let key: { organisationId: string; sourceId: string }
let runner: ScimRunner

const deps = () => ({
  db: fresh.db,
  clock,
  log: silentLog,
  placeWaiting: () => Promise.resolve(),
  actor: 'cli:test',
})
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())
beforeEach(async () => {
  clock = fakeClock()
  org = await makeOrganisation(fresh.db, { people: ['hand'] })
  const { token } = await makeScimToken(deps(), wishOf('scim'))
  key = (await openScim(deps(), token, '192.0.2.1'))!
  runner = createScimRunner({ ...deps(), pace: NOW })
})
afterEach(() => expectSound(fresh.db, null))

const wishOf = (source: string) => ({
  ...{ organisationId: org.organisationId, source, name: 'test', expiresAt: null, actor: 'cli:test' },
})
const user = async (local: string, more: object = {}) =>
  (
    await createResource(deps(), key, userKind, {
      userName: `${local}@${org.domain}`,
      displayName: `Name ${local}`,
      externalId: `entra-object-of-${local.length}-${local}`.replaceAll(local, Buffer.from(local).toString('hex')),
      ...more,
    })
  ).id
const change = (id: string, path: string, value: unknown, op = 'replace') =>
  patchResource(
    deps(),
    key,
    userKind,
    { id, ifMatch: undefined },
    { Operations: [{ op, path, value: value as string }] },
  )
const away = (id: string) => deleteResource(deps(), key, userKind, { id, ifMatch: undefined })
const group = async (displayName: string, ...members: string[]) =>
  (await createResource(deps(), key, groupKind, { displayName, members: members.map((value) => ({ value })) })).id
const runs = () => listRuns(fresh.db, org.organisationId, { limit: 200 })

/** What the newest run says, after what is due was brought. */
async function brought(): Promise<RunReport> {
  // Runs are in the order of their ids, which have the time in them.
  clock.jump(1)
  await runner.run()
  const [newest] = await runs()
  return (await showRun(fresh.db, org.organisationId, newest!.id))!
}
const confirmed = async () => confirmRun(deps(), { organisationId: org.organisationId, runId: (await brought()).id })

interface PersonNow {
  name: string
  upn: string | null
  isShut: boolean
  addresses: string[]
  groupName: string | null
  title: string | null
  manager: string | null
}
const people = () =>
  fresh.db.query<PersonNow>(
    `SELECT p.name, p.upn, p.disabled_at IS NOT NULL AS "isShut", g.name AS "groupName", c.title, c.manager,
       ARRAY(SELECT split_part(a.address, '@', 1) FROM address a WHERE a.person_id = p.person_id ORDER BY NOT is_primary, address) AS addresses
     FROM person p LEFT JOIN person_group g USING (organisation_id, group_id) LEFT JOIN person_card c USING (organisation_id, person_id)
     WHERE p.organisation_id = $1 AND p.source = 4 ORDER BY p.name`,
    [org.organisationId],
  )
const names = async () => (await people()).map(({ name, isShut }) => `${name}${isShut ? ' (shut)' : ''}`)
const standing = async () => {
  await lookAfterSources(fresh.db, clock)
  return fresh.db.query(
    `SELECT kind, facts->>'detail' AS detail FROM alarm WHERE organisation_id = $1 AND ended_at IS NULL`,
    [org.organisationId],
  )
}
const dayLater = () => fresh.db.query(`UPDATE scim_source SET ran_at = ran_at - interval '25 hours'`)

test('the first list waits for a yes; from then on single changes are carried out by themselves', async () => {
  await fresh.db.query(
    `INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, gen_random_uuid(), 'Crew')`,
    [org.organisationId],
  )
  const boss = await user('boss', { title: 'Master', active: 'True' })
  const mate = await user('mate', {
    userName: `MATE@corp.example`,
    emails: [
      { value: 'mate@home.example', type: 'home', primary: true },
      { value: `Mate@${org.domain}`, type: 'work' },
      { value: `m.ate@${org.domain}`, type: 'other' },
    ],
    [ENTERPRISE_URN]: { manager: { value: boss } },
  })
  const inner = await group('Deck', mate)
  await group('CREW', inner)
  const first = await brought()
  expect(first).toMatchObject({ state: 'staged', startedBy: 'scim', why: 'the first list of this source' })
  expect(await people()).toEqual([])
  await confirmed()
  expect(await people()).toEqual([
    {
      name: 'Name boss',
      upn: `boss@${org.domain}`,
      isShut: false,
      addresses: ['boss'],
      groupName: null,
      title: 'Master',
      manager: null,
    },
    {
      ...{ name: 'Name mate', upn: 'mate@corp.example', isShut: false, addresses: ['mate', 'm.ate'] },
      ...{ groupName: 'Crew', title: null, manager: `boss@${org.domain}` },
    },
  ])
  await change(mate, 'title', 'Mate')
  await change(mate, 'active', 'False')
  expect(await brought()).toMatchObject({ state: 'applied', decidedBy: 'scim', counts: { removals: 1, changes: 0 } })
  expect(await names()).toEqual(['Name boss', 'Name mate (shut)'])
  await change(mate, 'active', true)
  await brought()
  expect((await people())[1]).toMatchObject({ isShut: false, title: 'Mate' })
  const before = (await runs()).length
  await change(boss, 'nickName', 'the old man')
  await brought()
  expect((await runs()).length).toBe(before)
})

test('whoever is deleted is shut out at once, gone after the grace, and the same when made again', async () => {
  const [a] = [await user('ann'), await user('bob')]
  await confirmed()
  await fresh.db.query(`UPDATE directory_source SET settings = '{"removals": {"percent": 100}}' WHERE source_id = $1`, [
    key.sourceId,
  ])
  const [ann] = await fresh.db.query<{ id: string }>(
    `SELECT person_id AS id FROM person WHERE organisation_id = $1 AND name = 'Name ann'`,
    [org.organisationId],
  )
  await away(a)
  const run = await brought()
  expect(run).toMatchObject({ state: 'applied', counts: { removals: 1 } })
  expect(run.items[0]!.words[0]).toContain('taken away at the source: may not sign in any more')
  expect(await names()).toEqual(['Name ann (shut)', 'Name bob'])
  expect(await user('ann')).toBe(a)
  await brought()
  expect(await names()).toEqual(['Name ann', 'Name bob'])
  await away(a)
  await brought()
  clock.jump(13 * DAY)
  await dayLater()
  await brought()
  expect(await names()).toEqual(['Name ann (shut)', 'Name bob'])
  clock.jump(2 * DAY)
  await dayLater()
  expect((await brought()).items).toMatchObject([{ act: 'remove' }])
  expect(await names()).toEqual(['Name bob'])
  await user('ann')
  await brought()
  expect(await names()).toEqual(['Name ann', 'Name bob'])
  expect(await fresh.db.query('SELECT FROM person WHERE person_id = $1', [ann!.id])).toEqual([])
})

test('a successor who has the name, and an id that is only a name, is not who was deleted', async () => {
  const first = await user('kim', { externalId: 'kim.longname', userName: `kim.longname@${org.domain}` })
  await user('lee')
  await confirmed()
  await away(first)
  await brought()
  const second = await user('kim', { externalId: 'kim.longname', userName: `kim.longname@${org.domain}` })
  expect(second).not.toBe(first)
  const run = await brought()
  expect(run.problems).toMatchObject([{ code: 'sign-in-name-taken' }])
  expect(await names()).toEqual(['Name kim (shut)', 'Name lee'])
})

test('a mass deletion is taken, does nothing, and asks; what comes later joins it; a yes is to what was shown', async () => {
  const ids: string[] = []
  for (let i = 10; i < 30; i++) ids.push(await user(`p${i}`))
  await confirmed()
  for (const id of ids.slice(0, 15)) await away(id)
  const asks = await brought()
  expect(asks).toMatchObject({ state: 'asks', counts: { removals: 15 } })
  expect(asks.why).toContain('15 people would go within a day, and 4 may without a question')
  expect((await names()).filter((name) => name.includes('shut'))).toEqual([])
  await dayLater()
  expect((await brought()).id).toBe(asks.id)
  await user('late')
  const joined = await brought()
  expect(joined).toMatchObject({ state: 'asks', counts: { removals: 15, creations: 1 } })
  await expect(confirmRun(deps(), { organisationId: org.organisationId, runId: asks.id })).rejects.toThrow(RunError)
  expect(await standing()).toEqual([{ kind: 'list-asks', detail: joined.why }])
  await refuseRun(deps(), { organisationId: org.organisationId, runId: joined.id })
  await runner.run()
  expect(await standing()).toEqual([{ kind: 'list-refused', detail: '' }])
  expect((await people()).length).toBe(20)
  // Made again by the client: nothing is left to ask.
  for (let i = 10; i < 25; i++) expect(await user(`p${i}`)).toBe(ids[i - 10])
  expect(await brought()).toMatchObject({ state: 'applied', counts: { creations: 1, removals: 0 } })
  expect((await people()).length).toBe(21)
})

test('many small runs may do no more in a day than one, and what somebody confirmed does not count', async () => {
  for (const local of ['a', 'b', 'c']) await user(`first-${local}`)
  await confirmed()
  let states = ''
  for (let i = 0; i < 12; i++) {
    await user(`new${i}`)
    states += (await brought()).state === 'applied' ? '.' : '?'
    clock.jump(60_000)
  }
  expect(states).toBe('..........??')
  await confirmed()
  expect((await people()).length).toBe(15)
  clock.jump(DAY)
  await user('next-day')
  expect((await brought()).state).toBe('applied')
  await fresh.db.query(`UPDATE directory_source SET settings = '{"removals": {"most": 2}}' WHERE source_id = $1`, [
    key.sourceId,
  ])
  const all = (await findResources(asked(), null, { startIndex: 1, count: 500 }, { only: null, without: [] })).rows
  for (const { id } of all.slice(0, 2)) {
    await change(id, 'active', false)
    expect((await brought()).state).toBe('applied')
  }
  await change(all[2]!.id, 'active', false)
  expect((await brought()).state).toBe('asks')
})
const asked = () => ({ sql: fresh.db, key, kind: userKind, base: '' })

test('a client cannot take over who administers, nor a name of somebody else', async () => {
  await user('one')
  await confirmed()
  await fresh.db.query(`UPDATE person SET role = ${Role.admin} WHERE person_id = $1`, [org.people.hand!.personId])
  const id = await user('hand')
  expect((await brought()).why).toContain('how Hand can sign in, or whose mail goes where, would change')
  await away(id)
  await brought()
  const other = await makeOrganisation(fresh.db, { people: ['x'] })
  await user('two', { userName: other.people.x!.address })
  expect((await brought()).problems).toMatchObject([{ code: 'foreign-domain' }])
  await user('three', {
    userName: other.people.x!.address.replace('x@', 'free@'),
    emails: [{ value: `three@${org.domain}` }],
  })
  expect((await brought()).state).toBe('applied')
})

test('runs wait until a source is quiet, but not for ever, and are some way apart; nothing was written, nothing runs', async () => {
  const slow = createScimRunner({ ...deps(), pace: { quietSeconds: 20, mostSeconds: 300, betweenSeconds: 60 } })
  const age = (column: string, seconds: number) =>
    fresh.db.query(`UPDATE scim_source SET ${column} = now() - make_interval(secs => $2) WHERE source_id = $1`, [
      key.sourceId,
      seconds,
    ])
  expect(await slow.run()).toBe(0)
  await user('a')
  expect(await slow.run()).toBe(0)
  await age('last_change_at', 21)
  expect(await slow.run()).toBe(1)
  await user('b')
  await age('last_change_at', 30)
  expect(await slow.run()).toBe(0)
  await age('ran_at', 61)
  expect(await slow.run()).toBe(1)
  await user('c')
  await age('ran_at', 61)
  await age('first_change_at', 301)
  expect(await slow.run()).toBe(1)
  expect((await runs()).filter(({ state }) => state === 'staged').length).toBe(1)
})

test('tokens: another takes the place of one, names of other kinds are refused, all of it is in the audit', async () => {
  const { token, id } = await makeScimToken(deps(), wishOf('scim'))
  expect(await openScim(deps(), token, '192.0.2.1')).toEqual(key)
  expect(await revokeScimToken(deps(), { organisationId: org.organisationId, id, actor: 'cli:test' })).toMatchObject({
    id,
  })
  expect(await revokeScimToken(deps(), { organisationId: org.organisationId, id, actor: 'cli:test' })).toBeNull()
  expect(await openScim(deps(), token, '192.0.2.1')).toBeNull()
  const past = await makeScimToken(deps(), { ...wishOf('scim'), expiresAt: new Date(clock.now() + 1000) })
  expect(await openScim(deps(), past.token, '')).toEqual(key)
  clock.jump(1000)
  expect(await openScim(deps(), past.token, '')).toBeNull()
  await fresh.db.query(
    `INSERT INTO directory_source (organisation_id, source_id, name, kind) VALUES ($1, gen_random_uuid(), 'staff', 2)`,
    [org.organisationId],
  )
  await expect(makeScimToken(deps(), wishOf('staff'))).rejects.toThrow('of another kind')
  for (let i = (await scimTokens(fresh.db, org.organisationId)).length; i < 20; i++)
    await makeScimToken(deps(), wishOf('scim'))
  await expect(makeScimToken(deps(), wishOf('scim'))).rejects.toThrow('20 tokens')
  const rows = await fresh.db.query<{ action: string; detail: object }>(
    `SELECT action, detail FROM audit WHERE organisation_id = $1 AND action LIKE 'scim%' ORDER BY seq`,
    [org.organisationId],
  )
  const first = rows.slice(0, 3).map(({ action }) => action)
  expect(first).toEqual(['scim-token-made', 'scim-token-made', 'scim-token-revoked'])
  expect(JSON.stringify(rows)).not.toContain(token)
})

/** What is done to a small set of people and one group, and what should be there then. */
const acts = fc.array(
  fc.record({
    who: fc.nat(7),
    act: fc.constantFrom('make', 'delete', 'off', 'on', 'title', 'mail', 'join', 'leave', 'run'),
  }),
  { minLength: 20, maxLength: 40 },
)
test('any stream of changes ends in what a simple model says, and in people who are the same', async () => {
  await fresh.db.query(`UPDATE directory_source SET settings = $2 WHERE source_id = $1`, [
    key.sourceId,
    JSON.stringify(
      Object.fromEntries(['creations', 'changes', 'removals'].map((what) => [what, { most: 1000, percent: 100 }])),
    ),
  ])
  await fresh.db.query(
    `INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, gen_random_uuid(), 'Crew')`,
    [org.organisationId],
  )
  await user('base')
  const crew = await group('Crew')
  await confirmed()
  const model = new Map<number, { id: string; on: boolean; title: string | null; mail: boolean; in: boolean }>()
  let n = 0
  const member = (id: string, op: 'add' | 'remove', asPath: boolean) =>
    patchResource(
      deps(),
      key,
      groupKind,
      { id: crew, ifMatch: undefined },
      {
        Operations: [
          asPath && op === 'remove'
            ? { op, path: `members[value eq "${id}"]` }
            : { op, path: 'members', value: [{ value: id }] },
        ],
      },
    )
  await fc.assert(
    fc.asyncProperty(acts, async (all) => {
      for (const { who, act } of all) {
        const one = model.get(who)
        n++
        if (act === 'run') await brought()
        else if (act === 'make') {
          if (one) await expect(user(`w${who}`)).rejects.toMatchObject({ status: 409 })
          else model.set(who, { id: await user(`w${who}`), on: true, title: null, mail: false, in: false })
        } else if (!one) continue
        else if (act === 'delete') {
          await away(one.id)
          model.delete(who)
        } else if (act === 'off' || act === 'on') {
          one.on = act === 'on'
          await change(one.id, 'active', one.on ? 'True' : 'False')
        } else if (act === 'title') {
          one.title = n % 3 === 0 ? null : `T${n}`
          await change(one.id, 'title', one.title, one.title === null ? 'Remove' : 'Add')
        } else if (act === 'mail') {
          one.mail = !one.mail
          const path = 'emails[type eq "work"].value'
          await change(one.id, path, one.mail ? `alias${who}@${org.domain}` : undefined, one.mail ? 'Add' : 'Remove')
        } else {
          one.in = act === 'join'
          await member(one.id, one.in ? 'add' : 'remove', n % 2 === 0)
        }
      }
      await brought()
      const waits = (await runs()).find(({ state }) => state === 'asks')
      if (waits) await confirmRun(deps(), { organisationId: org.organisationId, runId: waits.id })
      const there = new Map((await people()).map((person) => [person.name, person]))
      for (const [who, { on, title, mail, in: isIn }] of model)
        expect(there.get(`Name w${who}`)).toMatchObject({
          ...{ isShut: !on, title, groupName: isIn ? 'Crew' : null, addresses: [mail ? `alias${who}` : `w${who}`] },
        })
      const shut = [...there.values()].filter(({ isShut }) => isShut).map(({ name }) => name)
      for (const name of shut) expect([...model].some(([who, { on }]) => name === `Name w${who}` && on)).toBe(false)
    }),
    { numRuns: 6 },
  )
}, 60_000)
