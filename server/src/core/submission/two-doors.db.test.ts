/** One message that comes at the same moment through two processes leaves once, and lies in Sent once. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import { configSchema } from '../../platform/config/config.ts'
import { silentLog } from '../../platform/log.ts'
import { createSubmissionDoor, type SubmissionDoor } from './index.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())

/** As another process has it: its own record of what is under way. */
const door = (late = 0): SubmissionDoor =>
  createSubmissionDoor({
    db: it.fresh.db,
    clock: { ...systemClock, now: () => Date.now() + late },
    log: silentLog,
    config: configSchema.parse({ hostname: 'mx.holdfast.test' }),
    room: it.room,
    mailbox: it.mailbox,
    submission: it.anotherSubmission(),
  })

async function send(through: SubmissionDoor, text: string): Promise<string> {
  const sink = through.begin(it.owner('alice'), { from: 'alice@corp.test', to: ['bob@corp.test'], smtputf8: false })
  await sink.write(Buffer.from(text))
  return (await sink.finish()).queueId
}
const count = async (what: string): Promise<number> =>
  (await it.fresh.db.query<{ n: number }>(`SELECT count(*) AS n FROM ${what}`))[0]!.n

test.each(['', 'Message-ID: <a@corp.test>\r\n'])('two doors, the same bytes at once (%j)', async (more) => {
  for (let round = 0; round < 10; round++) {
    const before = {
      sent: await count('placement WHERE folder_no = 3'),
      left: await count('message WHERE direction = 2'),
    }
    const text = `From: alice@corp.test\r\nTo: bob@corp.test\r\n${more}Subject: ${round}\r\n\r\nonce\r\n`
    const doors = [door(), door(), door()]
    const results = await Promise.allSettled(doors.map((one) => send(one, text)))
    const told = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(new Set(told).size).toBe(1)
    // Who came in between is told to come again (450), and then hears of the same message.
    for (const one of results) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' })
    expect(await Promise.all(doors.map((one) => send(one, text)))).toEqual([told[0], told[0], told[0]])
    expect(await count('placement WHERE folder_no = 3')).toBe(before.sent + 1)
    expect(await count('message WHERE direction = 2')).toBe(before.left + 1)
  }
})

test.each([
  ['with a Message-ID', 'Message-ID: <alert@corp.test>\r\n', 1],
  ['without one, as a monitor has it', '', 2],
])('the same bytes %s a minute later', async (_, more, times) => {
  const left = await count('message WHERE direction = 2')
  const text = `From: alice@corp.test\r\nTo: bob@corp.test\r\n${more}Subject: disk full\r\n\r\nhost7\r\n`
  const first = await send(door(), text)
  expect(await send(door(), text)).toBe(first)
  const again = await send(door(60_000), text)
  expect(again === first).toBe(times === 1)
  expect(await count('message WHERE direction = 2')).toBe(left + times)
})

/** What a client appends, in the words of its own. */
const appended = (text: string) =>
  it.mailbox.appendToFolder(it.owner('alice'), {
    folderNo: 3,
    keywords: ['$seen', 'todo'],
    bytes: [Buffer.from(text)],
    receivedAt: Date.now(),
    source: 'imported',
  })
const letter = (id: string, header = ''): string =>
  `Date: Fri, 27 Nov 2026 09:00:00 +0000\r\nFrom: alice@corp.test\r\nTo: bob@corp.test\r\nMessage-ID: <${id}@corp.test>\r\n${header}Subject: ${id}\r\n\r\nonce\r\n`

test('a client that puts its copy into Sent and then sends: one lies there, with its Bcc, and none of its notes leaves', async () => {
  const sent = await count('placement WHERE folder_no = 3 AND tombstone IS NULL')
  const mine = await appended(
    letter('first', 'Bcc: hidden@elsewhere.test\r\nX-Mozilla-Status: 0001\r\nFcc: imap://x/Sent\r\n'),
  )
  const left = await send(door(), letter('first'))
  expect(await send(door(), letter('first'))).toBe(left)
  expect(await count('placement WHERE folder_no = 3 AND tombstone IS NULL')).toBe(sent + 1)
  const [row] = await it.fresh.db.query<{ bytes: Buffer; copyId: string }>(
    `SELECT b.bytes, s.copy_id AS "copyId" FROM submission s JOIN body b ON b.body_id = s.message_id WHERE s.message_id = $1`,
    [left],
  )
  expect(row!.copyId).toBe(mine!.copyId)
  expect(row!.bytes.toString()).toBe(letter('first'))
  expect(await appended(letter('first'))).toMatchObject({ copyId: mine!.copyId, existed: 'twin' })
})

test('what cannot be sent: the copy that the client has put into Sent itself stays', async () => {
  const mine = await appended(letter('refused', 'Bcc: hidden@elsewhere.test\r\n'))
  const sink = door().begin(it.owner('alice'), { from: 'alice@corp.test', to: ['nobody@corp.test'], smtputf8: false })
  await sink.write(Buffer.from(letter('refused')))
  await expect(sink.finish()).rejects.toMatchObject({ code: 'unknown-recipient' })
  const { rows } = await it.mailbox.emails(it.owner('alice'), [mine!.copyId])
  expect(rows.map(({ folderNo }) => folderNo)).toEqual([3])
})

test.each(['before', 'after'])(
  'held for later, and put into Sent by its client %s that: one lies there once it has left, with Bcc and keywords of both',
  async (when) => {
    const id = `held-${when}`
    const inSent = () => count('placement WHERE folder_no = 3 AND tombstone IS NULL')
    const before = await inSent()
    if (when === 'before') await appended(letter(id))
    const sink = door().begin(it.owner('alice'), {
      from: 'alice@corp.test',
      to: ['bob@corp.test', 'hidden@elsewhere.test'],
      smtputf8: false,
      hold: { seconds: 86_400 },
    })
    await sink.write(Buffer.from(letter(id, 'Bcc: hidden@elsewhere.test\r\n')))
    await sink.finish()
    if (when === 'after') await appended(letter(id))
    // Another with the same Message-ID is a message of its own.
    await appended(letter(id).replace('once', 'twice'))
    expect(await inSent()).toBe(before + 2)
    await it.fresh.db.query(`UPDATE submission SET due_at = now(), release_at = now() WHERE undo_status = 4`)
    expect(await it.submission.releases.run()).toBe(1)
    expect(await inSent()).toBe(before + 2)
    const rows = await it.fresh.db.query<{ bytes: Buffer; keywords: string[] | null; flags: number }>(
      `SELECT b.bytes, p.keywords, p.flags FROM submission s JOIN placement p USING (organisation_id, copy_id)
       JOIN copy c USING (organisation_id, copy_id) JOIN body b ON b.body_id = c.message_id
       WHERE s.release_at IS NOT NULL AND p.folder_no = 3 AND p.tombstone IS NULL ORDER BY s.submission_id DESC LIMIT 1`,
    )
    expect(rows[0]!.bytes.toString()).toContain(`Bcc: hidden@elsewhere.test\r\nSubject: ${id}\r\n`)
    expect(rows[0]).toMatchObject({ keywords: ['todo'], flags: 1 })
  },
)
