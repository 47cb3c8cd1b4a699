import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PersonSource, Role } from '../../../platform/codes.ts'
import type { Entry, Mention, SourceList } from './entry.ts'
import { planList, type Plan } from './plan.ts'
import { linkOf, type Link, type PersonState, type Present } from './present.ts'
import { sourceSettingsSchema } from './settings.ts'

const DAY = 86_400_000
const settings = sourceSettingsSchema.parse({})
const empty: Present = {
  sourceId: 's1',
  settings,
  now: 1000 * DAY,
  domains: new Map([
    ['x.test', 'd1'],
    ['y.test', 'd2'],
  ]),
  groups: [
    { id: 'g1', name: 'Staff' },
    { id: 'g2', name: 'Board' },
  ],
  people: [],
  taken: new Map(),
  owed: new Map(),
}

const entry = (externalId: string, addresses: string | string[], more: Partial<Entry> = {}): Entry => ({
  row: null,
  externalId,
  name: `Name ${externalId}`,
  addresses: [addresses].flat(),
  enabled: true,
  ...more,
})
const listOf = (entries: Entry[], unusable: Mention[] = []): SourceList => ({ entries, unusable, problems: [] })

/** What carrying a plan out makes of what is: as the tables would have it. */
function carriedOut(present: Present, plan: Plan, copies = true): Present {
  const people = new Map(present.people.map((person) => [person.id, person]))
  for (const { act, person } of plan.leavers)
    if (act === 'remove') {
      if (copies) people.set(person.id, { ...person, addresses: [], upn: null, disabled: true })
      else people.delete(person.id)
    } else if (act === 'unlink')
      people.set(person.id, { ...person, links: person.links.filter(({ sourceId }) => sourceId !== present.sourceId) })
  const made = new Map<string, string>()
  for (const { isDisabled, words: _, externalId, card: change, ...write } of plan.people) {
    const id = write.id ?? `p-${present.sourceId}-${externalId}-${people.size}`
    if (write.id === null) made.set(externalId, id)
    const before = people.get(id) ?? { source: PersonSource.csv, role: Role.person, links: [] }
    const card = change?.card ?? people.get(id)?.card ?? null
    people.set(id, { ...before, ...write, id, disabled: isDisabled, card })
  }
  const update = (id: string, change: (links: Link[]) => Link[]) => {
    const person = people.get(id)
    if (person) people.set(id, { ...person, links: change(person.links) })
  }
  for (const { externalId, personId, said, linkedAt } of plan.links)
    update(personId ?? made.get(externalId)!, (links) => {
      const old = links.find(({ sourceId }) => sourceId === present.sourceId)
      const link = {
        sourceId: present.sourceId,
        externalId,
        said,
        linkedAt: old?.linkedAt ?? linkedAt,
        missingSince: null,
      }
      return [...links.filter((each) => each !== old), link]
    })
  const seen = new Set(plan.seen)
  const missing = new Set(plan.leavers.filter(({ act }) => act === 'missing').map(({ link }) => link.externalId))
  for (const id of people.keys())
    update(id, (links) =>
      links.map((link) => {
        if (link.sourceId !== present.sourceId) return link
        if (seen.has(link.externalId)) return { ...link, missingSince: null }
        return missing.has(link.externalId) ? { ...link, missingSince: present.now } : link
      }),
    )
  return { ...present, people: [...people.values()] }
}
const after = (present: Present, ...entries: Entry[]): Present =>
  carriedOut(present, planList(present, listOf(entries)))
const acts = (plan: Plan) => plan.items.map(({ act, name, words }) => `${act} ${name}: ${words.join('; ')}`)
const planned = (present: Present, ...entries: Entry[]) => acts(planList(present, listOf(entries)))
const codes = (present: Present, ...entries: Entry[]) =>
  planList(present, listOf(entries)).problems.map(({ code, text }) => `${code}: ${text}`)
const later = (present: Present, days: number): Present => ({ ...present, now: present.now + days * DAY })
const byHand = (id: string, address: string, more: Partial<PersonState> = {}): PersonState => ({
  id,
  name: `By hand ${id}`,
  source: PersonSource.manual,
  role: Role.person,
  upn: null,
  locale: 'en',
  groupId: null,
  disabled: false,
  addresses: [{ address, display: address, domainId: 'd1', primary: true, fromSource: false }],
  links: [],
  ...more,
})

