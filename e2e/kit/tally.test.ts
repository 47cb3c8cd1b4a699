/** The proofs' own arithmetic: what they let pass they would let pass of the product too. */
import { expect, test } from 'vitest'
import { readJournal } from './journal.ts'
import { countArrivals, explain, tally } from './tally.ts'

const due = new Map([
  ['n1 alice@x.test', 1],
  ['n2 bob@x.test', 2],
  ['n3 alice@x.test', 0],
])
const claims = { due, unanswered: new Map([['n1', 1]]) }
const arrivals = (...keys: string[]): Map<string, number> =>
  countArrivals(keys.map((key) => [key.split(' ')[1]!, [{ nonce: key.split(' ')[0]! }]]))

test('all there as often as accepted', () => {
  expect(tally(arrivals('n1 Alice@x.test', 'n2 bob@x.test', 'n2 bob@x.test'), claims)).toEqual({
    missing: [],
    strangers: [],
    extra: new Map(),
  })
})

test('one of two is missing; another mailbox and mail without a nonce are strange', () => {
  const found = arrivals('n1 alice@x.test', 'n2 bob@x.test', 'n1 bob@x.test')
  for (const [key, count] of countArrivals([['bob@x.test', [{ nonce: null }]]])) found.set(key, count)
  expect(tally(found, claims)).toMatchObject({
    missing: ['n2 bob@x.test: 1 of 2'],
    strangers: ['n1 bob@x.test: 1', '? bob@x.test: 1'],
  })
})

test('each extra arrival needs a reason of its own', () => {
  const extra = new Map([
    ['n1 alice@x.test', 3],
    ['n3 alice@x.test', 1],
  ])
  const { unanswered } = claims
  expect(explain(extra, new Map([['n1 alice@x.test', 2]]), unanswered)).toEqual({
    byUnsure: 2,
    byUnanswered: 1,
    unexplained: ['n3 alice@x.test: 1 more, 0 unsure, 0 unanswered'],
  })
  expect(explain(extra, new Map([['n1 bob@x.test', 2]]), unanswered).unexplained).toHaveLength(2)
})

test('the journal: only the final dot can be unanswered, and a 451 only where the process that gave it is gone', () => {
  const lines = [
    'A a 1',
    'X a 1 body',
    'A a 2',
    'X a 2 dot',
    'A a 3',
    'X a 3 dot',
    'A a 4',
    'R a 4 250 dot',
    'A b 1',
    'R b 1 451 dot',
    'A b 2',
    'R b 2 250 dot',
    'A c 1',
    'R c 1 451 dot',
    'A d 1',
    'R d 1 451 rcpt',
    'K mx',
    'A e 1',
    'R e 1 451 dot',
  ]
  const journal = readJournal(lines.join('\n'))
  expect(journal.accepted).toEqual(
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
  )
  expect(journal.unanswered).toEqual(
    new Map([
      ['a', 2],
      ['c', 1],
    ]),
  )
  expect(journal).toMatchObject({ attempts: 9, brokenAt: { body: 1, dot: 2 } })
})
