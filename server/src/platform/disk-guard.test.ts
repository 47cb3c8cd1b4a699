/** The reserve holds however fast a sender is, and what was only estimated turns nobody away once there is room. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { createDiskGuard, type DiskGuard } from './disk-guard.ts'
import { silentLog } from './log.ts'
import { createMetrics } from './metrics.ts'

const MB = 1_000_000
const reserveBytes = 100 * MB

/** A disk of which the test says what is free; `wait` makes statfs hang until the promise is settled. */
async function start(free: number) {
  const clock = fakeClock()
  const disk = { free, total: 10_000_000 * MB, looks: 0, wait: Promise.resolve(), broken: false }
  const said: string[] = []
  const log = {
    ...silentLog,
    error: (_: unknown, text: string) => said.push(text),
    warn: (_: unknown, text: string) => said.push(text),
    info: (_: unknown, text: string) => said.push(text),
  }
  const guard = createDiskGuard({
    folder: '/data',
    reserveBytes,
    clock,
    log: log,
    metrics: createMetrics(),
    statfs: async () => {
      disk.looks++
      const bavail = disk.free / 1000
      await disk.wait
      if (disk.broken) throw new Error('gone')
      return { bavail, bsize: 1000, blocks: disk.total / 1000 }
    },
  })
  await guard.start()
  return { guard, disk, clock, said }
}
const full = expect.objectContaining({ code: 'disk-full' })
/** How much of endless mail is taken before the guard says no: the bytes and what they cost on the disk. */
function pour(guard: DiskGuard, disk: { free: number }): number {
  for (let taken = 0; taken < 10_000 * MB; taken += MB)
    try {
      guard.check()
      guard.spend(MB)
      disk.free -= 2 * MB
    } catch (error) {
      expect(error).toEqual(full)
      return taken
    }
  throw new Error('nobody said no')
}

test('without a look between, new mail ends at the reserve', async () => {
  const { guard, disk, clock } = await start(150 * MB)
  expect(pour(guard, disk)).toBe(26 * MB)
  expect(disk.free).toBe(98 * MB)
  expect(guard.isFull()).toBe(true)
  await clock.advance(2_000)
  expect(guard.isFull()).toBe(true)
  expect(() => guard.check()).toThrow(full)
})

test('somebody else fills the disk between two looks: seen after little more mail', async () => {
  const { guard, disk } = await start(900 * MB)
  disk.free = 120 * MB
  let taken = 0
  for (; !guard.isFull() && taken < 1_000; taken++) {
    guard.spend(MB)
    disk.free -= 2 * MB
    await new Promise((done) => setImmediate(done))
  }
  expect(disk.free).toBeGreaterThanOrEqual(reserveBytes - 4 * MB)
  expect(disk.looks).toBeLessThan(10)
})

test('what was begun above the line may end, down to half of the reserve', async () => {
  const { guard, disk } = await start(101 * MB)
  guard.check()
  let taken = 0
  expect(() => {
    for (;;) {
      guard.spend(MB)
      disk.free -= 2 * MB
      taken++
    }
  }).toThrow(full)
  expect(taken).toBe(25)
  expect(disk.free).toBe(51 * MB)
})

test('what was too much is not counted: a smaller message may still fit', async () => {
  const { guard } = await start(110 * MB)
  expect(() => guard.spend(40 * MB)).toThrow(full)
  expect(guard.free()).toBe(110 * MB)
  expect(() => guard.spend(MB)).not.toThrow()
})

test('crossing the line makes it look at once: an estimate that was too high lasts for moments', async () => {
  const { guard, disk, clock, said } = await start(110 * MB)
  guard.spend(20 * MB)
  expect(guard.isFull()).toBe(true)
  await clock.advance(0)
  expect(disk.looks).toBe(2)
  expect(guard.isFull()).toBe(false)
  expect(guard.free()).toBe(110 * MB)
  expect(said).toEqual([])
})

test('what is written while statfs runs is still subtracted afterwards', async () => {
  const { guard, disk, clock } = await start(500 * MB)
  let go = (): void => undefined
  disk.wait = new Promise((resolve) => (go = resolve))
  guard.spend(50 * MB)
  await clock.advance(2_000)
  guard.spend(30 * MB)
  go()
  await clock.advance(0)
  expect(guard.free()).toBe(440 * MB)
})

test('room again: it says so once, and mail is taken', async () => {
  const { guard, disk, clock, said } = await start(90 * MB)
  expect(() => guard.check()).toThrow(full)
  expect(said).toEqual([expect.stringContaining('at its reserve')])
  disk.free = 300 * MB
  await clock.advance(2_000)
  expect(() => guard.check()).not.toThrow()
  expect(said).toEqual([expect.stringContaining('at its reserve'), 'the disk has room again'])
})

test('a look that fails keeps the estimate; the next one counts', async () => {
  const { guard, disk, clock } = await start(200 * MB)
  disk.broken = true
  guard.spend(20 * MB)
  await clock.advance(4_000)
  expect(guard.free()).toBe(160 * MB)
  disk.broken = false
  await clock.advance(2_000)
  expect(guard.free()).toBe(200 * MB)
})

test('how soon it is full is said before it is, each threshold once; then new mail is refused all the same', async () => {
  const { guard, disk, clock, said } = await start(2_500 * MB)
  expect(guard.fullInMs()).toBeNull()
  for (let minutes = 0; minutes < 1300 && !guard.isFull(); minutes += 1) {
    disk.free -= 2 * MB
    await clock.advance(60_000)
    // a wall clock that is put right, forwards and back, moves nothing
    if (minutes % 100 === 50) clock.jump(minutes % 200 === 50 ? 86_400_000 : -86_400_000)
  }
  expect(guard.isFull()).toBe(true)
  expect(() => guard.check()).toThrow(full)
  expect(guard.fullInMs()).toBe(0)
  expect(said.map((text) => /in about \d+ (?:h|min)|452$/.exec(text)?.[0] ?? text)).toEqual([
    'in about 20 h',
    'in about 6 h',
    'in about 59 min',
    '452',
  ])
  disk.free = 5_000 * MB
  await clock.advance(2_000)
  expect(guard.fullInMs()).toBeNull()
  expect(said.slice(4)).toEqual(['the disk has room again'])
}, 60_000)
