import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { FreshDatabase } from '../../../../testkit/database.ts'
import { freshDatabase } from '../../../../testkit/database.ts'
import { makeList, makeOrganisation, type MadeOrganisation } from '../../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../../testkit/fake-clock.ts'
import { PIXEL } from '../../../../testkit/pixel.ts'
import { expectSound } from '../../../../testkit/sound.ts'
import { PersonSource } from '../../../platform/codes.ts'
import { newId } from '../../../platform/ids.ts'
import { readGeneration } from '../../../store/directory.ts'
import { lockSource, readSources, writeSources } from '../../../store/directory-sources.ts'
import { verifyAuditChain } from '../../audit/index.ts'
import type { Entry, SourceList } from './entry.ts'
import { listRuns, showRun } from './report.ts'
import { confirmRun, importList, noteFailed, refuseRun, RunError, type RunDeps } from './runs.ts'

const DAY = 86_400_000
let fresh: FreshDatabase
let clock: FakeClock
let deps: RunDeps
let org: MadeOrganisation
let isBroken = false
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())
beforeEach(async () => {
  clock = fakeClock()
  isBroken = false
  org = await makeOrganisation(fresh.db, { people: ['hand'] })
  deps = {
    db: fresh.db,
    clock,
    actor: 'cli:test',
    placeWaiting: () => (isBroken ? Promise.reject(new Error('broken')) : Promise.resolve()),
  }
})

const entry = (externalId: string, local: string | string[], more: Partial<Entry> = {}): Entry => ({
  row: null,
  externalId,
  name: `Name ${externalId}`,
  addresses: [local].flat().map((each) => `${each}@${org.domain}`),
  enabled: true,
  ...more,
})
const listOf = (...entries: Entry[]): SourceList => ({ entries, unusable: [], problems: [] })
const bring = (
  list: SourceList,
  how: { isUnasked?: boolean; isDryRun?: boolean; source?: string; kind?: number } = {},
) =>
  importList(
    deps,
    {
      organisationId: org.organisationId,
      source: { name: how.source ?? 'staff', kind: how.kind ?? PersonSource.csv },
      isUnasked: how.isUnasked ?? false,
      isDryRun: how.isDryRun ?? false,
    },
    list,
  )
const about = (runId: string) => ({ organisationId: org.organisationId, runId })
const people = () =>
  fresh.db.query<{ name: string; source: number; off: boolean; addresses: string[]; missing: boolean | null }>(
    `SELECT p.name, p.source, p.disabled_at IS NOT NULL AS off,
       array(SELECT split_part(a.address, '@', 1) || CASE WHEN is_primary THEN '*' ELSE '' END FROM address a WHERE a.person_id = p.person_id ORDER BY 1) AS addresses,
       (SELECT bool_or(missing_since IS NOT NULL) FROM person_source l WHERE l.person_id = p.person_id) AS missing
     FROM person p WHERE organisation_id = $1 ORDER BY name`,
    [org.organisationId],
  )
const names = async () => (await people()).map(({ name }) => name)
const audited = async () =>
  (
    await fresh.db.query<{ action: string }>(
      `SELECT action FROM audit WHERE organisation_id = $1 AND action LIKE 'directory%' ORDER BY seq`,
      [org.organisationId],
    )
  ).map(({ action }) => action)
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof RunError ? error.code : String(error)),
  )
/** A source that has been looked at once. */
async function settled(...entries: Entry[]): Promise<void> {
  await confirmRun(deps, about((await bring(listOf(...entries))).id))
}

