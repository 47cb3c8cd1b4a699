/** Who is covered and why: the reason is that of the decision by which mail is accepted. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { newId } from '../../platform/ids.ts'
import { coverageOf } from './coverage.ts'
import { lookUp } from './lookup.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
const groupId = newId(Date.now())
beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['Alice'], domain: 'corp.test' })
  await fresh.db.query("INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, $2, 'Staff')", [
    org.organisationId,
    groupId,
  ])
  await fresh.db.query('UPDATE person SET group_id = $2 WHERE organisation_id = $1', [org.organisationId, groupId])
})
afterAll(() => fresh.drop())

const tables = { person: 'person', group: 'person_group', domain: 'domain', organisation: 'organisation' } as const
type Level = keyof typeof tables
const says = (level: Level, value: boolean | null) =>
  fresh.db.query(
    `UPDATE ${tables[level]} SET scope_filtering = $2, scope_copy = $2, scope_emergency = $2 WHERE organisation_id = $1`,
    [org.organisationId, value],
  )

test('the nearest level that says anything decides, as at the accept; every combination', async () => {
  const values = [null, true, false]
  for (const person of values)
    for (const group of values)
      for (const domain of values)
        for (const organisation of [true, false]) {
          const levels = { person, group, domain, organisation }
          for (const level of Object.keys(levels) as Level[]) await says(level, levels[level])
          const recipient = await lookUp(fresh.db, 'alice+tag@corp.test')
          const covers = await coverageOf(fresh.db, recipient)
          const by = (Object.keys(levels) as Level[]).find((level) => levels[level] !== null)!
          expect(covers.map(({ scope, isOn }) => [scope, isOn])).toEqual([
            ['filtering', recipient.filtering],
            ['rollingCopy', recipient.rollingCopy],
            ['emergency', recipient.isProtected],
          ])
          expect(covers.map((cover) => cover.by)).toEqual([by, by, by])
          expect(covers[0]!.isOn).toBe(levels[by])
        }
})

test('the name of what decided; an address that is no person has no mailbox', async () => {
  for (const level of ['person', 'domain'] as const) await says(level, null)
  await says('group', true)
  expect((await coverageOf(fresh.db, await lookUp(fresh.db, 'alice@corp.test')))[2]).toEqual({
    scope: 'emergency',
    isOn: true,
    by: 'group',
    name: 'Staff',
  })
  await fresh.db.query("UPDATE domain SET recipients_complete = false WHERE name = 'corp.test'")
  await says('organisation', true)
  const nobody = {
    organisationId: org.organisationId,
    domainId: org.domainId,
    personId: null,
    standing: 'known',
  } as const
  expect((await coverageOf(fresh.db, nobody)).map(({ isOn, by }) => [isOn, by])).toEqual([
    [true, 'organisation'],
    [true, 'organisation'],
    [false, 'nobody'],
  ])
  expect(await coverageOf(fresh.db, { ...nobody, standing: 'outside' })).toEqual([])
})
