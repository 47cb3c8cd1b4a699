/** What people's reports weigh: nothing of those who only named an address, and nobody twice; an attacker's tries. */
import { describe, expect, test } from 'vitest'
import { LEAST_PEOPLE, needed, networkLimits, weigh } from './reports.ts'

const well = { isReachLost: false, hasProbes: false }

describe('how many count', () => {
  test('five, or two in a hundred, whichever is more', () => {
    expect([1, 5, 250, 251, 5000].map(needed)).toEqual([5, 5, 5, 6, 100])
  })
  test('one fewer says nothing, exactly so many are evidence', () => {
    expect(weigh({ signed: 99, signedLately: 99, people: 5000 }, well)).toBeNull()
    expect(weigh({ signed: 100, signedLately: 100, people: 5000 }, well)).toBe('bad')
  })
  test('a house of three is never switched by its people alone', () => {
    expect(weigh({ signed: 3, signedLately: 3, people: 3 }, well)).toBeNull()
  })
  test('reports spread over the hour do not add up', () => {
    expect(weigh({ signed: 4, signedLately: 300, people: 100 }, well)).toBeNull()
  })
})

describe('how it ends', () => {
  const many = { signed: 0, signedLately: 9, people: 100 }
  test('without probes it stays an hour after the reports, for people who know of it report no more', () => {
    expect(weigh(many, { isReachLost: true, hasProbes: false })).toBe('bad')
  })
  test('where probes are, they decide after ten minutes', () => {
    expect(weigh(many, { isReachLost: true, hasProbes: true })).toBe('good')
  })
  test('fewer than count are no evidence against its end', () => {
    expect(weigh({ ...many, signedLately: LEAST_PEOPLE - 1 }, { isReachLost: true, hasProbes: false })).toBe('good')
  })
  test('nobody said anything: nothing is said', () => {
    expect(weigh({ signed: 0, signedLately: 0, people: 100 }, { isReachLost: true, hasProbes: false })).toBeNull()
  })
})

describe('an attacker', () => {
  test('one network hands in thirty within ten minutes, another is not kept from it', () => {
    const limits = networkLimits()
    const taken = Array.from({ length: 1000 }, () => limits.take('198.51.100.7', 0)).filter(Boolean)
    expect(taken).toHaveLength(30)
    expect(limits.take('203.0.113.9', 0)).toBe(true)
    expect(limits.take('198.51.100.7', 599_999)).toBe(false)
    expect(limits.take('198.51.100.7', 600_000)).toBe(true)
  })
  test('a million networks cost bounded memory', () => {
    const limits = networkLimits(1)
    for (let n = 0; n < 100_000; n++) limits.take(`n${n}`, n)
    // The newest is still known, the oldest was let go.
    expect(limits.take('n99999', 100_000)).toBe(false)
    expect(limits.take('n0', 100_000)).toBe(true)
  })
})
