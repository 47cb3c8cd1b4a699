import { expect, test } from 'vitest'
import { createDiskGuard } from '../platform/disk-guard.ts'
import { silentLog } from '../platform/log.ts'
import { createMetrics } from '../platform/metrics.ts'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { fullInSeconds } from './doctor-disk.ts'

test("the server's forecast is read as it writes it", async () => {
  const clock = fakeClock()
  const metrics = createMetrics()
  const disk = { free: 10_000_000 }
  const guard = createDiskGuard({
    folder: '/data',
    reserveBytes: 1,
    clock,
    log: silentLog,
    metrics,
    statfs: async () => ({ bavail: disk.free, bsize: 1, blocks: 100_000_000 }),
  })
  await guard.start()
  expect(fullInSeconds(await metrics.registry.metrics())).toBeNull()
  for (let minute = 0; minute < 20; minute++) {
    disk.free -= 100_000
    await clock.advance(60_000)
  }
  const seconds = fullInSeconds(await metrics.registry.metrics())
  expect(seconds).toBeGreaterThan(4_000)
  expect(seconds).toBeLessThan(6_000)
  expect(fullInSeconds('nothing of the kind')).toBeNull()
  guard.stop()
})
