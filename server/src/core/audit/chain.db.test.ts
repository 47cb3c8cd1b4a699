import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FreshDatabase } from '../../../testkit/database.ts'
import { freshDatabase } from '../../../testkit/database.ts'
import { NIL_ID, newId } from '../../platform/ids.ts'
import { appendAudit, auditChains, readAudit, verifyAuditChain } from './index.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

const entry = (organisationId: string, detail: Record<string, unknown> = {}) =>
  ({ organisationId, actor: 'cli:root', action: 'applied', subject: 'organisation:x', detail }) as const

test('a chain verifies, also with details that JSON numbers and text make hard', async () => {
  const organisationId = newId(Date.now())
  await appendAudit(
    fresh.db,
    entry(organisationId, {
      big: 1e21,
      tiny: 5e-324,
      minus: -0,
      half: 0.1 + 0.2,
      text: 'ü\u2028\0\uD800',
      nested: [{ b: 1, a: null }],
    }),
  )
  await appendAudit(fresh.db, entry(organisationId))
  await appendAudit(fresh.db, entry(NIL_ID))
  expect(await verifyAuditChain(fresh.db, organisationId)).toEqual({ ok: true, rows: 2 })
  expect(await verifyAuditChain(fresh.db, NIL_ID)).toEqual({ ok: true, rows: 1 })
  expect(await auditChains(fresh.db)).toEqual(expect.arrayContaining([organisationId, NIL_ID]))
  expect((await readAudit(fresh.db, organisationId, null, 10)).map((row) => row.seq)).toEqual([2, 1])
})

test('many at once make one chain; what is rolled back leaves no gap', async () => {
  const organisationId = newId(Date.now())
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      fresh.db
        .transaction(async (sql) => {
          await appendAudit(sql, entry(organisationId, { i }))
          if (i % 4 === 0) throw new Error('rolled back')
        })
        .catch(() => undefined),
    ),
  )
  expect(await verifyAuditChain(fresh.db, organisationId)).toEqual({ ok: true, rows: 30 })
})

test('times are whole milliseconds, so that an export keeps the hashes', async () => {
  const rows = await fresh.db.query<{ odd: number }>(
    `SELECT count(*) AS odd FROM audit WHERE date_trunc('milliseconds', at) <> at`,
  )
  expect(rows[0]!.odd).toBe(0)
})

test.each([
  ['UPDATE audit SET actor = $2 WHERE organisation_id = $1 AND seq = 2', 'changed-row', 2],
  [
    `UPDATE audit SET detail = jsonb_build_object('i', $2::text) WHERE organisation_id = $1 AND seq = 3`,
    'changed-row',
    3,
  ],
  [`UPDATE audit SET at = at + interval '1 ms' WHERE organisation_id = $1 AND seq = 1 AND $2 <> ''`, 'changed-row', 1],
  [`DELETE FROM audit WHERE organisation_id = $1 AND seq = 2 AND $2 <> ''`, 'missing-row', 2],
  [`DELETE FROM audit WHERE organisation_id = $1 AND seq = 3 AND $2 <> ''`, 'missing-row', 3],
  [`DELETE FROM audit_head WHERE organisation_id = $1 AND $2 <> ''`, 'head-missing', 3],
  [`UPDATE audit_head SET hash = sha256($2::text::bytea) WHERE organisation_id = $1`, 'head-differs', 3],
  [`UPDATE audit_head SET seq = 2 WHERE organisation_id = $1 AND $2 <> ''`, 'rows-behind-head', 3],
])('%s is found', async (tamper, problem, seq) => {
  const organisationId = newId(Date.now())
  for (let i = 0; i < 3; i++) await appendAudit(fresh.db, entry(organisationId, { i }))
  await fresh.db.query(tamper, [organisationId, 'somebody'])
  expect(await verifyAuditChain(fresh.db, organisationId)).toEqual({ ok: false, problem, seq })
})

test('a long chain is walked in pages', async () => {
  const organisationId = newId(Date.now())
  await fresh.db.transaction(async (sql) => {
    for (let i = 0; i < 2100; i++) await appendAudit(sql, entry(organisationId, { i }))
  })
  expect(await verifyAuditChain(fresh.db, organisationId)).toEqual({ ok: true, rows: 2100 })
})
