import fc from 'fast-check'
import { expect, test } from 'vitest'
import { domain, list, person, redirect, world, worldSql } from '../../../testkit/directory-world.ts'
import { WireError } from '../../platform/errors.ts'
import type { AddressRow, DomainRow } from '../../store/directory.ts'
import { DEEPEST, type Expansion, MOST_FINALS, MOST_TARGETS } from './expand.ts'
import { lookUp } from './lookup.ts'

const there = (addresses: AddressRow[], domains: DomainRow[] = [domain('a.test')]) =>
  worldSql(world({ domains, addresses }))
const finals = async (addresses: AddressRow[], address = 'team@a.test', domains?: DomainRow[]) =>
  (await lookUp(there(addresses, domains), address)).redirect?.to.map((one) => one.address)
const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'found',
    (error: unknown) => (error as WireError).code,
  )

test('people, other redirects and the world, each once, in the order they are named', async () => {
  const all = [
    person('bob@a.test'),
    person('ann@a.test'),
    redirect('team@a.test', ['Bob@a.test', 'more@a.test', 'x@world.test', 'bob+2@a.test']),
    redirect('more@a.test', ['X@World.test', 'ann@a.test', 'team@a.test']),
  ]
  expect(await finals(all)).toEqual(['Bob@a.test', 'X@World.test', 'ann@a.test'])
  const { redirect: found, personId } = await lookUp(there(all), 'Team+x@a.test')
  expect(personId).toBeNull()
  expect(found!.domain).toBe('a.test')
  expect(found!.to.map((one) => [one.standing, one.routeId])).toEqual([
    ['known', 'route-domain'],
    ['outside', 'route-out'],
    ['known', 'route-domain'],
  ])
})

test("a person's own address: with their copy or without, and they are still who sends from it", async () => {
  const withCopy = [person('team@a.test'), redirect('team@a.test', ['x@world.test'])]
  expect(await finals(withCopy)).toEqual(['team@a.test', 'x@world.test'])
  const without = [person('team@a.test'), redirect('team@a.test', ['x@world.test'], { keepCopy: false })]
  expect(await finals(without)).toEqual(['x@world.test'])
  expect((await lookUp(there(without), 'team@a.test')).personId).toBe('p-team@a.test')
  // Nothing stays here: no route is needed.
  expect(await finals(without, 'team@a.test', [domain('a.test', { routeId: null })])).toEqual(['x@world.test'])
})

test('who is unknown is left out; nobody left is 550; what nobody can say just now is 450', async () => {
  expect(await finals([redirect('team@a.test', ['gone@a.test', 'x@world.test'])])).toEqual(['x@world.test'])
  expect(await codeOf(finals([redirect('team@a.test', ['gone@a.test'])]))).toBe('unknown-recipient')
  expect(await codeOf(finals([redirect('team@a.test', ['team@a.test'])]))).toBe('unknown-recipient')
  const [later, none] = [domain('b.test', { complete: false }), domain('c.test', { routeId: null, complete: false })]
  const all = [domain('a.test'), later, none]
  // An admin has named it: that is as good as having seen it.
  expect(await finals([redirect('team@a.test', ['x@b.test'])], 'team@a.test', all)).toEqual(['x@b.test'])
  expect(await codeOf(finals([redirect('team@a.test', ['x@c.test', 'y@b.test'])], 'team@a.test', all))).toBe(
    'recipient-unverified',
  )
  const inland = domain('a.test', { outboundRouteId: null })
  expect(await codeOf(finals([redirect('team@a.test', ['x@world.test'])], 'team@a.test', [inland]))).toBe('config')
})

test('found once for all spellings; the own copy goes to the address as it is written', async () => {
  const sql = there([person('team@a.test'), redirect('team@a.test', ['x@world.test', 'gone@a.test'])])
  const expansions = new Map<string, Promise<Expansion>>()
  const asked = async (address: string) =>
    (await lookUp(sql, address, undefined, expansions)).redirect!.to.map((one) => one.address)
  expect(await asked('team@a.test')).toEqual(['team@a.test', 'x@world.test'])
  const first = expansions.get('r-team@a.test')
  expect(await asked('Team+news@A.test')).toEqual(['Team+news@A.test', 'x@world.test'])
  expect(await asked('team@a.test')).toEqual(['team@a.test', 'x@world.test'])
  expect(expansions.get('r-team@a.test')).toBe(first)
})

test('a list: its members without those who are paused; within another, and a redirect, it is its members', async () => {
  const all = [
    person('bob@a.test'),
    list('crew@a.test', ['Bob@a.test', 'x@world.test', 'y@world.test'], {}, ['x@world.test']),
    list('all@a.test', ['crew@a.test', 'z@world.test']),
    redirect('team@a.test', ['crew@a.test']),
  ]
  const crew = (await lookUp(there(all), 'crew@a.test')).list!
  expect(crew.members.map((one) => one.address)).toEqual(['Bob@a.test', 'y@world.test'])
  const everybody = (await lookUp(there(all), 'all+x@a.test')).list!
  expect(everybody).toMatchObject({ id: 'l-all@a.test', address: 'all@a.test', unknown: [] })
  expect(everybody.members).toHaveLength(4)
  expect(await finals(all)).toEqual(['Bob@a.test', 'x@world.test', 'y@world.test'])
  const silent = [list('team@a.test', ['x@world.test'], {}, ['x@world.test'])]
  expect(await codeOf(finals(silent))).toBe('config')
})

