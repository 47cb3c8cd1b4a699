/** The senders of canaries: read back, whatever a relay does to their letters; nobody else can make one. */
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCanaryCodec, isCanaryForm, type CanarySender } from './canary.ts'
import { MOST_LOCAL } from './codec.ts'

const codec = createCanaryCodec((text) => createHmac('sha256', 'key').update(text).digest())
const canary = fc.record<CanarySender>({
  routeId: fc.uuid(),
  slot: fc.constantFrom('d', 'r'),
  sentAt: fc.integer({ min: 0, max: 4_000_000_000 }).map((minutes) => minutes * 60_000),
})
const localOf = (address: string): string => address.slice(0, address.lastIndexOf('@'))

test('is read as it was made, in any case of its letters, and fits into a local part', () => {
  fc.assert(
    fc.property(canary, (one) => {
      const local = localOf(codec.sender(one, 'mx.holdfast.test'))
      expect(local.length).toBeLessThanOrEqual(MOST_LOCAL)
      expect(isCanaryForm(local)).toBe(true)
      expect(codec.read(local)).toEqual(one)
      expect(codec.read(local.toUpperCase())).toEqual(one)
    }),
  )
})
test('one that is changed anywhere is none', () => {
  fc.assert(
    fc.property(canary, fc.nat(), (one, n) => {
      const local = localOf(codec.sender(one, 'mx.holdfast.test'))
      const at = 4 + (n % (local.length - 4))
      const other = local[at] === 'a' ? 'b' : 'a'
      expect(codec.read(local.slice(0, at) + other + local.slice(at + 1))).toBeNull()
    }),
  )
})
test('anything else is none, and throws nothing', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `hfc=${text}`),
      ),
      (text) => codec.read(text) === null,
    ),
  )
})
