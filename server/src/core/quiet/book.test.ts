/** The windows in memory on a fake clock: the database's time, beginnings and ends, several at once, a database that is away. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { QuietTarget } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { NIL_ID } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import type { QuietWindowRow } from '../../store/quiet.ts'
import { createQuietBook } from './book.ts'

const HOUR = 3_600_000
const at = (text: string): number => Date.parse(text)
const plan = (more: object = {}): object => ({
  zone: 'Europe/Berlin',
  weekly: { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '22:00', to: '06:00' },
  ...more,
})
const row = (name: string, more: Partial<QuietWindowRow> = {}): QuietWindowRow => ({
  ...{ organisationId: 'org', windowId: name, name, target: QuietTarget.all, targetId: null, targetName: null },
  ...{ plan: plan(), releasedUntil: null, extendedUntil: null, setBy: 'cli:test', setAt: new Date(0) },
  ...more,
})
const mail = {
  ...{ organisationId: 'org', routeId: 'route', personId: 'alice', recipient: 'alice@corp.test' },
  ...{ envelopeFrom: 'x@y.test', headerFrom: null, subject: 'Hello', priority: undefined },
}

/** Our clock is an hour behind the database's. */
async function stage(start: string, windows: QuietWindowRow[]) {
  const clock = fakeClock(at(start) - HOUR)
  const world = { windows, generation: 1, away: false, members: [] as object[], asked: 0 }
  const query = (_text: string, _values: unknown, name: string): Promise<object[]> => {
    if (world.away) return Promise.reject(new Error('away'))
    world.asked++
    if (name === 'quiet-windows') return Promise.resolve(world.windows)
    if (name === 'quiet-groups') return Promise.resolve(world.members)
    const now = new Date(clock.now() + HOUR)
    return Promise.resolve([{ generation: String(world.generation), directory: '1', now }])
  }
  const book = createQuietBook({ db: { query } as unknown as Database, clock, log: silentLog })
  await book.start()
  const until = (): string | null => {
    const held = book.holds(mail)
    return held && `${held.name} ${new Date(held.until).toISOString().slice(0, 16)}`
  }
  return { clock, world, book, until }
}

test('a night begins and ends by the clock of the database, without anybody who switches', async () => {
  const { clock, book, until } = await stage('2026-11-26T20:59:30Z', [row('Night')])
  expect([book.isIdle(), until()]).toEqual([false, null])
  await clock.advance(29_000)
  expect(until()).toBeNull()
  await clock.advance(1_000)
  expect(until()).toBe('Night 2026-11-27T05:00')
  await clock.advance(8 * HOUR - 1_000)
  expect(until()).toBe('Night 2026-11-27T05:00')
  await clock.advance(1_000)
  expect(until()).toBeNull()
  // The same in a process that starts in the middle.
  expect((await stage('2026-11-27T03:00:00Z', [row('Night')])).until()).toBe('Night 2026-11-27T05:00')
  expect((await stage('2026-11-27T03:00:00Z', [])).book.isIdle()).toBe(true)
})

test('the night in which the clocks go back is an hour longer, the other one shorter', async () => {
  const nights = row('Night', { plan: plan({ weekly: { days: ['sat'], from: '22:00', to: '06:00' } }) })
  const autumn = await stage('2026-10-24T20:00:00Z', [nights])
  expect(autumn.until()).toBe('Night 2026-10-25T05:00')
  const spring = await stage('2026-03-28T21:00:00Z', [nights])
  expect(spring.until()).toBe('Night 2026-03-29T04:00')
})