test('the first list waits, is confirmed once, and the second time there is nothing to do', async () => {
  const list = listOf(
    entry('1', ['alice', 'al'], { upn: 'alice.upn' }),
    entry('2', 'bob', { enabled: false }),
    entry('3', 'hand'),
  )
  const dry = await bring(list, { isUnasked: true, isDryRun: true })
  expect([dry.state, await listRuns(fresh.db, org.organisationId, { limit: 5 })]).toEqual(['staged', []])
  const staged = await bring(list, { isUnasked: true })
  expect(staged).toMatchObject({ state: 'staged', why: 'the first list of this source', digest: dry.digest })
  expect(await names()).toEqual(['Hand'])
  const generation = await readGeneration(fresh.db)
  expect(await refusal(confirmRun(deps, { ...about(staged.id), digest: 'another' }))).toBe('changed')
  expect(await confirmRun(deps, { ...about(staged.id), digest: staged.digest })).toMatchObject({
    state: 'applied',
    decidedBy: 'cli:test',
  })
  expect(await readGeneration(fresh.db)).toBe(generation + 1)
  expect(await people()).toEqual([
    { name: 'Hand', source: PersonSource.manual, off: false, addresses: ['hand*'], missing: false },
    { name: 'Name 1', source: PersonSource.csv, off: false, addresses: ['al', 'alice*'], missing: false },
    { name: 'Name 2', source: PersonSource.csv, off: true, addresses: ['bob*'], missing: false },
  ])
  expect(await refusal(confirmRun(deps, about(staged.id)))).toBe('decided')
  expect(await refusal(refuseRun(deps, about(staged.id)))).toBe('decided')
  expect(await bring(list)).toMatchObject({ state: 'applied', why: 'nothing to change', counts: { same: 3 } })
  expect(await readGeneration(fresh.db)).toBe(generation + 1)
  expect(await audited()).toEqual(['directory-applied'])
  expect(await verifyAuditChain(fresh.db, org.organisationId)).toMatchObject({ ok: true })
  await expectSound(fresh.db, null)
})

test('within the limits it is done unasked; above them it asks and changes nothing', async () => {
  const [a, b] = [entry('1', 'alice'), entry('2', 'bob')]
  await settled(a, b)
  expect(await bring(listOf(a, b, entry('3', 'carol')), { isUnasked: true })).toMatchObject({ state: 'applied' })
  const before = await people()
  const asks = await bring(listOf(entry('4', 'dave')), { isUnasked: true })
  expect(asks).toMatchObject({ state: 'asks', why: '3 people would go within a day, and 1 may without a question' })
  expect(await people()).toEqual(before)
  const empty = await bring(listOf(), { isUnasked: true })
  expect(empty).toMatchObject({ state: 'asks', why: expect.stringContaining('empty list') as string })
  expect(await people()).toEqual(before)
  // A newer list took its place.
  expect(await showRun(fresh.db, org.organisationId, asks.id)).toMatchObject({
    state: 'refused',
    why: 'a newer list came',
  })
  expect(await refuseRun(deps, about(empty.id))).toMatchObject({ state: 'refused', decidedBy: 'cli:test' })
  expect(await audited()).toEqual(['directory-applied', 'directory-applied', 'directory-refused'])
})

test('a line with the address of an administrator waits for a look', async () => {
  await settled(entry('1', 'alice'))
  await fresh.db.query("UPDATE person SET role = 4, source = 1 WHERE name = 'Name 1'")
  const list = listOf({ ...entry('1', 'alice'), upn: 'mallory' })
  expect(await bring(list, { isUnasked: true })).toMatchObject({
    state: 'asks',
    why: 'how Name 1 can sign in, or whose mail goes where, would change',
  })
})

test('the limits are those of the source', async () => {
  await settled(entry('1', 'alice'))
  const [source] = await readSources(fresh.db, org.organisationId)
  await writeSources(fresh.db, org.organisationId, [{ ...source!, settings: { creations: { most: 0 } } }])
  expect(await bring(listOf(entry('1', 'alice'), entry('2', 'bob')), { isUnasked: true })).toMatchObject({
    state: 'asks',
  })
})

test('what is confirmed is what was shown: where people have changed since, nothing is done', async () => {
  const staged = await bring(listOf(entry('1', 'alice'), entry('2', 'bob')))
  await fresh.db.query(
    `INSERT INTO address (organisation_id, address, person_id, domain_id, display) VALUES ($1, $2, $3, $4, $2)`,
    [org.organisationId, `bob@${org.domain}`, org.people.hand!.personId, org.domainId],
  )
  expect(await refusal(confirmRun(deps, about(staged.id)))).toBe('changed')
  expect(await names()).toEqual(['Hand'])
  expect(await showRun(fresh.db, org.organisationId, staged.id)).toMatchObject({ state: 'staged' })
})