test('new people, their changes, and nothing the second time', () => {
  const list = [
    entry('1', ['A@x.test', 'al@y.test'], { upn: 'a.a', group: 'staff', locale: 'fr' }),
    entry('2', 'b@x.test'),
  ]
  expect(planned(empty, ...list)).toEqual([
    'create Name 1: a@x.test; also al@y.test; signs in as a.a; group Staff; language fr',
    'create Name 2: b@x.test',
  ])
  const present = after(empty, ...list)
  expect(planned(present, ...list)).toEqual([])
  const changed = entry('1', ['al@y.test', 'new@x.test'], { name: 'Other', upn: null, group: 'Board', locale: 'de' })
  expect(planned(present, changed, entry('2', 'b@x.test', { enabled: false }))).toEqual([
    'change Name 1: name: Name 1 -> Other; address new@x.test added; address a@x.test taken away; main address: a@x.test -> al@y.test; sign-in name: a.a -> none; group: Staff -> Board; language: fr -> de',
    'disable Name 2: may not sign in any more',
  ])
  const shut = after(present, changed, entry('2', 'b@x.test', { enabled: false }))
  expect(planned(shut, changed, entry('2', 'b@x.test'))).toEqual(['change Name 2: may sign in again'])
})

test('whoever an admin has shut out stays out; a language chosen on the page stays', () => {
  const present = after(empty, entry('1', 'a@x.test', { locale: 'fr' }))
  const touched = { ...present, people: present.people.map((one) => ({ ...one, disabled: true, locale: 'de' })) }
  expect(planned(touched, entry('1', 'a@x.test', { locale: 'fr' }))).toEqual([])
})

test('nor does a source that would have shut them out too let them in again', () => {
  const present = after(empty, entry('1', 'a@x.test'))
  const closed = { ...present, people: present.people.map((one) => ({ ...one, disabled: true })) }
  const both = after(closed, entry('1', 'a@x.test', { enabled: false }))
  expect(planned(both, entry('1', 'a@x.test'))).toEqual([])
  // Whom it shut out itself it lets in.
  const own = after(present, entry('1', 'a@x.test', { enabled: false }))
  expect(planned(own, entry('1', 'a@x.test'))).toEqual(['change Name 1: may sign in again'])
})

test('a name that goes from somebody who stays to another asks, whether address or sign-in name, old or new person', () => {
  const delicate = (present: Present, ...entries: Entry[]) => planList(present, listOf(entries)).delicate
  const present = after(empty, entry('1', 'a@x.test', { upn: 'a@x.test' }), entry('2', 'b@x.test', { upn: 'b@x.test' }))
  expect(
    delicate(present, entry('1', 'b@x.test', { upn: 'b@x.test' }), entry('2', 'a@x.test', { upn: 'a@x.test' })).sort(),
  ).toEqual(['Name 1', 'Name 2'])
  expect(
    delicate(
      present,
      entry('1', 'new@x.test', { upn: null }),
      entry('2', 'b@x.test', { upn: 'b@x.test' }),
      entry('3', 'a@x.test'),
    ),
  ).toEqual(['Name 3'])
  expect(delicate(present, entry('1', ['a@x.test', 'new@x.test']), entry('2', 'b@x.test'))).toEqual([])
})

