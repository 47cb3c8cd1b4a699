/** Every binary array is read by a real server as what was meant, whatever the values, and refused where they do not fit. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import {
  boolArray,
  byteaArray,
  int2Array,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  uuidArray,
} from './binary.ts'

let fresh: FreshDatabase
beforeAll(async () => (fresh = await freshDatabase()))
afterAll(() => fresh.drop())

/** What the server reads, as text, element by element. */
async function read(type: string, array: Buffer): Promise<(string | null)[]> {
  const rows = await fresh.db.query<{ v: string | null }>(
    `SELECT v::text FROM unnest($1::${type}[]) WITH ORDINALITY AS a(v, n) ORDER BY n`,
    [array],
  )
  return rows.map((row) => row.v)
}

test('empty arrays of every type', async () => {
  const empty: [string, Buffer][] = [
    ['uuid', uuidArray([])],
    ['bytea', byteaArray([])],
    ['text', textArray([])],
    ['int2', int2Array([])],
    ['int4', int4Array([])],
    ['int8', int8Array([])],
    ['bool', boolArray([])],
    ['timestamptz', timestamptzArray([])],
  ]
  for (const [type, array] of empty) expect(await read(type, array), type).toEqual([])
})

test('uuid', async () => {
  const ids = [randomUUID(), null, '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']
  expect(await read('uuid', uuidArray(ids))).toEqual(ids)
})

test('bytea', async () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const values = [Buffer.alloc(0), all, null, Buffer.alloc(100_000, 7)]
  expect(await read('bytea', byteaArray(values))).toEqual(values.map((b) => b && `\\x${b.toString('hex')}`))
})

test('text', async () => {
  const values = ['', 'plain', null, '{"a,b"}\\', 'Grüße 😀 中文', '\u0001\u007f', 'x'.repeat(70_000), 'NULL']
  expect(await read('text', textArray(values))).toEqual(values)
})

test('whole numbers at their ends', async () => {
  const small = [0, -1, 32_767, -32_768]
  const middle = [0, -1, 2_147_483_647, -2_147_483_648]
  const large = [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
  expect(await read('int2', int2Array(small))).toEqual(small.map(String))
  expect(await read('int4', int4Array(middle))).toEqual(middle.map(String))
  expect(await read('int8', int8Array(large))).toEqual(large.map(String))
  expect(() => int2Array([32_768])).toThrow(RangeError)
  expect(() => int4Array([2_147_483_648])).toThrow(RangeError)
  expect(() => int8Array([0.5])).toThrow(RangeError)
})

test('bool', async () => {
  expect(await read('bool', boolArray([true, false, true]))).toEqual(['true', 'false', 'true'])
})

test('timestamptz: both sides of the database epoch, fractions, for ever', async () => {
  const values = [0, 946_684_800_000, 1_793_606_400_123, 1_793_606_400_123.4, -1, 253_402_300_799_000, null, Infinity]
  const rows = await fresh.db.query<{ ms: number | null; ever: boolean | null }>(
    `SELECT CASE WHEN isfinite(v) THEN (extract(epoch FROM v) * 1000)::float8 END AS ms, NOT isfinite(v) AS ever
     FROM unnest($1::timestamptz[]) WITH ORDINALITY AS a(v, n) ORDER BY n`,
    [timestamptzArray(values)],
  )
  expect(rows.map((row) => row.ms)).toEqual(values.map((v) => (v === Infinity ? null : v)))
  expect(rows.map((row) => row.ever)).toEqual(values.map((v) => (v === null ? null : v === Infinity)))
})
