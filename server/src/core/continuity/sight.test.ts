/** The rule by which Holdfast knows that it is itself the patient, under any evidence. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { domainOf, groupRelated } from './related.ts'
import { judgeSight, seesAgain, together, type ReferenceAges, type Sighting } from './sight.ts'

const NOW = 10_000_000
const ago = (seconds: number): number => NOW - seconds * 1000
const good = (seconds: number): Sighting => ({ goodAt: ago(seconds), badFrom: null, badAt: null })
const bad = (from: number, goodSeconds: number | null = from + 5): Sighting => ({
  goodAt: goodSeconds === null ? null : ago(goodSeconds),
  badFrom: ago(from),
  badAt: ago(1),
})
const none: ReferenceAges = { configured: false, goodAge: Infinity, badAge: Infinity }
const references = (goodSeconds: number, badSeconds: number): ReferenceAges => ({
  configured: true,
  goodAge: goodSeconds * 1000,
  badAge: badSeconds * 1000,
})
const kindOf = (groups: Sighting[], onsetSeconds: number, ages = none): string =>
  judgeSight(groups, ago(onsetSeconds), ages, NOW).kind

test('three that have nothing to do with each other fail at once: we cannot see', () => {
  expect(kindOf([bad(20), bad(18), bad(10)], 20)).toBe('blind')
  expect(kindOf([bad(20), bad(18), bad(10), good(3), good(2)], 20)).toBe('blind')
  expect(kindOf([bad(20), bad(18), bad(10), good(3), good(2), good(1)], 20)).toBe('sees')
})

test('one or two that fail are judged, when others answered since', () => {
  expect(kindOf([bad(20), good(3), good(2)], 20)).toBe('sees')
  expect(kindOf([bad(20), bad(18), good(3), good(2), good(3)], 20)).toBe('sees')
})

test('as long as too few were seen since, nothing is decided, and not for ever', () => {
  expect(kindOf([bad(5), good(9), good(8)], 5)).toBe('unclear')
  expect(kindOf([bad(36), good(60), good(60)], 36)).toBe('sees')
})

test('with one or two alone nothing is waited for: only references can tell', () => {
  expect(kindOf([bad(5)], 5)).toBe('sees')
  expect(kindOf([bad(5), good(9)], 5)).toBe('sees')
  expect(kindOf([bad(20)], 20, references(100, 100))).toBe('unclear')
  expect(kindOf([bad(20)], 20, references(100, 3))).toBe('blind')
  expect(kindOf([bad(20)], 20, references(3, 100))).toBe('sees')
  // The references may be ill themselves.
  expect(kindOf([bad(20), good(3), good(2), good(2)], 20, references(100, 3))).toBe('sees')
})

test('a reference that answers overrules any number of failures', () => {
  expect(kindOf([bad(20), bad(18), bad(10), bad(12)], 20, references(3, 100))).toBe('sees')
})

test('what failed long before has nothing to do with it', () => {
  expect(kindOf([bad(20), bad(170, null), bad(165, null), good(3)], 20)).toBe('sees')
})

test('blindness ends when as many answer as fail, or when a reference does', () => {
  expect(seesAgain([bad(90), bad(88), bad(80)], ago(60), none, NOW)).toBe(false)
  expect(seesAgain([good(2), bad(88), bad(80)], ago(60), none, NOW)).toBe(false)
  expect(seesAgain([good(2), good(1), bad(80)], ago(60), none, NOW)).toBe(true)
  // Good before it began is no sight.
  expect(seesAgain([good(70), good(80)], ago(60), none, NOW)).toBe(false)
  expect(seesAgain([bad(90), bad(88), bad(80)], ago(60), references(5, 100), NOW)).toBe(true)
  expect(seesAgain([bad(90), bad(88), bad(80)], ago(60), references(80, 5), NOW)).toBe(false)
})

const sighting: fc.Arbitrary<Sighting> = fc.oneof(
  fc.nat(170).map(good),
  fc
    .tuple(fc.nat(170), fc.option(fc.nat(100)))
    .map(([from, before]) => bad(from, before === null ? null : from + before)),
  fc.constant({ goodAt: null, badFrom: null, badAt: null }),
)

test('one dead among many healthy ones is always judged', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.array(fc.nat(10), { minLength: 2, maxLength: 60 }), (from, others) => {
      // Healthy: each answered within the last probe's interval, and that was after it died.
      const groups = [bad(from + 13), ...others.map((seconds) => good(seconds))]
      expect(kindOf(groups, from + 13)).toBe('sees')
    }),
  )
})

test('all that were seen since fail, three or more: never held against them, in whatever order it came', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { minLength: 3, maxLength: 40 }), fc.array(fc.nat(100)), (froms, silent) => {
      const groups = [...froms.map((from) => bad(from + 1)), ...silent.map((seconds) => good(seconds + 40))]
      for (const from of froms) expect(kindOf(groups, from + 1)).not.toBe('sees')
    }),
  )
})

test('whatever was seen: the verdict is one of three, does not depend on the order, and waiting ends', () => {
  fc.assert(
    fc.property(fc.array(sighting, { maxLength: 30 }), fc.nat(170), fc.nat(1000), (groups, onset, seed) => {
      const shuffled = [...groups].sort((a, b) => (((a.goodAt ?? 1) * seed) % 7) - (((b.goodAt ?? 1) * seed) % 7))
      expect(kindOf(groups, onset)).toBe(kindOf(shuffled, onset))
      if (onset > 35) expect(kindOf(groups, onset)).not.toBe('unclear')
    }),
  )
})

test('several routes of one group answer while one does, and fail since the last of them began to', () => {
  expect(together([bad(100), good(3)])).toEqual({ goodAt: ago(3), badFrom: null, badAt: null })
  expect(together([bad(100), bad(20, 25)])).toEqual({ goodAt: ago(25), badFrom: ago(20), badAt: ago(1) })
})

const addresses = new Map([
  ['mx.one.test', ['192.0.2.10']],
  ['in.two.test', ['192.0.2.99', '2001:db8:1::1']],
])
const group = (...hosts: string[][]): number[] => {
  const found = groupRelated(
    hosts.map((list, id) => ({ id, hosts: list })),
    (host) => addresses.get(host) ?? [],
  )
  return hosts.map((_, id) => found.get(id)!)
}
const distinct = (numbers: number[]): number => new Set(numbers).size

test('routes are related by host, domain of the host or network', () => {
  expect(distinct(group(['a.example.test'], ['b.example.test']))).toBe(1)
  expect(distinct(group(['a.example.test'], ['a.sample.test']))).toBe(2)
  expect(distinct(group(['mail.one.co.uk'], ['mail.two.co.uk']))).toBe(2)
  expect(distinct(group(['192.0.2.1'], ['192.0.2.200'], ['192.0.3.1']))).toBe(2)
  expect(distinct(group(['2001:db8:1::5'], ['2001:db8:1:9::1'], ['2001:db8:2::1']))).toBe(2)
  expect(distinct(group(['mx.one.test'], ['in.two.test']))).toBe(1)
  // By a third that shares something with each.
  expect(distinct(group(['192.0.2.1'], ['198.51.100.1'], ['192.0.2.7', '198.51.100.9']))).toBe(1)
  expect(distinct(group(['127.0.0.1'], ['127.0.1.1'], ['127.0.2.1'], []))).toBe(4)
})

test('the domain of a host', () => {
  expect(domainOf('corp-com.mail.protection.outlook.com.')).toBe('outlook.com')
  expect(domainOf('MX.Example.CO.UK')).toBe('example.co.uk')
  expect(domainOf('localhost')).toBe('localhost')
  expect(domainOf('example.test')).toBe('example.test')
})

test('any hosts at all have a group each', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.domain()), { maxLength: 4 })),
      (hosts) => {
        expect(group(...hosts).every((n) => Number.isInteger(n))).toBe(true)
      },
    ),
  )
})
