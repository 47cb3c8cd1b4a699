/** Promise 8: mail nobody is protected for runs out in the end, and then an admin sees it; a protected person's never does. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { bumpDirectory } from '../core/directory/index.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer({
    organisation: { complete: false },
    primary: { mailboxes: ['postmaster@corp.test', 'postbox@corp.test', 'alice@corp.test'] },
    config: { delivery: { maxAge: 2 } },
  })
})
afterEach(() => one.close())

test('to somebody known by learning only it expires and is parked; to a protected person it goes on waiting', async () => {
  await one.db.query(
    `INSERT INTO known_recipient (organisation_id, address, route_id, source) SELECT organisation_id, 'postbox@corp.test', route_id, 1 FROM domain`,
  )
  await bumpDirectory(one.db)
  // The mailbox's own trouble, so that the route stays open and attempts go on.
  for (const to of ['postbox@corp.test', 'alice@corp.test']) one.primary.answer(to, { rcpt: '452 4.2.2 Mailbox full' })
  await one.until('known', async () => (await one.send('late', ['postbox@corp.test'])).ok)
  expect((await one.send('kept', ['alice@corp.test'])).ok).toBe(true)
  await one.until('expired', async () => (await one.count("attempt WHERE reason = 'expired'")) > 0)
  await one.until('parked', async () => (await one.count("parking WHERE reason = 'sender-not-aligned'")) > 0)
  await one.until('alice is tried on', async () => {
    const [row] = await one.db.query<{ n: number }>(
      "SELECT attempts AS n FROM delivery WHERE recipient = 'alice@corp.test' AND accepted_at < now() - interval '4 seconds'",
    )
    return (row?.n ?? 0) > 2
  })
  expect(await one.db.query("SELECT state FROM delivery WHERE recipient = 'alice@corp.test'")).toEqual([
    { state: expect.toSatisfy((state: number) => state < 10) as number },
  ])
  one.primary.answer('alice@corp.test', null)
  await one.primary.store.waitFor((mail) => mail.nonce === 'kept', 10_000)
  await one.until(
    'written',
    async () => (await one.count("delivery WHERE recipient = 'alice@corp.test' AND state = 10")) === 1,
  )
}, 60_000)
