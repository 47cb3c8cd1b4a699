/** Somebody's mailbox becomes a shared one, or has new members soon after, only with a second person; the person is told. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../../testkit/database.ts'
import { expectSound } from '../../../../testkit/sound.ts'
import { systemClock } from '../../../platform/clock.ts'
import { keysFrom } from '../../../platform/keys.ts'
import { newId } from '../../../platform/ids.ts'
import { diskBlobStore } from '../../../store/blobs/disk-blob-store.ts'
import { createFourEyes, type By } from '../../four-eyes/index.ts'
import { ApplyError, applyDeclaration, checkDeclaration, type ApplyDeps } from '../index.ts'

let fresh: FreshDatabase
let deps: ApplyDeps
beforeAll(async () => {
  fresh = await freshDatabase()
  deps = {
    ...{ db: fresh.db, clock: systemClock, keys: () => keysFrom(Buffer.alloc(32, 7)), actor: 'cli:test' },
    checkPassword: () => undefined,
    hashPassword: async () => 'hash',
    verifyPassword: async () => true,
    oneTimePassword: () => 'abcd-efgh-jkmn',
    secretOf: (entry) => entry.password ?? null,
    readFile: () => '',
    placeWaiting: async () => undefined,
  }
})
afterAll(async () => {
  await expectSound(fresh.db, diskBlobStore('/nonexistent'))
  await fresh.drop()
})

const person = (local: string, more: object = {}) => ({ name: local, addresses: [`${local}@corp.test`], ...more })
const people = [person('ann', { role: 'admin' }), person('ben', { role: 'admin' }), person('eve')]
const members = (...names: string[]) => ({
  shared: { members: names.map((name) => ({ person: `${name}@corp.test` })) },
})
const apply = (...more: object[]) => {
  const read = checkDeclaration({
    organisations: [
      {
        ...{ slug: 'corp', name: 'Corp', routes: [{ name: 'primary', settings: { hosts: [{ host: '127.0.0.1' }] } }] },
        ...{ domains: [{ name: 'corp.test', route: 'primary' }], people: [...people, ...more] },
      },
    ],
  })
  if (!('declaration' in read)) throw new Error(JSON.stringify(read))
  return applyDeclaration(deps, read.declaration, { dryRun: false, prune: false })
}
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof ApplyError ? error.problems.map(({ path }) => path).join() : String(error)),
  )
const idOf = async (name: string): Promise<string> =>
  (await fresh.db.query<{ id: string }>('SELECT person_id AS id FROM person WHERE name = $1', [name]))[0]!.id
const org = async (): Promise<string> =>
  (await fresh.db.query<{ id: string }>('SELECT organisation_id AS id FROM organisation'))[0]!.id
async function getsMail(name: string): Promise<void> {
  await fresh.db.query(
    `WITH m AS (INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, size, sha256, body_store, prefix)
       VALUES ($1, $3, now(), 1, 'x@else.test', 1, sha256('x'), 1, '')),
     b AS (INSERT INTO body (organisation_id, body_id, bytes) VALUES ($1, $3, 'x')),
     c AS (INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, thread_id)
       VALUES ($1, $4, $3, $2, 1, now() + interval '9 days', 'organisation:14d', $4)),
     f AS (UPDATE folder SET uidnext = uidnext + 1, total = total + 1, unseen = unseen + 1, bytes = bytes + 1, modseq = modseq + 1
       WHERE organisation_id = $1 AND person_id = $2 AND folder_no = 1 RETURNING uidnext - 1 AS uid, modseq)
     INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size)
     SELECT $1, $2, 1, f.uid, $4, $3, $4, f.modseq, f.modseq, 1 FROM f`,
    [await org(), await idOf(name), newId(Date.now()), newId(Date.now())],
  )
}
async function approveHandOver(name: string): Promise<void> {
  const [organisationId, ann, ben] = [await org(), await idOf('ann'), await idOf('ben')]
  const by = (subjectId: string): By => ({ actor: `person:${subjectId}`, kind: 'person', subjectId, organisationId })
  await fresh.db.query(
    `UPDATE person SET created_at = now() - interval '1 year', role_since = now() - interval '1 year'`,
  )
  const fourEyes = createFourEyes({ db: fresh.db, clock: systemClock })
  const { accessId } = await fourEyes.ask({
    ...{ organisationId, mailboxId: await idOf(name), by: by(ann), purpose: 'handOver', minutes: 60 },
    reason: 'Gil has left, the desk answers his customers',
  })
  await fourEyes.decide({ organisationId, accessId }, by(ben), { approve: true, note: '' })
}
const told = () =>
  fresh.db.query<{ kind: string }>(
    'SELECT n.kind FROM account_notice n JOIN person p USING (organisation_id, person_id) WHERE p.name = $1 ORDER BY n.made_at',
    ['gil'],
  )
const end = () => fresh.db.query(`UPDATE mailbox_access SET state = 7, over_at = now()`)

test('a mailbox without mail, and a new one, are nobody’s secret', async () => {
  await apply(person('gil'), person('empty'))
  expect(await outcome(apply(person('empty', members('ann')), person('office', members('ann'))))).toBe('done')
  await getsMail('office')
  expect(await outcome(apply(person('office', members('ann', 'eve'))))).toBe('done')
})

test('one with mail needs the approval of a second person, and is told', async () => {
  await getsMail('gil')
  expect(await outcome(apply(person('gil', members('ann'))))).toBe('organisations[corp].people[gil@corp.test].shared')
  expect(await told()).toEqual([])
  await approveHandOver('gil')
  expect(await outcome(apply(person('gil', members('ann'))))).toBe('done')
  expect((await told()).map(({ kind }) => kind)).toEqual(['access-approved', 'handed-over'])
})

test('a new member soon after needs it as well; who reads it already, and who reads no more, does not', async () => {
  await end()
  expect(await outcome(apply(person('gil', members('ann'))))).toBe('done')
  expect(await outcome(apply(person('gil', members('ann', 'eve'))))).toBe(
    'organisations[corp].people[gil@corp.test].shared',
  )
  expect(await outcome(apply(person('gil', members())))).toBe('done')
  expect(await outcome(apply(person('gil', members('eve'))))).toBe('organisations[corp].people[gil@corp.test].shared')
  await fresh.db.query(
    `UPDATE person SET was_own_until = was_own_until - interval '31 days' WHERE was_own_until IS NOT NULL`,
  )
  await fresh.db.query(
    `UPDATE mailbox_access SET asked_at = asked_at - interval '31 days', decided_at = decided_at - interval '31 days', expires_at = expires_at - interval '31 days', over_at = over_at - interval '31 days'`,
  )
  expect(await outcome(apply(person('gil', members('eve'))))).toBe('done')
})

test('somebody’s own again: the next time it is asked for again', async () => {
  await apply(person('gil'))
  expect(await outcome(apply(person('gil', members('ann'))))).toBe('organisations[corp].people[gil@corp.test].shared')
})
