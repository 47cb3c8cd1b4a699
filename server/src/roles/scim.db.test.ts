/** A running server: what an identity provider writes over HTTP is a person whose mail is taken, after a yes; sessions open nothing there. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { confirmRun, listRuns, makeScimToken } from '../core/directory/index.ts'
import { placeWaiting } from '../core/mailbox/index.ts'
import { systemClock } from '../platform/clock.ts'

let one: OneServer
beforeAll(async () => {
  one = await oneServer({ config: { roles: ['mx', 'deliver', 'web', 'work'] } })
}, 60_000)
afterAll(() => one.close())

test('from POST /Users to mail that is taken', async () => {
  const { organisationId, domain } = one.org
  const { token } = await makeScimToken(
    { db: one.db, clock: systemClock },
    { organisationId, source: 'scim', name: 'Entra ID', expiresAt: null, actor: 'cli:test' },
  )
  const url = `http://127.0.0.1:${one.server.ports.http}/scim/v2/Users`
  const post = (headers: Record<string, string>) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/scim+json', ...headers },
      body: JSON.stringify({ userName: `carol@${domain}`, displayName: 'Carol' }),
    })
  expect((await post({ cookie: 'holdfast=anything' })).status).toBe(401)
  const made = await post({ authorization: `Bearer ${token}` })
  expect(made.status).toBe(201)
  expect(((await made.json()) as { meta: { location: string } }).meta.location).toMatch(url)
  await expect(one.send('too-early', [`carol@${domain}`])).resolves.toMatchObject({ ok: false })

  // As if it had been quiet for a while.
  await one.db.query(`UPDATE scim_source SET last_change_at = now() - interval '1 minute'`)
  const runs = async () => listRuns(one.db, organisationId, { limit: 10 })
  await one.until('the server compiles by itself', async () => (await runs()).length === 1, 15_000)
  const [run] = await runs()
  expect(run).toMatchObject({ state: 'staged', startedBy: 'scim' })
  const runId = run!.id
  await confirmRun({ db: one.db, clock: systemClock, actor: 'cli:test', placeWaiting }, { organisationId, runId })
  await one.until('mail for her is taken', async () => (await one.send('welcome', [`carol@${domain}`])).ok)
}, 60_000)