test('what one row says wrong is named, and nothing of that row is done', () => {
  const present = {
    ...empty,
    people: [byHand('h', 'hand@x.test', { upn: 'hand.upn' })],
    taken: new Map([['list@x.test', 'the list All']]),
  }
  expect(codes(present, entry('1', []))).toEqual(['no-address: "Name 1" has no address'])
  expect(codes(present, entry('1', 'a b@x.test'))).toEqual(['bad-address: "a b@x.test" is not an e-mail address'])
  expect(codes(present, entry('1', 'a@z.test'))).toEqual([
    'foreign-domain: "a@z.test": z.test is not a domain of this organisation',
  ])
  expect(codes(present, entry('1', 'a@x.test', { name: ' ' }))).toEqual(['no-name: has no name'])
  expect(codes(present, entry('1', 'a@x.test', { name: 'n'.repeat(201) }))[0]).toMatch(/^too-long/)
  expect(codes(present, entry('1', 'a@x.test', { name: 'a\u001b[2J' }))[0]).toMatch(/^bad-characters/)
  expect(codes(present, entry('', 'a@x.test'))).toEqual(['no-id: has no id'])
  expect(codes(present, entry('1', 'a@x.test', { group: 'Staf' }))).toEqual([
    'unknown-group: there is no group "Staf"; did you mean "Staff"?',
  ])
  expect(codes(present, entry('1', 'a@x.test', { upn: 'a b' }))[0]).toMatch(/^bad-sign-in-name/)
  expect(codes(present, entry('1', 'a@x.test', { upn: 'HAND.upn' }))).toEqual([
    'sign-in-name-taken: "hand.upn" belongs to "By hand h"',
  ])
  expect(codes(present, entry('1', ['a@x.test', 'hand@x.test']))).toEqual([
    'address-taken: "hand@x.test" belongs to "By hand h"',
  ])
  expect(codes(present, entry('1', 'list@x.test'))).toEqual(['address-taken: "list@x.test" belongs to "the list All"'])
  expect(
    codes(
      present,
      entry(
        '1',
        Array.from({ length: 101 }, (_, i) => `a${i}@x.test`),
      ),
    )[0],
  ).toMatch(/^too-many-addresses/)
  const twice = planList(
    present,
    listOf([entry('1', 'a@x.test', { row: 2 }), entry('2', 'A@x.test', { row: 3 }), entry('3', 'c@x.test')]),
  )
  expect(twice.problems.map(({ row, text }) => [row, text])).toEqual([
    [2, 'its address "a@x.test" is also in row 3'],
    [3, 'its address "a@x.test" is also in row 2'],
  ])
  expect(acts(twice)).toEqual(['create Name 3: c@x.test'])
  expect(codes(present, entry('1', 'a@x.test'), entry('1', 'b@x.test'))[0]).toMatch(/^id-twice/)
})

test('somebody by hand is known again by the primary address, and only gains', () => {
  const present = { ...empty, people: [byHand('h', 'hand@x.test')] }
  const list = [
    entry('1', ['hand@x.test', 'more@x.test'], {
      name: 'Renamed',
      upn: 'h.h',
      group: 'Staff',
      enabled: false,
      locale: 'fr',
    }),
  ]
  expect(planned(present, ...list)).toEqual([
    'change By hand h: is also in this list, with the id 1; address more@x.test added; sign-in name: none -> h.h; group: none -> Staff',
  ])
  const joined = after(present, ...list)
  expect(planned(joined, ...list)).toEqual([])
  expect(planned(joined, entry('1', 'other@x.test'))).toEqual([
    'change By hand h: address other@x.test added; address more@x.test taken away',
  ])
  const gone = later(after(joined, entry('9', 'n@x.test')), 15)
  expect(planned(gone, entry('9', 'n@x.test'))).toEqual([
    'unlink By hand h: not in the list any more; stays, because others speak of them',
  ])
  const [hand] = after(gone, entry('9', 'n@x.test')).people
  expect(hand).toMatchObject({
    name: 'By hand h',
    disabled: false,
    links: [],
    addresses: [{ address: 'hand@x.test', primary: true }],
  })
})

test('an alias does not make two people one', () => {
  const office = byHand('h', 'hand@x.test')
  office.addresses.push({
    address: 'office@x.test',
    display: 'office@x.test',
    domainId: 'd1',
    primary: false,
    fromSource: false,
  })
  expect(codes({ ...empty, people: [office] }, entry('1', 'office@x.test'))).toEqual([
    'address-taken: "office@x.test" belongs to "By hand h"',
  ])
})

test('two sources: the first one leads, the other adds, and neither takes what the other says', () => {
  const first = after(empty, entry('1', ['a@x.test', 'both@x.test']))
  const other: Present = { ...first, sourceId: 's2', now: first.now + 1 }
  const both = after(other, entry('z', ['a@x.test', 'both@x.test', 'z@y.test'], { name: 'Not so' }))
  expect(both.people).toMatchObject([{ name: 'Name 1', links: [{ sourceId: 's1' }, { sourceId: 's2' }] }])
  const back: Present = { ...both, sourceId: 's1' }
  expect(planned(back, entry('1', ['a@x.test']))).toEqual([])
  const without = later(after(back, entry('2', 'n@x.test')), 15)
  expect(planned(without, entry('2', 'n@x.test'))).toEqual([
    'unlink Name 1: not in the list any more; stays, because others speak of them',
  ])
})

