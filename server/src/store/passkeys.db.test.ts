/** What waits to be signed: never more than so many, whoever asks, and nothing when its time is up. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { freshDatabase } from '../../testkit/database.ts'
import { expectSound } from '../../testkit/sound.ts'
import { PasskeyPurpose } from '../platform/codes.ts'
import { deleteOldChallenges, insertChallenge } from './passkeys.ts'

test('what waits to be signed is bounded: the oldest of a network goes, and the oldest of all', async () => {
  const fresh = await freshDatabase()
  const insert = (network: string, purpose: PasskeyPurpose = PasskeyPurpose.signIn) =>
    insertChallenge(
      fresh.db,
      { hash: randomBytes(32), holderHash: randomBytes(32), purpose, network, seconds: 60 },
      { ofNetwork: 3, ofAll: 5 },
    )
  const count = () =>
    fresh.db.query<{ network: string; count: number }>(
      'SELECT network, count(*) AS count FROM passkey_challenge GROUP BY network ORDER BY network',
    )
  for (let times = 0; times < 8; times++) await insert('a')
  expect(await count()).toEqual([{ network: 'a', count: 3 }])
  for (let times = 0; times < 3; times++) await insert('b')
  expect(await count()).toEqual([
    { network: 'a', count: 2 },
    { network: 'b', count: 3 },
  ])
  // A flood of sign-ins without a name takes nothing from those who add one, or sign in with a password too.
  await insert('c', PasskeyPurpose.add)
  for (let times = 0; times < 8; times++) await insert('c')
  expect((await count()).find(({ network }) => network === 'c')!.count).toBe(4)
  await fresh.db.query("UPDATE passkey_challenge SET expires_at = now() - interval '1 second'")
  await deleteOldChallenges(fresh.db)
  expect(await count()).toEqual([])
  await expectSound(fresh.db, null)
  await fresh.drop()
})
