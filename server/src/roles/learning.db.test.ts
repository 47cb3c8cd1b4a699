/** Promise 7 end to end: at an incomplete list an address is known once the primary has taken mail for it, and no other. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { actOnDelivery } from '../core/trace/index.ts'
import { UnknownPolicy } from '../platform/codes.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer({
    organisation: { complete: false },
    primary: { mailboxes: ['postmaster@corp.test', 'newcomer@corp.test', 'alice@corp.test'] },
  })
})
afterEach(() => one.close())

const policy = (unknown: number) =>
  one.db.transaction(async (sql) => {
    await sql.query('UPDATE domain SET unknown_policy = $1', [unknown])
    await bumpDirectory(sql)
  })
const rcpt = async (address: string): Promise<number> => (await one.send('rcpt', [address])).recipients[0]!.reply.code
const release = async (recipient: string): Promise<void> => {
  const [row] = await one.db.query<{ id: string }>(
    'SELECT delivery_id AS id FROM delivery WHERE recipient = $1 AND state = 13',
    [recipient],
  )
  const { organisationId } = one.org
  await actOnDelivery(one.db, { organisationId, deliveryId: row!.id, act: 'release', actor: 'cli:test' })
}

test('an address is taken once mail for it was taken by the primary; a stranger and one that was refused are not', async () => {
  expect(await rcpt('newcomer@corp.test')).toBe(450)
  expect(await rcpt('alice@corp.test')).toBe(250)

  await policy(UnknownPolicy.park)
  await one.until('parked', async () => {
    await one.send('hello', ['newcomer@corp.test', 'ghost@corp.test'])
    return (await one.count("delivery WHERE state = 13 AND reason = 'unknown-recipient-parked'")) >= 2
  })
  await release('newcomer@corp.test')
  await release('ghost@corp.test')
  await one.primary.store.waitFor((mail) => mail.recipients.includes('newcomer@corp.test'), 10_000)
  await one.until('refused by the primary', async () => (await one.count('attempt WHERE outcome = 3')) === 1)

  await policy(UnknownPolicy.later)
  await one.until('the policy is seen', async () => (await rcpt('stranger@corp.test')) === 450)
  await one.until('known', async () => (await rcpt('newcomer@corp.test')) === 250)
  expect(await rcpt('Newcomer+lists@corp.test')).toBe(250)
  expect(await rcpt('ghost@corp.test')).toBe(450)
  expect(await one.db.query('SELECT address, known FROM known_recipient')).toEqual([
    { address: 'newcomer@corp.test', known: true },
  ])
}, 60_000)

test('postmaster is taken and learned like anybody, and its route does not take everybody', async () => {
  expect((await one.send('pm', ['postmaster@corp.test'])).ok).toBe(true)
  await one.until(
    'learned',
    async () => (await one.count("known_recipient WHERE address = 'postmaster@corp.test'")) === 1,
  )
  await one.until('asked about a stranger', async () => (await one.count('route WHERE NOT accepts_all')) === 1)
  expect(await rcpt('stranger@corp.test')).toBe(450)
}, 60_000)
