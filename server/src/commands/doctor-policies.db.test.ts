/** Doctor asks for the MTA-STS policies of our own domains as others do. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { policyRecord } from '../core/directory/index.ts'
import type { Policy } from '../protocols/mta-sts/policy.ts'
import { policyFindings } from './doctor-policies.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

const policy: Policy = { mode: 'enforce', mx: ['mx1.corp.test'], maxAge: 604_800 }
const record = policyRecord('corp.test', policy).value
const idOf = (text: string): string => /id=([0-9a-f]+);/.exec(text)![1]!
const look = (served: Policy | Error, id: string | null) =>
  policyFindings(fresh.db, {
    fetch: () => (served instanceof Error ? Promise.reject(served) : Promise.resolve(served)),
    lookUpId: () => Promise.resolve(id),
  })

test('who has none is not asked about; one that others get, another one, none, and a record that is not there', async () => {
  await makeOrganisation(fresh.db, { domain: 'corp.test' })
  expect(await look(policy, null)).toEqual([])
  await fresh.db.query("UPDATE domain SET mta_sts = $1 WHERE name = 'corp.test'", [JSON.stringify(policy)])
  expect(await look(policy, idOf(record))).toMatchObject([
    { standing: 'ok', text: 'corp.test: enforce, others can get it' },
  ])
  const cases: [Policy | Error, string | null, string, string][] = [
    [{ ...policy, mx: ['mx2.corp.test'] }, idOf(record), 'another policy', 'lead to this server'],
    [new Error('certificate has expired'), idOf(record), 'certificate has expired', 'tls.names'],
    [policy, null, 'is missing', record],
    [policy, '2019', 'has another id', record],
  ]
  for (const [served, id, text, remedy] of cases) {
    const [finding] = await look(served, id)
    expect(finding).toMatchObject({ standing: 'warning' })
    expect(finding!.text).toContain(text)
    expect(finding!.remedy).toContain(remedy)
  }
})