test('several windows: the one that ends last counts; what one exempts another may hold', async () => {
  const exempt = { senders: ['x@y.test'] }
  const wide = row('Night', { plan: plan({ exempt }) })
  const patch = row('Patch', {
    ...{ organisationId: NIL_ID, windowId: 'p' },
    plan: plan({ weekly: undefined, once: { from: '2026-11-26T23:00', to: '2026-11-27T02:00' } }),
  })
  const late = row('Late', {
    target: QuietTarget.person,
    targetId: 'alice',
    targetName: 'alice@corp.test',
    plan: plan({ weekly: { days: ['thu'], from: '23:30', to: '08:00' } }),
  })
  const { clock, until, world, book } = await stage('2026-11-26T21:30:00Z', [wide, patch, late])
  expect(until()).toBeNull()
  await clock.advance(HOUR / 2)
  expect(until()).toBe('Patch 2026-11-27T01:00')
  await clock.advance(HOUR / 2)
  expect(until()).toBe('Late 2026-11-27T07:00')
  expect(book.holds({ ...mail, envelopeFrom: '' })).toBeNull()
  expect(book.holds({ ...mail, subject: 'Your code: 4711' })).toBeNull()
  expect(book.holds({ ...mail, organisationId: 'other', personId: null })).toMatchObject({ name: 'Patch' })
  // Edited while it is open.
  world.windows = [wide]
  expect(until()).not.toBeNull()
  world.generation++
  await clock.advance(1_000)
  expect(until()).toBeNull()
})

test('whom it is for: a group by its people, a domain in either form; what is gone holds nothing', async () => {
  const of = (target: number, targetId: string, targetName: string | null) =>
    row(`t${target}`, { target, targetId, targetName })
  const now = '2026-11-27T02:00:00Z'
  const group = await stage(now, [of(QuietTarget.group, 'g', 'Staff')])
  expect(group.until()).toBeNull()
  group.world.members = [{ groupId: 'g', personId: 'alice' }]
  group.world.generation++
  await group.clock.advance(1_000)
  expect(group.until()).toContain('t4')
  const domain = await stage(now, [of(QuietTarget.domain, 'd', 'xn--bcher-kva.test')])
  expect(domain.book.holds({ ...mail, recipient: 'a@BÜCHER.test' })).not.toBeNull()
  expect(domain.book.holds({ ...mail, recipient: 'a@bücher.test.example' })).toBeNull()
  expect((await stage(now, [of(QuietTarget.route, 'route', null)])).until()).toBeNull()
  expect((await stage(now, [of(QuietTarget.route, 'route', 'primary')])).until()).toContain('t2')
})

test('released and extended; a plan that is not valid holds nothing; without the database the last windows stand', async () => {
  const now = '2026-11-27T02:00:00Z'
  const released = row('Night', { releasedUntil: new Date('2026-11-27T05:00:00Z') })
  const one = await stage(now, [released])
  expect(one.until()).toBeNull()
  await one.clock.advance(19 * HOUR)
  expect(one.until()).toBe('Night 2026-11-28T05:00')
  const extended = await stage(now, [row('Night', { extendedUntil: new Date('2026-11-27T09:30:00Z') })])
  expect(extended.until()).toBe('Night 2026-11-27T09:30')
  extended.world.away = true
  await extended.clock.advance(7 * HOUR)
  expect(extended.until()).toBe('Night 2026-11-27T09:30')
  await extended.clock.advance(HOUR)
  expect(extended.until()).toBeNull()
  expect((await stage(now, [row('Bad', { plan: { zone: 'Nowhere' } })])).until()).toBeNull()
})

test('maintenance: an emergency before staying, the longer before the shorter, only for its route', async () => {
  const of = (name: string, modes: string, to: string, more: Partial<QuietWindowRow> = {}) =>
    row(name, { plan: plan({ modes, weekly: { days: ['thu'], from: '22:00', to } }), ...more })
  const { book, clock } = await stage('2026-11-26T22:00:00Z', [
    of('stay', 'stay', '06:00'),
    of('short', 'emergency', '01:00', { target: QuietTarget.route, targetId: 'route', targetName: 'primary' }),
    of('plain', 'judged', '08:00'),
  ])
  expect(book.upkeep('org', 'route')).toMatchObject({ name: 'short', modes: 'emergency' })
  expect(book.upkeep('org', 'other')).toMatchObject({ name: 'stay', modes: 'stay' })
  expect(book.upkeep('strangers', 'other')).toBeNull()
  await clock.advance(2 * HOUR)
  expect(book.upkeep('org', 'route')).toMatchObject({ name: 'stay' })
  await clock.advance(5 * HOUR)
  expect(book.upkeep('org', 'route')).toBeNull()
})