test('missing, kept while mail is owed, removed after the grace; with mail here the same person comes back', async () => {
  const rest = [entry('8', 'r8'), entry('9', 'r9')]
  await settled(entry('1', 'alice'), ...rest)
  const [row] = await fresh.db.query<{ id: string }>(
    'SELECT person_id AS id FROM person_source WHERE organisation_id = $1 AND external_id = $2',
    [org.organisationId, '1'],
  )
  const alice = row!.id
  await bring(listOf(...rest), { isUnasked: true })
  expect((await people()).find(({ name }) => name === 'Name 1')).toMatchObject({ missing: true, addresses: ['alice*'] })
  clock.jump(13 * DAY)
  expect(await bring(listOf(...rest), { isUnasked: true })).toMatchObject({ why: 'nothing to change' })
  clock.jump(2 * DAY)
  await fresh.db.query(
    `INSERT INTO owed_item (organisation_id, owed_id, route_id, person_id, kind, copy_id, state, reason) VALUES ($1, $2, $3, $4, 1, $2, 1, 'sent')`,
    [org.organisationId, newId(1), org.routeId, alice],
  )
  expect(await bring(listOf(...rest), { isUnasked: true })).toMatchObject({
    state: 'applied',
    counts: { kept: 1, removals: 0 },
    items: [{ act: 'keep', name: 'Name 1', words: ['mail they sent is yet to go home'] }],
  })
  await fresh.db.query('DELETE FROM owed_item WHERE organisation_id = $1', [org.organisationId])
  await fresh.db.query(
    `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size) VALUES ($1, $2, 1, 1, $2, $2, $2, 1, 1, 1)`,
    [org.organisationId, alice],
  )
  expect(await bring(listOf(...rest), { isUnasked: true })).toMatchObject({ state: 'applied', counts: { removals: 1 } })
  expect((await people()).find(({ name }) => name === 'Name 1')).toMatchObject({ off: true, addresses: [] })
  expect(await bring(listOf(...rest), { isUnasked: true })).toMatchObject({ why: 'nothing to change' })
  await bring(listOf(...rest, entry('1', 'alice')), { isUnasked: true })
  const [again] = await fresh.db.query<{ id: string; off: boolean }>(
    'SELECT person_id AS id, p.disabled_at IS NOT NULL AS off FROM address JOIN person p USING (organisation_id, person_id) WHERE address = $1',
    [`alice@${org.domain}`],
  )
  expect(again).toEqual({ id: alice, off: false })
})

test('nobody is left of who had no mail', async () => {
  const rest = [entry('8', 'r8'), entry('9', 'r9')]
  await settled(entry('1', 'alice'), ...rest)
  await bring(listOf(...rest), { isUnasked: true })
  clock.jump(15 * DAY)
  await bring(listOf(...rest, entry('new', 'alice')), { isUnasked: true })
  expect(await names()).toEqual(['Hand', 'Name 8', 'Name 9', 'Name new'])
})

test('one run of a source at a time; another source is another matter', async () => {
  await settled(entry('1', 'alice'))
  await fresh.db.transaction(async (sql) => {
    await lockSource(sql, org.organisationId, 'staff')
    expect(await refusal(bring(listOf(entry('1', 'alice'))))).toBe('busy')
    expect(await bring(listOf(entry('z', 'zoe')), { source: 'other' })).toMatchObject({ state: 'staged' })
  })
  expect(await refusal(bring(listOf(), { kind: PersonSource.ldap }))).toBe('kind')
})

test('a run that breaks has changed nothing, and is reported; so is a list that could not be read', async () => {
  await settled(entry('1', 'alice'))
  const before = await people()
  isBroken = true
  clock.jump(1)
  expect(await refusal(bring(listOf(entry('1', 'alice'), entry('2', 'bob')), { isUnasked: true }))).toBe(
    'Error: broken',
  )
  expect(await people()).toEqual(before)
  const wish = {
    organisationId: org.organisationId,
    source: { name: 'staff', kind: PersonSource.csv },
    isUnasked: false,
    isDryRun: false,
  }
  clock.jump(1)
  await noteFailed(deps, wish, 'Line 2: a quote is never closed')
  expect((await listRuns(fresh.db, org.organisationId, { limit: 9 })).map(({ state, why }) => [state, why])).toEqual([
    ['failed', 'Line 2: a quote is never closed'],
    ['failed', 'an error of Holdfast: broken'],
    ['applied', 'the first list of this source'],
  ])
})

test('addresses, sign-in names and addresses of lists that others have are nobody else’s', async () => {
  const other = await makeOrganisation(fresh.db, { people: ['x'] })
  await fresh.db.query(`UPDATE person SET upn = 'taken.upn' WHERE person_id = $1`, [other.people.x!.personId])
  await makeList(fresh.db, org, 'all', { members: [] })
  const run = await bring(
    listOf(entry('1', 'alice', { upn: 'Taken.UPN' }), entry('2', 'all'), entry('3', ['carol', 'hand'])),
  )
  expect(run.problems.map(({ code, text }) => `${code} ${text}`)).toEqual([
    'sign-in-name-taken "taken.upn" belongs to "somebody outside this organisation"',
    `address-taken "all@${org.domain}" belongs to "the list All"`,
    `address-taken "hand@${org.domain}" belongs to "Hand"`,
  ])
  expect(run.items).toEqual([])
})