test('missing, then removed after the grace, never while mail is owed, and the same person when they come back', () => {
  const present = after(empty, entry('1', 'a@x.test'), entry('2', 'b@x.test'))
  const rest = entry('2', 'b@x.test')
  expect(planned(present, rest)).toEqual(['missing Name 1: not in the list any more; removed after 14 days of that'])
  const missing = after(present, rest)
  expect(planned(later(missing, 13), rest)).toEqual([])
  expect(planned(later(missing, 13), rest, entry('1', 'a@x.test'))).toEqual([])
  expect(
    after(later(missing, 13), rest, entry('1', 'a@x.test')).people.map((one) => linkOf(one, 's1')?.missingSince),
  ).toEqual([null, null])
  const due = later(missing, 14)
  const id = due.people.find(({ name }) => name === 'Name 1')!.id
  expect(planned({ ...due, owed: new Map([[id, 'mail waits']]) }, rest)).toEqual(['keep Name 1: mail waits'])
  expect(planned(due, rest)).toEqual(['remove Name 1: gone from the list for 14 days: a@x.test'])
  const removed = after(due, rest)
  expect(planned(removed, rest)).toEqual([])
  expect(planned(removed, rest, entry('1', 'a@x.test'))).toEqual([
    'change Name 1: is back; address a@x.test added; may sign in again',
  ])
})

test('the address of a predecessor is taken over only when they are gone', () => {
  const rest = entry('2', 'b@x.test')
  const missing = after(after(empty, entry('1', 'a@x.test'), rest), rest)
  expect(codes(later(missing, 1), rest, entry('new', 'a@x.test'))).toEqual([
    'address-taken: "a@x.test" belongs to "Name 1", who has been missing in the list since 1972-09-27 and is still there',
  ])
  expect(planned(later(missing, 14), rest, entry('new', 'a@x.test'))).toEqual([
    "create Name new: a@x.test (was Name 1's)",
    'remove Name 1: gone from the list for 14 days: a@x.test',
  ])
})

test('an address goes from one to another only where the list says both', () => {
  const present = after(empty, entry('1', ['a@x.test', 'shared@x.test']), entry('2', 'b@x.test'))
  expect(planned(present, entry('1', 'a@x.test'), entry('2', ['b@x.test', 'shared@x.test']))).toEqual([
    'change Name 1: address shared@x.test taken away',
    "change Name 2: address shared@x.test added (was Name 1's)",
  ])
  // The row that would let it go cannot be used: so it does not go.
  expect(
    planned(present, entry('1', ['a@x.test', 'bad'], { row: 2 }), entry('2', ['b@x.test', 'shared@x.test'])),
  ).toEqual([])
})

test('who is in a row that cannot be used is not missing; where it could be anybody, nobody is', () => {
  const present = after(empty, entry('1', 'a@x.test'), entry('2', 'b@x.test'), entry('3', 'c@x.test'))
  const rest = [entry('3', 'c@x.test')]
  const named = planList(
    present,
    listOf(rest, [
      { externalId: '1', addresses: [] },
      { externalId: null, addresses: ['B@x.test'] },
    ]),
  )
  expect([acts(named), named.counts.withheld]).toEqual([[], 0])
  const anybody = planList(present, listOf(rest, [{ externalId: null, addresses: [] }]))
  expect([acts(anybody), anybody.counts.withheld]).toEqual([[], 2])
})

const many = (n: number) => Array.from({ length: n }, (_, i) => entry(String(i), `a${i}@x.test`))

