import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { newId } from '../platform/ids.ts'
import { beat, DEAD_AFTER_SECONDS, leave, living } from './nodes.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

test('who lives and has the role: not who left, nor who shows no sign any more', async () => {
  const { db } = fresh
  const [one, two, front] = [newId(1), newId(2), newId(3)]
  await beat(db, one, 'mx,deliver,work')
  await beat(db, two, 'deliver')
  await beat(db, front, 'mx')
  expect(await living(db, 'deliver')).toBe(2)
  await db.query('UPDATE node SET seen_at = now() - make_interval(secs => $2) WHERE node_id = $1', [
    two,
    DEAD_AFTER_SECONDS + 1,
  ])
  expect(await living(db, 'deliver')).toBe(1)
  await beat(db, two, 'deliver')
  expect(await living(db, 'deliver')).toBe(2)
  await leave(db, one)
  expect(await living(db, 'deliver')).toBe(1)
})