test('who may not sign in any more is signed out', async () => {
  await settled(entry('1', 'alice'), entry('2', 'bob'))
  await fresh.db.query(
    `INSERT INTO session (token_hash, organisation_id, subject_id, is_operator, csrf, expires_at)
     SELECT decode(md5(person_id::text), 'hex'), organisation_id, person_id, false, '', now() + interval '1 day' FROM person WHERE organisation_id = $1`,
    [org.organisationId],
  )
  await bring(listOf(entry('1', 'alice'), entry('2', 'bob', { enabled: false })), { isUnasked: true })
  const rows = await fresh.db.query('SELECT FROM session WHERE organisation_id = $1', [org.organisationId])
  expect(rows.length).toBe(2)
})

test('names and addresses change hands within one run', async () => {
  await settled(entry('1', ['alice', 'desk'], { upn: 'u.one' }), entry('2', 'bob', { upn: 'u.two' }))
  await settled(entry('1', ['bob2', 'alice'], { upn: 'u.two' }), entry('2', ['bob', 'desk'], { upn: 'u.one' }))
  const rows = await fresh.db.query<{ name: string; upn: string }>(
    'SELECT name, upn FROM person WHERE organisation_id = $1 AND source = 2 ORDER BY name',
    [org.organisationId],
  )
  expect(rows).toEqual([
    { name: 'Name 1', upn: 'u.two' },
    { name: 'Name 2', upn: 'u.one' },
  ])
  expect((await people()).map(({ addresses }) => addresses)).toEqual([['hand*'], ['alice', 'bob2*'], ['bob*', 'desk']])
})

test('a report is bounded; the newest are kept, and no list stays once it is decided', async () => {
  const list = listOf(...Array.from({ length: 2100 }, (_, i) => entry(String(i), `p${i}`)))
  const run = await bring(list)
  expect([run.items.length, run.counts.creations]).toEqual([2000, 2100])
  await confirmRun(deps, about(run.id))
  expect((await people()).length).toBe(2101)
  const [kept] = await fresh.db.query<{ n: number }>(
    'SELECT count(list_packed)::int AS n FROM directory_run WHERE organisation_id = $1',
    [org.organisationId],
  )
  expect(kept!.n).toBe(0)
}, 60_000)

test("a list that waits keeps its photos; a shared mailbox and a room are made as such, and a person's becomes one", async () => {
  const photo = Buffer.from(PIXEL, 'base64')
  const one = entry('1', 'alice', { card: { title: 'Head', photo } })
  const list = listOf(
    one,
    entry('2', 'office', { kind: 'shared', enabled: false }),
    entry('3', 'room7', { kind: 'room', enabled: false }),
  )
  await confirmRun(deps, about((await bring(list)).id))
  const kinds = () =>
    fresh.db.query<{ name: string; kind: number; off: boolean; photo: boolean }>(
      `SELECT p.name, p.kind, p.disabled_at IS NOT NULL AS off, EXISTS (SELECT FROM person_card c WHERE c.person_id = p.person_id AND c.photo IS NOT NULL) AS photo
       FROM person p WHERE organisation_id = $1 AND name LIKE 'Name %' ORDER BY name`,
      [org.organisationId],
    )
  expect(await kinds()).toEqual([
    { name: 'Name 1', kind: 1, off: false, photo: true },
    { name: 'Name 2', kind: 2, off: true, photo: false },
    { name: 'Name 3', kind: 3, off: true, photo: false },
  ])
  await fresh.db.query(
    `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier)
     SELECT gen_random_uuid(), organisation_id, person_id, 1, 'x' FROM person WHERE organisation_id = $1 AND name = 'Name 1'`,
    [org.organisationId],
  )
  const shared = listOf({ ...one, kind: 'shared', enabled: false }, ...list.entries.slice(1))
  expect(await bring(shared, { isUnasked: true })).toMatchObject({
    state: 'applied',
    items: [{ act: 'disable', words: ['a shared mailbox', 'may not sign in any more'] }],
  })
  expect((await kinds())[0]).toMatchObject({ kind: 2, off: true })
  // Back again only by hand.
  expect(await bring(list, { isUnasked: true })).toMatchObject({ why: 'nothing to change' })
  // Mail of another test of this file was made up.
  await expectSound(fresh.db, null, { except: ['placement-copy', 'folder-counters', 'folder-uidnext'] })
})