test('a catch-all may be a redirect; another organisation here is the world', async () => {
  const domains = [domain('a.test', { catchAll: 'team@a.test' }), domain('b.test', { organisationId: 'other' })]
  const all = [redirect('team@a.test', ['zoe@b.test']), person('zoe@b.test', { organisationId: 'other' })]
  const { redirect: found } = await lookUp(there(all, domains), 'anybody@a.test')
  expect(found!.to).toMatchObject([
    { address: 'zoe@b.test', standing: 'outside', organisationId: 'org', personId: null },
  ])
})

test('too many, too deep, too long to look at: for now, with words for an admin, never lost', async () => {
  const many = (n: number) => Array.from({ length: n }, (_, i) => `x${i}@world.test`)
  expect(await finals([redirect('team@a.test', many(MOST_FINALS))])).toHaveLength(MOST_FINALS)
  expect(await codeOf(finals([redirect('team@a.test', many(MOST_FINALS + 1))]))).toBe('config')
  const row = (n: number) =>
    Array.from({ length: n }, (_, i) => redirect(`r${i}@a.test`, [i === n - 1 ? 'x@world.test' : `r${i + 1}@a.test`]))
  expect(await finals(row(DEEPEST), 'r0@a.test')).toEqual(['x@world.test'])
  expect(await codeOf(finals(row(DEEPEST + 1), 'r0@a.test'))).toBe('config')
  const same = Array.from({ length: MOST_TARGETS + 1 }, () => 'x@world.test')
  expect(await codeOf(finals([redirect('team@a.test', same)]))).toBe('config')
})

test('any directory of people, alias domains, catch-alls, redirects and lists: each final once, and it ends', async () => {
  const names = ['a.test', 'b.test', 'c.test', 'world.test']
  const at = fc.tuple(fc.constantFrom('x', 'y', 'z', 'x+y'), fc.constantFrom(...names)).map((parts) => parts.join('@'))
  const randomDomain = fc.record({
    name: fc.constantFrom(...names.slice(0, 3)),
    kind: fc.constantFrom(1, 2, 3),
    aliasOf: fc.option(fc.constantFrom(...names)),
    otherRouteId: fc.option(fc.constant('other')),
    catchAll: fc.option(at),
    separator: fc.constantFrom('+', ''),
    routeId: fc.option(fc.constant('main')),
    outboundRouteId: fc.option(fc.constant('out')),
    complete: fc.boolean(),
    organisationId: fc.constantFrom('one', 'one', 'two'),
  })
  const randomRedirect = fc.record({
    address: at,
    targets: fc.array(at, { minLength: 1, maxLength: 6 }),
    keepCopy: fc.boolean(),
    isList: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(randomDomain, { selector: (each) => each.name }),
      fc.uniqueArray(at),
      fc.uniqueArray(randomRedirect, { selector: (each) => each.address }),
      at,
      async (domains, people, redirects, asked) => {
        const ownerOf = (address: string) =>
          domains.find(({ name }) => address.endsWith(`@${name}`))?.organisationId ?? null
        const rows = domains.map((each) => {
          const isOwn = each.aliasOf !== null && ownerOf(`x@${each.aliasOf}`) === each.organisationId
          return domain(each.name, { ...each, aliasOf: isOwn ? each.aliasOf : null })
        })
        const sql = there(
          [
            ...people.flatMap((address) => {
              const organisationId = ownerOf(address)
              return organisationId ? [person(address, { organisationId })] : []
            }),
            ...redirects.flatMap(({ address, targets, keepCopy, isList }) => {
              const organisationId = ownerOf(address)
              if (!organisationId) return []
              return isList
                ? [list(address, targets, { organisationId })]
                : [redirect(address, targets, { keepCopy, organisationId })]
            }),
          ],
          rows,
        )
        const outcome = await lookUp(sql, asked).catch((error: unknown) => error)
        if (outcome instanceof Error) {
          expect(outcome instanceof WireError && outcome.code).toMatch(
            /^(relay-denied|unknown-recipient|recipient-unverified|config)$/,
          )
          return
        }
        const { redirect: led, list: posted, organisationId } = outcome as Awaited<ReturnType<typeof lookUp>>
        if (!led && !posted) return
        const found = { to: led?.to ?? posted!.members }
        expect(found.to.length).toBeGreaterThan(0)
        expect(new Set(found.to.map((one) => one.personId ?? one.folded)).size).toBe(found.to.length)
        for (const one of found.to) {
          expect(one.redirect ?? one.list).toBeUndefined()
          expect(one.organisationId).toBe(organisationId)
          // What is ours goes home, and the rest to the world.
          expect(one.standing === 'outside').toBe(ownerOf(one.address) !== organisationId)
          expect(one.routeId).toMatch(/^(main|other|out)$/)
        }
      },
    ),
    { numRuns: 1000 },
  )
})