test('more than the limits asks, and so does an empty list', () => {
  const over = (present: Present, list: Entry[]) => planList(present, listOf(list)).over
  expect(over(empty, many(10))).toEqual([])
  expect(over(empty, many(11))).toEqual([{ what: 'creations', count: 11, allowed: 10 }])
  const hundred = after(empty, ...many(100))
  expect(over(hundred, many(120))).toEqual([])
  expect(over(hundred, many(121))).toEqual([{ what: 'creations', count: 21, allowed: 20 }])
  expect(over(hundred, many(80))).toEqual([])
  expect(over(hundred, many(79))).toEqual([{ what: 'removals', count: 21, allowed: 20 }])
  expect(
    over(
      hundred,
      many(100).map((one) => ({ ...one, enabled: false })),
    ),
  ).toMatchObject([{ what: 'removals', count: 100 }])
  expect(
    over(
      hundred,
      many(100).map((one) => ({ ...one, name: 'Same' })),
    ),
  ).toMatchObject([{ what: 'changes', count: 100 }])
  const capped = {
    ...hundred,
    settings: sourceSettingsSchema.parse({ creations: { most: 5, percent: 100 }, removals: { percent: 0 } }),
  }
  expect(over(capped, many(106))).toMatchObject([{ what: 'creations', allowed: 5 }])
  expect(over(capped, many(99))).toMatchObject([{ what: 'removals', count: 1, allowed: 0 }])
  expect(planList(hundred, listOf([]))).toMatchObject({ isEmpty: true, over: [{ what: 'removals', count: 100 }] })
})

test('the digest is of what would happen, not of the order of rows', () => {
  const [a, b] = [entry('1', 'a@x.test', { row: 2 }), entry('2', 'b@x.test', { row: 3 })]
  const digest = (...entries: Entry[]) => planList(empty, listOf(entries)).digest
  expect(digest(a, b)).toBe(digest({ ...b, row: 2 }, { ...a, row: 3 }))
  expect(digest(a, b)).not.toBe(digest(a, { ...b, name: 'Other' }))
})

// Few ids and addresses, so that lists collide all the time.
const address = fc.constantFrom(...'abcdefg'.split('').map((local) => `${local}@x.test`), 'A@y.test', 'bad', 'h@x.test')
const anyEntry: fc.Arbitrary<Entry> = fc.record(
  {
    row: fc.constant(null),
    externalId: fc.constantFrom('1', '2', '3', '4', '5', '6', ''),
    name: fc.constantFrom('N', 'M', 'O', ''),
    addresses: fc.array(address, { maxLength: 3 }),
    enabled: fc.boolean(),
    upn: fc.constantFrom('u', 'v', 'a@x.test', 'h@x.test', null),
    group: fc.constantFrom('Staff', 'Board', 'Nobody', null),
    locale: fc.constantFrom('en', 'fr'),
  },
  { requiredKeys: ['row', 'externalId', 'name', 'addresses', 'enabled'] },
)
const anyRun = fc.record({
  entries: fc.array(anyEntry, { maxLength: 7 }),
  sourceId: fc.constantFrom('s1', 's2'),
  days: fc.constantFrom(0, 1, 15),
  copies: fc.boolean(),
  owed: fc.boolean(),
})

test('whatever lists come: done again nothing changes, no name has two owners, nobody goes who may not', () => {
  fc.assert(
    fc.property(fc.array(anyRun, { minLength: 1, maxLength: 6 }), (runs) => {
      let present: Present = { ...empty, people: [byHand('h', 'h@x.test')] }
      for (const { entries, sourceId, days, copies, owed } of runs) {
        present = { ...later(present, days), sourceId, owed: new Map() }
        if (owed) present = { ...present, owed: new Map(present.people.map(({ id }) => [id, 'mail waits'])) }
        const plan = planList(present, listOf(entries))
        const next = carriedOut(present, plan, copies)
        const acts = (one: typeof plan) => one.items.filter(({ act }) => act !== 'keep')
        const again = planList(next, listOf(entries))
        // Who stays while their old id is let go (by hand, or another source has them) is known again, by the primary address,
        // from the next run on.
        if (plan.items.some(({ act }) => act === 'unlink')) {
          expect(acts(again).every(({ act }) => act === 'change')).toBe(true)
          expect(acts(planList(carriedOut(next, again, copies), listOf(entries)))).toEqual([])
        } else expect(acts(again)).toEqual([])
        const names = next.people.flatMap(({ id, upn, addresses }) =>
          [...new Set([...addresses.map((one) => one.address), ...(upn ? [upn] : [])])].map(
            (name) => [name, id] as const,
          ),
        )
        expect(names.length).toBe(new Set(names.map(([name]) => name)).size)
        for (const person of next.people) {
          expect(person.addresses.filter(({ primary }) => primary).length).toBe(person.addresses.length > 0 ? 1 : 0)
          expect(new Set(person.links.map((link) => link.sourceId)).size).toBe(person.links.length)
        }
        const hand = next.people.find(({ id }) => id === 'h')
        expect(hand).toMatchObject({ name: 'By hand h', disabled: false, source: PersonSource.manual })
        expect(hand!.addresses.some((one) => one.address === 'h@x.test' && one.primary)).toBe(true)
        for (const before of present.people) {
          const now = next.people.find(({ id }) => id === before.id)
          const isRemoved = !now || (now.addresses.length === 0 && before.addresses.length > 0)
          if (!isRemoved) continue
          const link = linkOf(before, sourceId)!
          expect(owed).toBe(false)
          expect(present.now - link.missingSince!).toBeGreaterThanOrEqual(14 * DAY)
        }
        present = next
      }
    }),
    { numRuns: 1500 },
  )
})

