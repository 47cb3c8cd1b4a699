/** Where somebody is signed in: seen and ended by themselves alone. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { createAccess, type Access, type Session } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
const PASSWORD = 'three grey owls at dawn'

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['Alice', 'Bob'] })
  access = createAccess({ db: fresh.db, clock: systemClock, log: silentLog })
  for (const { personId } of Object.values(org.people))
    await access.setPassword(fresh.db, { subjectId: personId, organisationId: org.organisationId }, PASSWORD, {
      mustChange: false,
      actor: 'cli:test',
    })
})
afterAll(async () => {
  await access.stop()
  await fresh.drop()
})

async function signIn(name: string, userAgent: string): Promise<{ token: string; session: Session }> {
  const token = await access.signIn({
    name: org.people[name]!.address,
    password: PASSWORD,
    visitor: { clientIp: '192.0.2.1', userAgent },
  })
  return { token, session: (await access.session(token))! }
}

test('each is listed with what is known of it, ended by itself or all others at once, and never by somebody else', async () => {
  const desk = await signIn('Alice', 'desk')
  const phone = await signIn('Alice', 'phone')
  const hotel = await signIn('Alice', 'hotel')
  const bob = await signIn('Bob', 'desk')
  const list = await access.ownSessions.list(desk)
  expect(list.map(({ userAgent, isThis }) => [userAgent, isThis])).toEqual([
    ['desk', true],
    ['hotel', false],
    ['phone', false],
  ])
  expect(list[0]).toMatchObject({ clientIp: '192.0.2.1', id: expect.stringMatching(/^[0-9a-f]{24}$/) as string })
  const idOf = (name: string): string => list.find(({ userAgent }) => userAgent === name)!.id
  // What the list says signs nobody in.
  expect(await access.session(idOf('phone'))).toBeNull()

  expect(await access.ownSessions.end({ ...bob, id: idOf('phone') })).toBe(0)
  expect(await access.ownSessions.end({ ...desk, id: idOf('desk') })).toBe(0)
  expect(await access.ownSessions.end({ ...desk, id: idOf('phone') })).toBe(1)
  expect(await access.ownSessions.end({ ...desk, id: idOf('phone') })).toBe(0)
  expect(await access.session(phone.token)).toBeNull()
  expect(await access.session(hotel.token)).not.toBeNull()

  expect(await access.ownSessions.end({ ...desk, id: null })).toBe(1)
  expect(await access.session(hotel.token)).toBeNull()
  expect(await access.session(desk.token)).not.toBeNull()
  expect(await access.session(bob.token)).not.toBeNull()
  const rows = await fresh.db.query<{ detail: object }>("SELECT detail FROM audit WHERE action = 'sessions-revoked'")
  expect(rows.map(({ detail }) => detail)).toEqual([{ sessionsEnded: 1 }, { sessionsEnded: 1 }])
})
