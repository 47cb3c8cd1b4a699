/** The help desk: whom it lets back in, that how is recorded, and that it is nobody's way up. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import { IdentityCheck, Role } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createAccess, resetPassword, type Access, type RoleWord } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let other: MadeOrganisation
let access: Access
const visitor = { clientIp: '192.0.2.1', userAgent: 'test' }
const names = { person: 'Person', helpdesk: 'Helpdesk', auditor: 'Auditor', admin: 'Admin' } as const

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: [...Object.values(names), 'Second'] })
  other = await makeOrganisation(fresh.db, { people: ['Stranger'] })
  for (const [role, name] of Object.entries(names))
    await fresh.db.query('UPDATE person SET role = $2 WHERE person_id = $1', [
      org.people[name]!.personId,
      Role[role as keyof typeof Role],
    ])
  access = createAccess({ db: fresh.db, clock: systemClock, log: silentLog })
})
afterAll(async () => {
  await access.stop()
  await fresh.drop()
})

const reset = (role: RoleWord, personId: string, note = '') =>
  resetPassword(
    { db: fresh.db, access, clock: systemClock },
    {
      organisationId: org.organisationId,
      personId,
      by: {
        role,
        actor: `person:${newId(0)}`,
        subjectId: role === 'operator' ? newId(0) : org.people[names[role]]!.personId,
      },
      identity: IdentityCheck.calledBack,
      note,
    },
  )
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )

test('whose password each role may replace', async () => {
  const may = async (role: RoleWord): Promise<string[]> => {
    const found: string[] = []
    for (const name of [...Object.values(names), 'Second'])
      if ((await outcome(reset(role, org.people[name]!.personId))) === 'good') found.push(name)
    return found
  }
  expect(await may('person')).toEqual([])
  expect(await may('auditor')).toEqual([])
  expect(await may('helpdesk')).toEqual(['Person', 'Second'])
  expect(await may('admin')).toEqual(['Person', 'Helpdesk', 'Auditor', 'Second'])
  expect(await may('operator')).toEqual(['Person', 'Helpdesk', 'Auditor', 'Admin', 'Second'])
})

test("another organisation's person is not there; a disabled one neither", async () => {
  expect(await outcome(reset('admin', other.people['Stranger']!.personId))).toBe('not-found')
  const id = org.people['Second']!.personId
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [id])
  expect(await outcome(reset('admin', id))).toBe('not-found')
})

test('it is good once for choosing an own one, ends the sessions, and how the person was known is in the audit', async () => {
  const { personId, address } = org.people['Person']!
  const first = await reset('helpdesk', personId)
  const before = await access.signIn({ name: address, password: first, visitor })
  const second = await reset('helpdesk', personId, 'rang back at 4711')
  expect(await access.session(before)).toBeNull()
  expect(await outcome(access.signIn({ name: address, password: first, visitor }))).toBe('sign-in-failed')
  const session = await access.session(await access.signIn({ name: address, password: second, visitor }))
  expect(session).toMatchObject({ mustChangePassword: true, choosesPassword: false, abilities: ['account'] })
  const [row] = await fresh.db.query<{ detail: object }>(
    "SELECT detail FROM audit WHERE action = 'password-reset' AND subject = $1 ORDER BY seq DESC LIMIT 1",
    [`person:${personId}`],
  )
  expect(row!.detail).toEqual({ identity: 'calledBack', reason: 'rang back at 4711' })
})
