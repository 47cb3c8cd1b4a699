import { expect, test } from 'vitest'
import { createOwnFaults } from './own-faults.ts'

const one = { deliveryId: '00000000-0000-7000-8000-000000000001', recipient: 'alice' }
const two = { deliveryId: '00000000-0000-7000-8000-000000000002', recipient: 'bob' }

test('one recipient in a row is one piece of news; a success begins a new row', () => {
  const faults = createOwnFaults()
  expect([one, one, two, two, one].map((f) => faults.failed(f, 0).isNews)).toEqual([true, false, true, false, false])
  faults.succeeded(two)
  expect(faults.failed(one, 0).isNews).toBe(true)
})

test('what failed twice is suspected since its first failure, until it is settled or succeeds', () => {
  const faults = createOwnFaults()
  faults.failed(one, 10)
  faults.failed(two, 20)
  expect(faults.suspects()).toEqual([])
  faults.failed(one, 30)
  faults.failed(two, 40)
  expect(faults.suspects()).toEqual([
    { deliveryId: one.deliveryId, since: 10 },
    { deliveryId: two.deliveryId, since: 20 },
  ])
  faults.succeeded(one)
  faults.settled(two.deliveryId)
  expect(faults.suspects()).toEqual([])
})
