import fc from 'fast-check'
import { expect, test } from 'vitest'
import { routeSettingsSchema, type Route, type RouteBook } from '../directory/index.ts'
import { partOf, shareRoutes } from './process-share.ts'

test('parts never add up to more than the limit, but for one of each', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 50 }), (limit, processes) => {
      const part = partOf(limit, processes)
      expect(part).toBeGreaterThanOrEqual(1)
      expect(part * processes).toBeLessThanOrEqual(Math.max(limit, processes))
    }),
  )
})

test('routes have this process’s part, the same object while nothing changes, and all of it when it is alone again', () => {
  const settings = routeSettingsSchema.parse({ connections: 20, messagesPerSecond: 3 })
  const route = { routeId: 'r', settings } as Route
  const exit = { routeId: 'x', settings } as Route
  const book = {
    get: (id: string) => (id === 'r' ? route : undefined),
    all: () => [route],
    secondExit: () => exit,
    refresh: () => Promise.resolve(),
  } as unknown as RouteBook
  const peers = { delivering: 1 }
  const ours = shareRoutes(book, peers)
  expect(ours.get('r')).toBe(route)
  peers.delivering = 3
  expect(ours.get('r')!.settings).toMatchObject({ connections: 6, messagesPerSecond: 1 })
  expect(ours.get('r')).toBe(ours.get('r'))
  expect([...ours.all()][0]).toBe(ours.get('r'))
  expect(ours.secondExit(route)!.settings.connections).toBe(6)
  expect(ours.get('other')).toBeUndefined()
  expect(route.settings.connections).toBe(20)
  // Its own sign of life is late as well: it is there all the same.
  peers.delivering = 0
  expect(ours.get('r')).toBe(route)
})
