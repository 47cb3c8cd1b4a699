/** Ids are UUID version 7 (RFC 9562 section 5.7), made here and not in the database, ordered by the time of making. */
import { randomFillSync } from 'node:crypto'
import { systemClock } from './clock.ts'

export type Id = string

/** The zero uuid: the installation itself where an organisation is asked for (audit). */
export const NIL_ID: Id = '00000000-0000-0000-0000-000000000000'
/** No id is behind it. */
export const LAST_ID: Id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

const HEX = Array.from({ length: 256 }, (_, i) => (i + 256).toString(16).slice(1))
const POOL = Buffer.alloc(4096)
let poolAt = POOL.length
let lastMs = 0
let counter = 0
/** What is further from now than this is no clock's reading but a date that somebody wrote. */
const NEAR_MS = 5000

/**
 * A new id whose time is `ms` (milliseconds since the epoch). Ids made in one process are strictly increasing for a
 * non-decreasing `ms`: the 12 bits of rand_a count within a millisecond (RFC 9562 section 6.2, method 1) and run over
 * into the next one. An `ms` far in the past or the future (an imported message's date) gets random bits instead of the
 * counter and moves nothing: one date of the year 9999 would otherwise end the order of every later id of this process.
 */
export function newId(ms: number): Id {
  if (poolAt > POOL.length - 10) {
    randomFillSync(POOL)
    poolAt = 0
  }
  let time = Math.floor(ms)
  let low: number
  if (time >= lastMs - NEAR_MS && (time <= lastMs || time <= systemClock.now() + NEAR_MS)) {
    if (time > lastMs) {
      lastMs = time
      counter = POOL.readUInt16BE(poolAt) & 0x3ff
    } else if (++counter > 0xfff) {
      lastMs += 1
      counter = 0
    }
    time = lastMs
    low = counter
  } else {
    low = POOL.readUInt16BE(poolAt) & 0xfff
  }
  poolAt += 2
  const hi = Math.floor(time / 65536)
  const lo = time & 0xffff
  const r = poolAt
  poolAt += 8
  return (
    HEX[(hi >>> 24) & 0xff]! +
    HEX[(hi >>> 16) & 0xff]! +
    HEX[(hi >>> 8) & 0xff]! +
    HEX[hi & 0xff]! +
    '-' +
    HEX[lo >>> 8]! +
    HEX[lo & 0xff]! +
    '-' +
    HEX[0x70 | (low >>> 8)]! +
    HEX[low & 0xff]! +
    '-' +
    HEX[0x80 | (POOL[r]! & 0x3f)]! +
    HEX[POOL[r + 1]!]! +
    '-' +
    HEX[POOL[r + 2]!]! +
    HEX[POOL[r + 3]!]! +
    HEX[POOL[r + 4]!]! +
    HEX[POOL[r + 5]!]! +
    HEX[POOL[r + 6]!]! +
    HEX[POOL[r + 7]!]!
  )
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for a canonical lower-case uuid: check every id that comes from outside before it reaches SQL. */
export function isId(text: string): boolean {
  return UUID.test(text)
}

/** Milliseconds since the epoch an id was made for. */
export function idTime(id: Id): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** The smallest id of a moment: the bound of a day's partition, the start of a page by time. */
export function firstIdAt(ms: number): Id {
  const hex = Math.floor(ms).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
