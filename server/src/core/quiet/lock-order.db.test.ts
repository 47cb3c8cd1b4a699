/**
 * `apply`, what people do to windows and the setter of modes at the same time, again and again: none of them fails, and none
 * waits for a deadlock to be found (a second each).
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { systemClock } from '../../platform/clock.ts'
import { DeliveryState } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { readMode } from '../../store/modes.ts'
import { verifyAuditChain } from '../audit/index.ts'
import { createContinuity } from '../continuity/index.ts'
import { applyDeclaration, checkDeclaration, createRouteBook } from '../directory/index.ts'
import { extendWindow, listWindows, setWindow } from './index.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase({ poolSize: 12 })
})
afterAll(() => fresh.drop())

const ROUNDS = 25
const plan = {
  zone: 'Europe/Berlin',
  weekly: { days: ['mon', 'tue'], from: '22:00', to: '02:00' },
}

async function apply(name: string): Promise<void> {
  const checked = checkDeclaration({
    organisations: [
      {
        slug: 'busy',
        name,
        routes: [{ name: 'primary', settings: { hosts: [{ host: '127.0.0.1' }] } }],
        domains: [{ name: 'corp.test', route: 'primary' }],
        quietTimes: [
          {
            name: 'Nights',
            zone: 'Europe/Berlin',
            weekly: { days: ['mon'], from: '22:00', to: '02:00' },
            except: [name],
          },
        ],
      },
    ],
  })
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems))
  await applyDeclaration(
    {
      db: fresh.db,
      clock: systemClock,
      keys: () => keysFrom(Buffer.alloc(32, 7)),
      actor: 'cli:test',
      checkPassword: () => undefined,
      hashPassword: (password) => Promise.resolve(password),
      verifyPassword: () => Promise.resolve(true),
      oneTimePassword: () => '',
      secretOf: () => null,
      readFile: () => '',
      placeWaiting: () => Promise.resolve(),
    },
    checked.declaration,
    { dryRun: false, prune: false },
  )
}

test('none fails, none waits for a deadlock', async () => {
  await apply('2026-01-01')
  const [route] = await fresh.db.query<{ organisationId: Id; routeId: Id }>(
    `SELECT organisation_id AS "organisationId", route_id AS "routeId" FROM route`,
  )
  const { organisationId, routeId } = route!
  // Held mail, so that all three change deliveries.
  for (let i = 0; i < 30; i++)
    await fresh.db.query(
      `INSERT INTO delivery (organisation_id, delivery_id, message_id, route_id, recipient, state, reason, next_attempt, accepted_at)
       VALUES ($1, $2, $3, $4, 'a@corp.test', ${DeliveryState.ready}, 'quiet-time', now() + interval '1 hour', now())`,
      [organisationId, newId(Date.now()), newId(Date.now()), routeId],
    )
  const deps = { db: fresh.db, clock: systemClock, log: silentLog }
  const routes = createRouteBook(deps)
  await routes.refresh()
  const { pins } = createContinuity({ ...deps, nodeId: newId(Date.now()), routes, helo: 'h.test', judging: false })
  const windowId = await setWindow(deps, {
    organisationId,
    windowId: null,
    name: 'Own',
    target: 'all',
    targetId: null,
    plan: plan as never,
    actor: 'cli:a',
  })
  const deadlocks = async (): Promise<number> =>
    (
      await fresh.db.query<{ n: number }>(
        'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()',
      )
    )[0]!.n
  const before = await deadlocks()
  const day = (i: number): string => new Date(Date.UTC(2026, 1, 1 + i)).toISOString().slice(0, 10)
  for (let i = 0; i < ROUNDS; i++)
    await Promise.all([
      apply(day(i)),
      setWindow(deps, {
        organisationId,
        windowId,
        name: `Own ${i}`,
        target: 'all',
        targetId: null,
        plan: plan as never,
        actor: 'cli:a',
      }),
      extendWindow(deps, {
        organisationId,
        windowId,
        until: new Date(Date.now() + 3_600_000 * (i + 1)),
        actor: 'cli:b',
      }).catch((error: unknown) => expect(error).toMatchObject({ code: 'conflict' })),
      pins.pinRoute({ organisationId, routeId, pin: i % 2 ? 'normal' : 'emergency', reason: 'drill', actor: 'cli:c' }),
    ])
  // The statistics of an ended session are there a moment later.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect((await deadlocks()) - before).toBe(0)
  expect((await readMode(fresh.db, organisationId, routeId))!.version).toBe(ROUNDS + 1)
  expect((await listWindows(fresh.db, organisationId)).map(({ name }) => name)).toContain(`Own ${ROUNDS - 1}`)
  expect(await verifyAuditChain(fresh.db, organisationId)).toMatchObject({ ok: true })
}, 60_000)
