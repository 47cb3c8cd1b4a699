/** What one person may add is bounded (RFC 8620 section 5.3, overQuota), over parallel requests too, and freed in time. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { makePerson } from '../../../testkit/factories.ts'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'

const LIMIT = 100_000
let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture({ perPersonBytes: LIMIT })
  it.org.people.carol = await makePerson(it.fresh.db, it.org, 'carol')
  await it.mailbox.ensureFolders(it.org.organisationId, [it.org.people.carol.personId])
})
afterAll(() => it.close())
let accountId: string
let people = 0
beforeEach(() => {
  // A person of its own for each test: nothing is left of the one before.
  accountId = it.signIn(['alice', 'bob', 'carol'][people++]!)
})

const upload = (bytes: number) =>
  it.app.inject({
    method: 'POST',
    url: `/jmap/upload/${accountId}`,
    headers: { 'content-type': 'message/rfc822' },
    payload: `Subject: s\r\n\r\n${'x'.repeat(bytes - 14)}`,
  })
const blob = async (bytes: number): Promise<string> => (await upload(bytes)).json<{ blobId: string }>().blobId
const importOf = (blobId: string, folderNo: number) =>
  it.one('Email/import', { emails: { e: { blobId, mailboxIds: { [`m${folderNo}`]: true } } } })
const kept = async (): Promise<number> =>
  (
    await it.fresh.db.query<{ n: number }>(
      `SELECT coalesce(sum(m.size), 0)::bigint AS n FROM copy c JOIN message m USING (organisation_id, message_id)
       WHERE c.person_id = $1 AND m.direction = 4`,
      [accountId],
    )
  )[0]!.n
const bodies = async (): Promise<number> =>
  (await it.fresh.db.query<{ n: number }>('SELECT count(*) AS n FROM body'))[0]!.n

test('parallel imports keep no more than one after the other may; nothing of the others stays', async () => {
  const blobId = await blob(30_000)
  const before = await bodies()
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => importOf(blobId, 1 + (i % 6))))
  expect(answers.filter(({ created }) => created !== null)).toHaveLength(3)
  const refused = answers.flatMap(({ notCreated }) => (notCreated ? [notCreated.e as unknown] : []))
  expect(refused).toHaveLength(5)
  for (const one of refused)
    expect(one).toMatchObject({ type: 'overQuota', description: expect.stringContaining('100000') })
  expect(await kept()).toBe(90_000)
  expect(await bodies()).toBe(before + 3)
})

test('drafts count too, also when they are deleted; received mail does not; the day they end makes room', async () => {
  const draft = (text: string) =>
    it.one('Email/set', {
      create: {
        d: {
          mailboxIds: { m2: true },
          bodyValues: { t: { value: text } },
          textBody: [{ partId: 't', type: 'text/plain' }],
        },
      },
    })
  const big = 'word '.repeat(12_000)
  const { created } = await draft(big)
  const { id } = created.d as { id: string }
  await it.one('Email/set', { destroy: [id] })
  const second = await draft(big)
  expect(second.notCreated.d).toMatchObject({ type: 'overQuota' })
  // What fits still does, in the same request.
  expect((await draft('short')).created).not.toBeNull()
  await it.receive(`Subject: x\n\n${'y'.repeat(LIMIT)}`, ['bob'])
  const later = async (days: number): Promise<void> => {
    await it.fresh.db.query(`UPDATE own_content SET ends_on = ends_on + $1::int WHERE person_id = $2`, [
      days,
      accountId,
    ])
    await it.fresh.db.query(
      `UPDATE copy SET expires_at = expires_at + make_interval(days => $1) WHERE person_id = $2 AND source <> 1`,
      [days, accountId],
    )
  }
  await later(-30)
  expect((await draft(big)).created).not.toBeNull()
  const days = await it.fresh.db.query('SELECT FROM own_content WHERE person_id = $1', [accountId])
  expect(days).toHaveLength(1)
})

test('files count as long as they are kept, and are refused before they are stored', async () => {
  expect((await upload(60_000)).statusCode).toBe(201)
  const before = await bodies()
  const second = await upload(60_000)
  expect(second.statusCode).toBe(413)
  expect(second.json()).toMatchObject({ error: { code: 'over-quota' } })
  const answers = await Promise.all(Array.from({ length: 4 }, () => upload(30_000)))
  expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, 413, 413, 413])
  expect(await bodies()).toBe(before + 1)
})
