// @vitest-environment jsdom
/** The stream of changes: given up by the browser, opened again by us; quiet when the sign-in is over. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { MockInstance } from 'vitest'
import { ApiError } from '../api.ts'
import { jmap } from './client.ts'
import { waitBeforeOpening, watchMail } from './push.ts'

class Stream {
  static readonly CLOSED = 2
  static opened: Stream[] = []
  readyState = 0
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  constructor() {
    Stream.opened.push(this)
  }
  addEventListener(): void {}
  close(): void {
    this.readyState = 2
  }
  /** answered with 502: a browser does not try again */
  refuse(): void {
    this.readyState = 2
    this.onerror?.()
  }
}
let changes: number
let stop: () => void
let sessions: number
let session: MockInstance<typeof jmap.session>
beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('EventSource', Stream)
  Stream.opened = []
  changes = sessions = 0
  session = vi.spyOn(jmap, 'session')
  session.mockImplementation(() => {
    sessions++
    return Promise.resolve({ eventSourceUrl: '/events?{types}' } as never)
  })
})
afterEach(() => {
  stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})
const watch = async (): Promise<void> => {
  stop = watchMail(() => changes++, 3_600_000)
  await vi.advanceTimersByTimeAsync(0)
}

test('a stream that was answered with 502 is opened again, and what was missed is asked for', async () => {
  await watch()
  Stream.opened[0]!.onopen!()
  await vi.advanceTimersByTimeAsync(500)
  expect(changes).toBe(1)
  Stream.opened[0]!.refuse()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(Stream.opened).toHaveLength(2)
  Stream.opened[1]!.onopen!()
  await vi.advanceTimersByTimeAsync(500)
  expect(changes).toBe(2)
})

test('a first opening that fails is tried again, seldom in the end', async () => {
  let down = true
  session.mockImplementation(() => {
    sessions++
    return down
      ? Promise.reject(new ApiError('offline', 0, 'no answer'))
      : Promise.resolve({ eventSourceUrl: '/e' } as never)
  })
  await watch()
  await vi.advanceTimersByTimeAsync(3_600_000)
  expect(sessions).toBeGreaterThan(60)
  expect(sessions).toBeLessThan(130)
  down = false
  await vi.advanceTimersByTimeAsync(60_000)
  expect(Stream.opened).toHaveLength(1)
})

test('a break that the browser mends by itself is left to it', async () => {
  await watch()
  Stream.opened[0]!.onopen!()
  Stream.opened[0]!.onerror!()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(Stream.opened).toHaveLength(1)
})

test('after the sign-in is over, and after the page was left, nothing is asked any more', async () => {
  await watch()
  session.mockImplementation(() => {
    sessions++
    return Promise.reject(new ApiError('signed-out', 401, 'signed out'))
  })
  Stream.opened[0]!.refuse()
  await vi.advanceTimersByTimeAsync(3_600_000)
  expect([sessions, Stream.opened.length]).toEqual([2, 1])
  stop()
  await watch()
  stop()
  const asked = sessions
  await vi.advanceTimersByTimeAsync(3_600_000)
  expect(sessions).toBe(asked)
})

test('the waits grow to a minute and are spread', () => {
  expect([1, 2, 3, 4, 5, 6, 40].map((failures) => waitBeforeOpening(failures, 1))).toEqual([
    2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
  ])
  expect(waitBeforeOpening(1, 0)).toBe(1_000)
})
