/** Told is certain, untold is certain, and between them nobody is told anything final: with a database of the test's own. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { ConnectionLost, type Database, type Sql } from '../../platform/db/database.ts'
import { silentLog } from '../../platform/log.ts'
import type { OutcomeRow } from '../../store/outcomes.ts'
import { createTell } from './tell.ts'

const id = (n: number): string => `00000000-0000-7000-8000-00000000000${n}`
const outcome: OutcomeRow = {
  organisationId: id(1),
  deliveryId: id(2),
  outcome: 3,
  state: 11,
  reason: 'recipient-refused',
  againIn: null,
  host: null,
  code: 550,
  enhanced: null,
  reply: 'no',
  remoteId: null,
  tls: null,
  tookMs: 1,
  at: 1,
  ledgerId: id(3),
  returnEventId: null,
  byReturn: false,
}

interface Wish {
  /** rows that a statement on `one` delivery gives */
  moved?: number
  /** before the statements, and at COMMIT */
  begin?: () => Promise<void>
  commit?: () => Promise<void>
}

function room({ moved = 1, begin = () => Promise.resolve(), commit = () => Promise.resolve() }: Wish = {}) {
  const clock = fakeClock()
  let committed = 0
  let transactions = 0
  let deliveries = 0
  const sql = {
    query: () => Promise.resolve(Array.from({ length: moved * deliveries }, () => ({}))),
  } as unknown as Sql
  const vital = {
    async transaction(work: (sql: Sql) => Promise<unknown>) {
      transactions++
      await begin()
      await work(sql)
      await commit()
      committed++
    },
  }
  const tell = createTell({ db: { vital } as unknown as Database, clock, log: silentLog, nodeId: 'n' })
  return {
    clock,
    tell: () => {
      deliveries++
      return tell([outcome], [])
    },
    committed: () => committed,
    transactions: () => transactions,
  }
}
const lost = (): Promise<never> => Promise.reject(new ConnectionLost('gone'))
const never = (): Promise<never> => new Promise(() => undefined)

test('told after the commit, and no timer stays', async () => {
  const { tell, committed, clock } = room()
  expect(await tell()).toBe('told')
  expect(committed()).toBe(1)
  expect(clock.pending()).toBe(0)
})

test('those who come while a transaction runs share the next', async () => {
  let go = (): void => undefined
  const first = new Promise<void>((resolve) => (go = resolve))
  const { tell, transactions } = room({ begin: () => first, moved: 1 })
  const all = [tell(), tell(), tell()]
  go()
  expect(new Set(await Promise.all(all))).toEqual(new Set(['told']))
  expect(transactions()).toBe(2)
})

test.each([
  ['it is not ours any more', { moved: 0 }, 'untold'],
  ['the connection breaks before COMMIT', { begin: lost }, 'untold'],
  ['the server refuses the COMMIT', { commit: () => Promise.reject(new Error('no')) }, 'untold'],
  ['the connection breaks at COMMIT', { commit: lost }, 'unknown'],
])('%s: never told', async (_, wish: Wish, said) => {
  const { tell, committed } = room(wish)
  expect(await tell()).toBe(said)
  expect(committed()).toBe(0)
})

test.each([
  ['before COMMIT', 'begin', 'untold'],
  ['at COMMIT', 'commit', 'unknown'],
] as const)('a database that hangs %s: after two seconds, and never more than that', async (_, where, said) => {
  const { tell, clock } = room({ [where]: never })
  const answer = tell()
  let told: string | null = null
  void answer.then((value) => (told = value))
  await clock.advance(1_999)
  expect(told).toBeNull()
  await clock.advance(1)
  expect(told).toBe(said)
})

test('who was told otherwise cannot be overtaken: the transaction that comes late is undone', async () => {
  let go = (): void => undefined
  const { tell, clock, committed } = room({ begin: () => new Promise((resolve) => (go = resolve)) })
  const answer = tell()
  await clock.advance(2_000)
  expect(await answer).toBe('untold')
  go()
  await clock.advance(0)
  expect(committed()).toBe(0)
})

test('what lost against another transaction is repeated', async () => {
  let times = 0
  const deadlock = Object.assign(new Error('deadlock'), { code: '40P01' })
  const { tell } = room({ begin: () => (++times < 3 ? Promise.reject(deadlock) : Promise.resolve()) })
  expect(await tell()).toBe('told')
  expect(times).toBe(3)
})