test('many small runs take nobody more than one large one may', () => {
  const hundred = after(empty, ...many(100))
  const eighty = after(hundred, ...many(80))
  const soon = { ...eighty, now: eighty.now + DAY / 24 }
  expect(planList(soon, listOf(many(80))).over).toEqual([])
  expect(planList(soon, listOf(many(79))).over).toEqual([{ what: 'removals', count: 21, allowed: 20 }])
  expect(planList(later(eighty, 2), listOf(many(79))).over).toEqual([])
})

test('how an administrator signs in, or somebody by hand who had no name for it, changes only where it was asked', () => {
  const present = {
    ...empty,
    people: [byHand('a', 'admin@x.test', { role: Role.admin }), byHand('p', 'plain@x.test')],
  }
  const delicate = (...entries: Entry[]) => planList(present, listOf(entries)).delicate
  expect(delicate(entry('1', 'admin@x.test'))).toEqual(['By hand a'])
  expect(delicate(entry('1', 'plain@x.test'))).toEqual([])
  expect(delicate(entry('1', 'plain@x.test', { upn: 'mallory' }))).toEqual(['By hand p'])
  const known = after(present, entry('1', 'admin@x.test'))
  expect(planList(known, listOf([entry('1', 'admin@x.test')])).delicate).toEqual([])
})

test('whom the source says it took away is shut out at once; the grace runs; back, they come in again', () => {
  const two = [entry('1', 'a@x.test'), entry('2', 'b@x.test')]
  const there = carriedOut(empty, planList(empty, listOf(two)))
  const goneList = { ...listOf([two[1]!]), gone: ['1', 'nobody'] }
  const plan = planList(there, goneList)
  expect(plan.items).toMatchObject([{ act: 'missing', words: [expect.stringContaining('may not sign in any more')] }])
  expect(plan.counts).toMatchObject({ removals: 1, changes: 0 })
  const shut = carriedOut(there, plan)
  expect(shut.people.map(({ disabled }) => disabled)).toEqual([true, false])
  expect(planList(shut, goneList).items).toEqual([])
  const back = carriedOut(shut, planList(shut, listOf(two)))
  expect(back.people.map(({ disabled }) => disabled)).toEqual([false, false])
  // Whom somebody here shut out stays out; who is here by hand, or whom another source leads, is only missing.
  const people = there.people.map((person) => ({ ...person, source: PersonSource.manual }))
  expect(planList({ ...there, people }, goneList).people).toEqual([])
  const office = there.people.map((person) => ({ ...person, role: Role.helpdesk }))
  expect(planList({ ...there, people: office }, goneList).delicate).toEqual(['Name 1'])
})

test('what a source did within a day counts with what it is about to do', () => {
  const list = listOf(Array.from({ length: 6 }, (_, i) => entry(String(i), `p${i}@x.test`)))
  const over = (creations: number) => planList({ ...empty, spent: { creations, changes: 50, removals: 50 } }, list).over
  expect(over(4)).toEqual([])
  expect(over(5)).toEqual([{ what: 'creations', count: 11, allowed: 10 }])
  // Who does nothing of a kind is not asked about it.
  const there = carriedOut(empty, planList(empty, list))
  expect(planList({ ...there, spent: { creations: 50, changes: 50, removals: 50 } }, list).over).toEqual([])
})
