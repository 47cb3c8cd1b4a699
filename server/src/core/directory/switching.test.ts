/** Who decides where several domains use one route: the strictest, each way. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { automatic, leaves, switchingOf, type DomainSwitching, type Leave, type Switching } from './switching.ts'

test('no domain, one that says nothing, one of its own, several', () => {
  const own: Switching = { away: 'ask', home: 'automatic' }
  expect(switchingOf(own, [])).toEqual(own)
  expect(switchingOf(own, [{}])).toEqual(own)
  // The only domain of a route may be freer than the route.
  expect(switchingOf(own, [{ away: 'automatic' }])).toEqual(automatic)
  expect(switchingOf(own, [{ away: 'automatic' }, {}])).toEqual(own)
  expect(switchingOf(automatic, [{ home: 'byHand' }, { away: 'ask', home: 'ask' }])).toEqual({
    away: 'ask',
    home: 'byHand',
  })
})

test('no domain is ever switched more freely than its policy says, and the order of domains is all the same', () => {
  const leave = fc.constantFrom(...leaves)
  const domain: fc.Arbitrary<DomainSwitching> = fc.record({ away: leave, home: leave }, { requiredKeys: [] })
  const rank = (one: Leave): number => leaves.indexOf(one)
  fc.assert(
    fc.property(fc.record({ away: leave, home: leave }), fc.array(domain, { maxLength: 6 }), (own, domains) => {
      const so = switchingOf(own, domains)
      expect(switchingOf(own, [...domains].reverse())).toEqual(so)
      for (const one of domains)
        for (const way of ['away', 'home'] as const)
          expect(rank(so[way])).toBeGreaterThanOrEqual(rank(one[way] ?? own[way]))
    }),
  )
})
