/** The connection of the accept batcher, on a fake clock: it is looked for again after a failure, and never opened twice. */
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { plainIncoming } from '../../../testkit/incoming.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createAccept } from './accept.ts'
import type { Incoming } from './incoming.ts'

type Answer = 'works' | 'breaks' | 'hangs'

/** Each connection answers as its turn in `answers` says (the last one for all later); `open` lets waiting ones through. */
function fixture(answers: Answer[]) {
  const clock = fakeClock()
  const opened: { closed: boolean }[] = []
  const gates: (() => void)[] = []
  let gated = false
  const db = {
    async dedicated() {
      const one = { closed: false }
      const answer = answers[Math.min(opened.length, answers.length - 1)]
      opened.push(one)
      if (gated) await new Promise<void>((resolve) => gates.push(resolve))
      return {
        client: new EventEmitter(),
        query() {
          if (answer === 'hangs') return new Promise(() => undefined)
          if (answer === 'works') return Promise.resolve([])
          return Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
        },
        close() {
          one.closed = true
          return Promise.resolve()
        },
      } as unknown as DedicatedSql
    },
    query: () => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' })),
  } as unknown as Database
  const accept = createAccept({
    db,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    config: configSchema.parse({}),
    nodeId: newId(clock.now()),
    ensureFolders: () => Promise.resolve(),
  })
  return {
    clock,
    accept,
    opened,
    gate: (on: boolean): void => {
      gated = on
      for (const through of gates.splice(0)) through()
    },
  }
}

const message = (n: number): Incoming => plainIncoming({ envelopeFrom: `${n}@outside.test` })
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error as { code: string }).code,
  )

test('a connection that hangs while the way back is looked for is given up, and the next one is tried', async () => {
  const { clock, accept, opened } = fixture(['breaks', 'hangs', 'works'])
  const first = outcome(accept.accept(message(1)))
  await clock.advance(10)
  expect(await first).toBe('commit-unknown')
  await clock.advance(1_000)
  expect(accept.healthy()).toBe(false)
  expect(opened).toHaveLength(2)
  await clock.advance(6_000)
  expect(accept.healthy()).toBe(true)
  expect(opened.map((one) => one.closed)).toEqual([true, true, false])
  await accept.stop()
  expect(opened.every((one) => one.closed)).toBe(true)
})

test('mail that comes while the way back is looked for waits for the same connection', async () => {
  const { clock, accept, opened, gate } = fixture(['breaks', 'works'])
  const first = outcome(accept.accept(message(1)))
  await clock.advance(10)
  expect(await first).toBe('commit-unknown')
  gate(true)
  await clock.advance(200)
  const second = outcome(accept.accept(message(2)))
  await clock.advance(200)
  gate(false)
  await clock.advance(10)
  expect(await second).toBe('accepted')
  expect(opened).toHaveLength(2)
  await accept.stop()
  expect(opened.every((one) => one.closed)).toBe(true)
})

test('a connection that opens after the stop is closed again', async () => {
  const { clock, accept, opened, gate } = fixture(['breaks', 'works'])
  const first = outcome(accept.accept(message(1)))
  await clock.advance(10)
  await first
  gate(true)
  await clock.advance(200)
  await accept.stop()
  gate(false)
  await clock.advance(10)
  expect(opened.map((one) => one.closed)).toEqual([true, true])
})
