import fc from 'fast-check'
import { expect, test } from 'vitest'
import { domain, person, world, worldSql } from '../../../testkit/directory-world.ts'
import { WireError } from '../../platform/errors.ts'
import type { DomainRow } from '../../store/directory.ts'
import { lookUp } from './lookup.ts'

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WireError ? error.code : error),
  )

test('the person is found as written, without case, with subaddress, and keeps what was written', async () => {
  const sql = worldSql(world({ domains: [domain('a.test')], addresses: [person('alice@a.test')] }))
  for (const written of ['alice@a.test', 'Alice@A.test', 'alice+news@a.test'])
    expect(await lookUp(sql, written)).toMatchObject({
      address: written,
      folded: 'alice@a.test',
      personId: 'p-alice@a.test',
      routeId: 'route-domain',
      isProtected: true,
    })
})

test('an address that contains the separator wins over its base', async () => {
  const sql = worldSql(world({ domains: [domain('a.test')], addresses: [person('a@a.test'), person('a+b@a.test')] }))
  expect((await lookUp(sql, 'a+b@a.test')).personId).toBe('p-a+b@a.test')
})

test("the person's route and scopes come before the domain's", async () => {
  const sql = worldSql(
    world({
      domains: [domain('a.test')],
      addresses: [person('a@a.test', { routeId: 'own', emergency: false, rollingCopy: false })],
    }),
  )
  expect(await lookUp(sql, 'a@a.test')).toMatchObject({
    routeId: 'own',
    isProtected: false,
    rollingCopy: false,
    filtering: true,
  })
})

test('strangers: complete list 550, incomplete 450 or park, learned taken, shared elsewhere', async () => {
  const open = { complete: false }
  const sql = worldSql(
    world({
      domains: [
        domain('full.test'),
        domain('later.test', open),
        domain('park.test', { ...open, unknownPolicy: 2 }),
        domain('shared.test', { kind: 2, otherRouteId: 'other' }),
      ],
      known: [
        { address: 'bob@later.test', routeId: 'learned', known: true, source: 1, ageMs: 0 },
        { address: 'no@later.test', routeId: 'learned', known: false, source: 2, ageMs: 0 },
      ],
    }),
  )
  expect(await codeOf(lookUp(sql, 'x@full.test'))).toBe('unknown-recipient')
  expect(await codeOf(lookUp(sql, 'x@later.test'))).toBe('recipient-unverified')
  expect(await codeOf(lookUp(sql, 'no@later.test'))).toBe('recipient-unverified')
  expect(await codeOf(lookUp(sql, 'x@elsewhere.test'))).toBe('relay-denied')
  expect(await lookUp(sql, 'x@park.test')).toMatchObject({ standing: 'park', personId: null, isProtected: false })
  expect(await lookUp(sql, 'Bob+x@later.test')).toMatchObject({ standing: 'known', personId: null })
  expect(await lookUp(sql, 'x@shared.test')).toMatchObject({ standing: 'known', routeId: 'other', personId: null })
})

test('postmaster is always taken, also without a domain', async () => {
  const sql = worldSql(world({ domains: [domain('a.test')] }))
  expect(await lookUp(sql, 'Postmaster')).toMatchObject({ address: 'postmaster@a.test', routeId: 'route-domain' })
  expect(await lookUp(sql, 'postmaster@a.test')).toMatchObject({ routeId: 'route-domain' })
})

test("an alias domain finds the other domain's people; a catch-all takes the rest", async () => {
  const sql = worldSql(
    world({
      domains: [domain('b.test', { kind: 3, aliasOf: 'a.test' }), domain('a.test', { catchAll: 'Alice@a.test' })],
      addresses: [person('alice@a.test'), person('bob@a.test')],
    }),
  )
  expect(await lookUp(sql, 'bob@b.test')).toMatchObject({
    address: 'bob@b.test',
    folded: 'bob@a.test',
    personId: 'p-bob@a.test',
  })
  expect(await lookUp(sql, 'nobody@b.test')).toMatchObject({ address: 'Alice@a.test', personId: 'p-alice@a.test' })
})

test('a domain without a route answers for now, never for ever', async () => {
  const sql = worldSql(world({ domains: [domain('a.test', { routeId: null })], addresses: [person('a@a.test')] }))
  expect(await codeOf(lookUp(sql, 'a@a.test'))).toBe('recipient-unverified')
})

test('any directory answers any address, with a route or one of three refusals, and ends', async () => {
  const names = ['a.test', 'b.test', 'c.test', 'd.test']
  const locals = ['x', 'y', 'x+y', 'postmaster']
  const name = fc.constantFrom(...names)
  const randomDomain = fc.record({
    name,
    kind: fc.constantFrom(1, 2, 3),
    aliasOf: fc.option(name),
    otherRouteId: fc.option(fc.constant('other')),
    catchAll: fc.option(fc.tuple(fc.constantFrom(...locals), name).map((parts) => parts.join('@'))),
    separator: fc.constantFrom('+', '-', ''),
    routeId: fc.option(fc.constant('main')),
    complete: fc.boolean(),
    unknownPolicy: fc.constantFrom(1, 2),
    organisationId: fc.constantFrom('one', 'two'),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(randomDomain, { selector: (each) => each.name }),
      fc.array(
        fc.record({
          local: fc.constantFrom(...locals),
          name,
          organisationId: fc.constantFrom('one', 'two'),
          routeId: fc.option(fc.constant('own')),
        }),
      ),
      fc.constantFrom(...locals),
      name,
      async (domains, people, local, at) => {
        let asked = 0
        const rows = domains.map((each) => domain(each.name, each))
        const sql = worldSql(
          world({ domains: rows, addresses: people.map((each) => person(`${each.local}@${each.name}`, each)) }),
        )
        const find = async (wanted: string): Promise<DomainRow | null> => {
          asked++
          return rows.find((row) => row.name === wanted) ?? null
        }
        const outcome = await lookUp(sql, `${local}@${at}`, find).catch((error: unknown) => error)
        expect(asked).toBeLessThan(12)
        if (outcome instanceof Error)
          expect(outcome instanceof WireError && outcome.code).toMatch(
            /^(relay-denied|unknown-recipient|recipient-unverified)$/,
          )
        else expect(outcome).toMatchObject({ routeId: expect.stringMatching(/^(main|own|other)$/) as string })
      },
    ),
    { numRuns: 500 },
  )
})
