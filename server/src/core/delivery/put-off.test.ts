/** What is put off is due again later, one after the other, and kept with its lease until that is written. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import type { Job } from './job.ts'
import { createPutOff, SOONEST_MS } from './put-off.ts'

const routeId = newId(1)
const organisationId = newId(2)

function start() {
  const clock = fakeClock()
  const held = new Set<Id>()
  /** milliseconds until each is due, by statement */
  const written: number[][] = []
  let isDown = false
  const db = {
    query: (_: string, values: Buffer[]) => {
      if (isDown) return Promise.reject(new Error('no database'))
      // int4[] in binary: 20 octets ahead, then length and value of each
      const waits = values[4]!
      written.push(Array.from({ length: (waits.length - 20) / 8 }, (_, i) => waits.readInt32BE(24 + 8 * i)))
      return Promise.resolve([])
    },
  } as unknown as Database
  const putOff = createPutOff({
    db,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    nodeId: newId(3),
    leases: { hold: ({ deliveryId }) => void held.add(deliveryId), release: (id) => void held.delete(id) },
  })
  return {
    clock,
    held,
    written,
    putOff,
    fail: (down: boolean) => void (isDown = down),
    put: (count: number, route = routeId) =>
      Promise.all(
        Array.from({ length: count }, () =>
          putOff.put({
            organisationId,
            routeId: route,
            recipients: [{ deliveryId: newId(4), wasUnsure: false }],
          } as unknown as Job),
        ),
      ),
  }
}

test('in the order in which it came, spread; another route for itself; all of one moment in one statement', async () => {
  const { written, put } = start()
  await Promise.all([put(100), put(1, newId(9))])
  expect(written).toHaveLength(1)
  const waits = written[0]!
  expect(waits).toEqual([...Array.from({ length: 100 }, (_, i) => SOONEST_MS + 20 * i), SOONEST_MS])
})

test('however many there are, none waits longer than five minutes', async () => {
  const { written, put } = start()
  await put(40_000)
  const waits = written.flat()
  expect(waits).toHaveLength(40_000)
  expect(Math.min(...waits)).toBe(SOONEST_MS)
  expect(Math.max(...waits)).toBeLessThanOrEqual(300_000)
})

test('without the database it is kept with its leases, and written later', async () => {
  const { clock, held, written, fail, put } = start()
  fail(true)
  const done = put(3)
  await clock.advance(2_500)
  expect([held.size, written.length]).toEqual([3, 0])
  fail(false)
  await clock.advance(1_000)
  await done
  expect([held.size, written.flat().length]).toEqual([0, 3])
  expect(written.flat().every((wait) => wait > 0 && wait < SOONEST_MS)).toBe(true)
})

test('a stop does not wait for a database that is gone', async () => {
  const { clock, fail, put, putOff } = start()
  fail(true)
  const done = put(1)
  await clock.advance(100)
  const stopped = putOff.stop()
  await clock.advance(1_000)
  await stopped
  await done
})
