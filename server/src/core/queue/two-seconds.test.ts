/** Promise 13 at the default setting, on a fake clock: a database that does not answer is 451 within two seconds. */
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { plainIncoming } from '../../../testkit/incoming.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import type { WireError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createAccept } from './accept.ts'

/** The batcher at a database whose statements are answered after `answerMs`, or never. */
function fixture(answerMs: number | null) {
  const clock = fakeClock()
  const connection = {
    client: new EventEmitter(),
    query: () => (answerMs === null ? new Promise(() => undefined) : clock.sleep(answerMs).then(() => [])),
    close: () => Promise.resolve(),
  } as unknown as DedicatedSql
  const accept = createAccept({
    db: { dedicated: () => Promise.resolve(connection) } as unknown as Database,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    config: configSchema.parse({}),
    nodeId: newId(1),
    ensureFolders: () => Promise.resolve(),
  })
  /** hands a message in; what its sender heard, and after how many milliseconds */
  const offer = () => {
    const began = clock.monotonic()
    const heard: { code: number; after: number }[] = []
    const tell = (code: number): void => void heard.push({ code, after: clock.monotonic() - began })
    accept.accept(plainIncoming()).then(
      () => tell(250),
      (error: unknown) => tell((error as WireError).spec.smtp),
    )
    return heard
  }
  return { clock, accept, offer }
}

test('a database that hangs: 451 after two seconds at the most, whenever a message came, and not ready', async () => {
  const { clock, accept, offer } = fixture(null)
  const under = offer()
  await clock.advance(30)
  const late = []
  for (let i = 0; i < 10; i++) {
    late.push(offer())
    await clock.advance(17)
  }
  expect(accept.healthy()).toBe(true)
  await clock.advance(1_690)
  expect([under, ...late].flat().filter(({ code }) => code === 250)).toEqual([])
  await clock.advance(300)
  for (const heard of [under, ...late]) {
    expect(heard).toMatchObject([{ code: 451 }])
    expect(heard[0]!.after).toBeLessThanOrEqual(2_000)
    expect(heard[0]!.after).toBeGreaterThan(1_700)
  }
  expect(accept.healthy()).toBe(false)
})

test('a database that is slow but answers in time is waited for', async () => {
  const { clock, accept, offer } = fixture(1_800)
  const heard = offer()
  await clock.advance(1_800)
  expect(heard).toEqual([{ code: 250, after: 1_800 }])
  expect(accept.healthy()).toBe(true)
})
