/** Quiet times in a declaration: made, changed, left, removed; whom they are for is found by name; what cannot be is named. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../../testkit/database.ts'
import { systemClock } from '../../../platform/clock.ts'
import { NIL_ID } from '../../../platform/ids.ts'
import { keysFrom } from '../../../platform/keys.ts'
import { windowsOf } from '../../../store/quiet.ts'
import { ApplyError, applyDeclaration, checkDeclaration, type Problem } from '../index.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

const hours = { from: '22:00', to: '02:00' }
const patch = { name: 'Patch night', zone: 'Europe/Berlin', monthly: { nth: 2, day: 'tue', ...hours } }
const shift = {
  name: 'Night shift',
  for: { group: 'staff' },
  zone: 'Europe/Paris',
  weekly: { days: ['mon', 'tue'], ...hours },
  except: ['2026-12-24'],
  exempt: { senders: ['Boss@Corp.test', '@*.Bücher.test'] },
}
const file = (more: object = {}, provider: object = {}) => ({
  organisations: [
    {
      slug: 'quiet',
      name: 'Org',
      routes: [{ name: 'primary', settings: { hosts: [{ host: '127.0.0.1' }] } }],
      domains: [{ name: 'corp.test', route: 'primary' }],
      groups: [{ name: 'staff' }],
      people: [{ name: 'Alice', addresses: ['alice@corp.test'], group: 'staff' }],
      ...more,
    },
  ],
  ...provider,
})
async function apply(value: object, how: { dryRun?: boolean; prune?: boolean } = {}) {
  const checked = checkDeclaration(value)
  if ('problems' in checked) throw new ApplyError(checked.problems)
  const keys = keysFrom(Buffer.alloc(32, 7))
  const deps = {
    db: fresh.db,
    clock: systemClock,
    keys: () => keys,
    actor: 'cli:test',
    checkPassword: () => undefined,
    hashPassword: (password: string) => Promise.resolve(password),
    verifyPassword: async (verifier: string, password: string) => verifier.startsWith(`hash of ${password} `),
    oneTimePassword: () => '',
    secretOf: () => null,
    readFile: () => '',
    placeWaiting: () => Promise.resolve(),
  }
  const { items, changed } = await applyDeclaration(deps, checked.declaration, { dryRun: false, prune: false, ...how })
  return { changed, acts: items.flatMap(({ act, thing, name }) => (thing === 'quiet time' ? [`${act} ${name}`] : [])) }
}
const generation = async () =>
  (await fresh.db.query<{ generation: string }>('SELECT generation FROM quiet_generation'))[0]
const own = async () => {
  const [org] = await fresh.db.query<{ id: string }>('SELECT organisation_id AS id FROM organisation')
  return (await windowsOf(fresh.db, org!.id)).map(({ name, targetName }) => [name, targetName])
}

test('made once, left by the next apply, changed, kept by a file that says nothing of them, removed by --prune', async () => {
  const dry = await apply(file({ quietTimes: [patch, shift] }), { dryRun: true })
  const first = await apply(file({ quietTimes: [patch, shift] }))
  expect(first.acts).toEqual(['create Patch night', 'create Night shift'])
  expect(dry.acts).toEqual(first.acts)
  expect(await own()).toEqual([
    ['Night shift', 'staff'],
    ['Patch night', null],
  ])
  const before = await generation()
  expect(await apply(file({ quietTimes: [shift, patch] }))).toMatchObject({ changed: false })
  expect(await apply(file())).toMatchObject({ changed: false, acts: [] })
  expect(await generation()).toEqual(before)
  const person = { ...shift, for: { person: 'ALICE@corp.test' } }
  expect((await apply(file({ quietTimes: [person] }))).acts).toEqual(['change Night shift'])
  expect(await generation()).not.toEqual(before)
  expect(await own()).toContainEqual(['Night shift', 'alice@corp.test'])
  expect((await apply(file(), { prune: true })).acts).toEqual([])
  expect((await apply(file({ quietTimes: [person] }), { prune: true })).acts).toEqual([
    'leave Night shift',
    'remove Patch night',
  ])
})

test("the provider's own are for all organisations", async () => {
  const night = {
    name: 'Data centre',
    zone: 'UTC',
    once: { from: '2026-12-01T22:00', to: '2026-12-02T04:00' },
    modes: 'stay',
  }
  expect((await apply(file({}, { quietTimes: [night] }))).acts).toEqual(['create Data centre'])
  expect((await apply(file({}, { quietTimes: [night] }))).changed).toBe(false)
  expect(await windowsOf(fresh.db, NIL_ID)).toMatchObject([
    { organisationId: NIL_ID, name: 'Data centre', targetId: null },
  ])
})

const wrong = async (quietTime: object): Promise<string> => {
  const problems = await apply(file({ quietTimes: [{ ...patch, ...quietTime }] })).then(
    (): Problem[] => [],
    (error: unknown) => (error as ApplyError).problems,
  )
  return problems.map(({ path, text }) => `${path}: ${text}`).join('; ')
}
test.each([
  [{ zone: 'Berlin' }, 'zone: is no time zone'],
  [{ zone: '+02:00' }, 'zone: is no time zone'],
  [{ monthly: undefined }, 'needs one of weekly, monthly and once'],
  [{ weekly: { days: ['mon'], ...hours } }, 'needs one of weekly, monthly and once'],
  [{ monthly: { nth: 2, ...hours } }, 'monthly: needs nth and day, or date'],
  [{ monthly: { nth: 2, day: 'tue', from: '25:00', to: '02:00' } }, 'from: is no time of day'],
  [{ except: ['2026-02-30'] }, 'is no date'],
  [{ for: { group: 'nobody' } }, '.for: there is no group "nobody"'],
  [{ for: { group: 'staff', domain: 'corp.test' } }, 'names one of route'],
  [{ for: { domain: 'corp.test' }, modes: 'stay' }, 'modes: is about whole routes'],
  [{ exempt: { senders: ['corp.test'] } }, 'is no address, nor @domain'],
  [{ monthly: undefined, once: { from: '2026-12-02T00:00', to: '2026-12-01T00:00' } }, 'ends before it begins'],
  [{ monthly: undefined, once: { from: '2026-12-02T00:00', to: '2027-02-01T00:00' } }, 'longer than 31 days'],
  [{ zones: 'UTC' }, 'did you mean "zone"'],
])('%o is named with its path', async (quietTime, text) => {
  const said = await wrong(quietTime)
  expect(said).toContain('quietTimes[Patch night]')
  expect(said).toContain(text)
})
