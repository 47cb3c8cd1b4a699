/** People send with their own mail client: the whole way, from AUTH to the mailboxes and the next hop, and what is refused. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { authPlain, openSubmission } from '../../testkit/submission-client.ts'
import { RECIPIENTS_PER_HOUR } from '../core/submission/index.ts'
import { Mode } from '../platform/codes.ts'
import type { Id } from '../platform/ids.ts'

const PASSWORD = 'three grey owls at dawn'
let one: OneServer
let clients: LineClient[] = []
beforeEach(async () => {
  one = await oneServer({ config: { roles: ['mx', 'submission', 'deliver', 'work'] } })
  await setPassword('alice', PASSWORD)
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  clients = []
  await one.close()
})

const person = (name: string): Id => one.org.people[name]!.personId
const setPassword = (name: string, password: string): Promise<void> =>
  one.server.access.setPassword(one.db, { subjectId: person(name), organisationId: one.org.organisationId }, password, {
    mustChange: false,
    actor: `person:${person(name)}`,
  })

async function connect(name: 'submission' | 'submissions' = 'submission'): Promise<LineClient> {
  const client = await openSubmission(one.server.ports[name]!, name === 'submissions')
  clients.push(client)
  return client
}

async function signedIn(name: 'submission' | 'submissions' = 'submission'): Promise<LineClient> {
  const client = await connect(name)
  expect((await client.command(authPlain('alice@corp.test', PASSWORD))).code).toBe(235)
  return client
}

/** The last reply. */
async function send(client: LineClient, bytes: string, to: string[], from = 'alice@corp.test'): Promise<string> {
  const lines = [`MAIL FROM:<${from}>`, ...to.map((address) => `RCPT TO:<${address}>`), 'DATA']
  for (const line of lines) {
    const reply = await client.command(line)
    if (reply.code >= 400) return reply.raw
  }
  return (await client.command(`${bytes}.`)).raw
}

const mail = (subject: string, more = ''): string =>
  `From: Alice <alice@corp.test>\r\nTo: bob@corp.test\r\nSubject: ${subject}\r\n${more}X-Nonce: ${subject}\r\n\r\nHello\r\n`

interface Kept {
  copyId: Id
  flags: number
  text: string
}
/** What lies in a person's folder. */
const folder = (name: string, folderNo: number): Promise<Kept[]> =>
  one.db.query<Kept>(
    `SELECT p.copy_id AS "copyId", p.flags, convert_from(coalesce(b.bytes, ''), 'UTF8') AS text FROM placement p
       JOIN copy c USING (organisation_id, copy_id) JOIN message m ON m.message_id = c.message_id
       LEFT JOIN body b ON b.body_id = m.message_id
     WHERE p.person_id = $1 AND p.folder_no = $2 AND p.tombstone IS NULL ORDER BY p.uid`,
    [person(name), folderNo],
  )
const sentMessages = (): Promise<number> => one.count('message WHERE direction = 2')
const settled = (count: number): Promise<void> =>
  one.until('delivered', async () => (await one.count('delivery WHERE state = 10')) === count)

describe('the whole way', () => {
  test.each(['submission', 'submissions'] as const)('%s: to a colleague, outside, and hidden', async (name) => {
    const client = await signedIn(name)
    const bytes = mail('whole', 'Bcc: hidden@elsewhere.test\r\nReturn-Path: <boss@corp.test>\r\n')
    const reply = await send(client, bytes, ['bob@corp.test', 'x@outside.test', 'hidden@elsewhere.test'])
    expect(reply).toMatch(/^250 2\.0\.0 Ok: queued as [0-9a-f-]{36}\r\n$/)

    const sent = await folder('alice', 3)
    expect(sent).toMatchObject([{ flags: 1 }])
    expect(await folder('bob', 1)).toHaveLength(1)
    expect(await one.count('copy WHERE copy_id = $1 AND source = 2', [sent[0]!.copyId])).toBe(1)
    expect(await one.count('submission WHERE copy_id = $1 AND undo_status = 1', [sent[0]!.copyId])).toBe(1)
    expect(await one.count('owed_item WHERE copy_id = $1', [sent[0]!.copyId])).toBe(1)

    await settled(3)
    const [home] = one.primary.store.all()
    expect(one.primary.store.all().flatMap(({ recipients }) => recipients)).toEqual(['bob@corp.test'])
    expect(
      one.sink.store
        .all()
        .flatMap(({ recipients }) => recipients)
        .sort(),
    ).toEqual(['hidden@elsewhere.test', 'x@outside.test'])
    const text = home!.bytes.toString()
    for (const gone of [...one.primary.store.all(), ...one.sink.store.all()]) {
      expect(gone.bytes.toString()).not.toMatch(/^bcc:|hidden|boss@corp/im)
      expect(gone.envelopeFrom).toBe('alice@corp.test')
    }
    // RFC 6409 sections 8.2 and 8.3; and not where the author was.
    expect(text).toMatch(/^Date: \w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000\r$/m)
    expect(text).toMatch(/^Message-ID: <[0-9a-f-]{36}@corp\.test>\r$/m)
    expect(text).toMatch(/^Received: by mx\.holdfast\.test \(Holdfast\) with ESMTPSA id /m)
    expect(text).not.toMatch(/127\.0\.0\.1|client\.test/)
  })

  test('the copy in Sent is what the author wrote, with Bcc, and with Date and Message-ID as they left', async () => {
    const client = await signedIn()
    await send(client, mail('copy', 'Bcc: hidden@elsewhere.test\r\n'), ['bob@corp.test'])
    const [row] = await one.db.query<{ subject: string; size: number; id: string; left: string }>(
      `SELECT m.subject, m.size, m.message_id_header AS id,
         (SELECT message_id_header FROM message WHERE direction = 2) AS left
       FROM placement p JOIN copy c USING (organisation_id, copy_id) JOIN message m ON m.message_id = c.message_id
       WHERE p.person_id = $1 AND p.folder_no = 3`,
      [person('alice')],
    )
    expect(row).toMatchObject({ subject: 'copy' })
    expect(row!.id).toMatch(/^<.*@corp\.test>$/)
    expect(row!.left).toBe(row!.id)
    const [{ text }] = (await folder('alice', 3)) as [Kept]
    expect(text).toMatch(/^Date: .*\r\nMessage-ID: <.*>\r\nFrom: /)
    expect(text.endsWith(mail('copy', 'Bcc: hidden@elsewhere.test\r\n'))).toBe(true)
    expect(row!.size).toBe(text.length)
    await settled(1)
  })

  test('a large message goes the same way', async () => {
    const client = await signedIn()
    const bytes = `${mail('large')}${`${'x'.repeat(998)}\r\n`.repeat(3000)}`
    expect(await send(client, bytes, ['bob@corp.test', 'x@outside.test'])).toMatch(/^250/)
    await settled(2)
    const [gone] = one.sink.store.all()
    expect(gone!.bytes.toString().endsWith(bytes)).toBe(true)
    // Nothing of the room stays taken.
    const claim = one.server.core.room.claim(268_435_456)
    expect(claim).not.toBeNull()
    claim!()
  })
})

test('who has no emergency mailbox, and no folders yet, sends as well', async () => {
  await one.db.query('DELETE FROM folder WHERE person_id = $1', [person('alice')])
  await one.db.query('UPDATE person SET scope_emergency = false WHERE person_id = $1', [person('alice')])
  expect(await send(await signedIn(), mail('new'), ['bob@corp.test'])).toMatch(/^250/)
  expect(await folder('alice', 3)).toHaveLength(1)
  await settled(1)
})

test('a listener that is turned off is not there', async () => {
  await one.close()
  const off = { enabled: false }
  const listen = { mx: { port: 0 }, submission: off, submissions: { port: 0 }, http: { port: 0 } }
  one = await oneServer({ config: { roles: ['submission'], listen } })
  expect(Object.keys(one.server.ports)).toEqual(['submissions'])
})

describe('what is refused leaves no trace', () => {
  async function nothing(): Promise<void> {
    expect(await folder('alice', 3)).toEqual([])
    expect(await sentMessages()).toBe(0)
    expect(await one.count('delivery')).toBe(0)
  }

  test('a wrong password, a stranger, and nobody at all', async () => {
    const client = await connect()
    expect((await client.command(authPlain('alice@corp.test', 'guess'))).raw).toMatch(/^535 5\.7\.8/)
    expect((await client.command(authPlain('nobody@corp.test', 'guess'))).raw).toMatch(/^535 5\.7\.8/)
    expect(await send(client, mail('x'), ['bob@corp.test'])).toMatch(/^530 5\.7\.0/)
    await nothing()
  })

  test("somebody else's address: in the envelope, in From, in Sender, in a second From", async () => {
    const client = await signedIn()
    expect(await send(client, mail('x'), ['bob@corp.test'], 'bob@corp.test')).toMatch(/^550 5\.7\.1 .*bob@corp\.test/)
    expect(await send(client, mail('x'), ['bob@corp.test'], '')).toMatch(/^550 5\.7\.1/)
    for (const bytes of [
      'From: bob@corp.test\r\nSubject: x\r\n\r\nHello\r\n',
      mail('x', 'Sender: bob@corp.test\r\n'),
      mail('x', 'From: bob@corp.test\r\n'),
      'Subject: no author\r\n\r\nHello\r\n',
    ])
      expect(await send(client, bytes, ['bob@corp.test'])).toMatch(/^550 5\.7\.1/)
    await nothing()
  })

  test('a recipient whom nobody knows: all of it, and the reply says who', async () => {
    const client = await signedIn()
    expect(await send(client, mail('x'), ['bob@corp.test', 'nobody@corp.test'])).toMatch(
      /^550 5\.1\.1 .*nobody@corp\.test/,
    )
    await nothing()
    // Found again by whom it was about.
    await one.server.core.refusals.flush()
    expect(await one.count("refusal WHERE recipient = 'nobody@corp.test' AND envelope_from = 'alice@corp.test'")).toBe(
      1,
    )
  })

  test('a message for which there is no room in memory just now; a small one goes', async () => {
    const client = await signedIn()
    const { room } = one.server.core
    const taken = room.claim(268_435_456 - 500_000)!
    expect(await send(client, `${mail('x')}${`${'x'.repeat(98)}\r\n`.repeat(8000)}`, ['bob@corp.test'])).toMatch(
      /^452 4\.3\.1/,
    )
    await nothing()
    expect(await send(client, mail('small'), ['bob@corp.test'])).toMatch(/^250/)
    taken()
    await settled(1)
  })

  test('a password that was changed, a person who was disabled', async () => {
    const client = await signedIn()
    await setPassword('alice', 'five green boats asleep')
    expect(await send(client, mail('x'), ['bob@corp.test'])).toMatch(/^530 5\.7\.0/)
    expect((await client.command(authPlain('alice@corp.test', 'five green boats asleep'))).code).toBe(235)
    await one.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [person('alice')])
    expect(await send(client, mail('x'), ['bob@corp.test'])).toMatch(/^530 5\.7\.0/)
    await nothing()
  })

  test(`more than ${RECIPIENTS_PER_HOUR} recipients an hour`, async () => {
    await one.primary.setFault('off')
    const client = await signedIn()
    const many = (n: number): string[] => Array.from({ length: 100 }, (_, i) => `r${n}-${i}@outside.test`)
    expect(await send(client, mail('one'), many(1))).toMatch(/^250/)
    expect(await send(client, mail('two'), many(2))).toMatch(/^250/)
    expect(await send(client, mail('three'), ['bob@corp.test'])).toMatch(/^450 4\.7\.0 .*200 recipients an hour/)
    expect(await folder('alice', 3)).toHaveLength(2)
    expect(await folder('bob', 1)).toEqual([])
    await one.primary.setFault(null)
    await settled(200)
  })
})

describe('a client that did not hear our 250', () => {
  const id = 'Message-ID: <once@corp.test>\r\nDate: Thu, 26 Nov 2026 09:00:00 +0000\r\n'

  test.each([
    ['with Date and Message-ID', id],
    ['without', ''],
    ['with a Message-ID alone', 'Message-ID: <once@corp.test>\r\n'],
  ])('%s: the same bytes again get 250, and leave once', async (_, more) => {
    const client = await signedIn()
    const first = await send(client, mail('again', more), ['bob@corp.test', 'x@outside.test'])
    expect(first).toMatch(/^250/)
    expect(await send(await signedIn(), mail('again', more), ['X@outside.test', 'bob@corp.test'])).toBe(first)
    expect(await folder('alice', 3)).toHaveLength(1)
    expect(await sentMessages()).toBe(1)
    await settled(2)
    expect(one.primary.store.all()).toHaveLength(1)
  })

  test('at the same time on two connections: it leaves once', async () => {
    const [one_, other] = [await signedIn(), await signedIn('submissions')]
    const replies = await Promise.all([one_, other].map((client) => send(client, mail('twice'), ['bob@corp.test'])))
    expect(replies[0]).toMatch(/^250/)
    expect(replies[1]).toBe(replies[0])
    expect(await folder('alice', 3)).toHaveLength(1)
    await settled(1)
  })

  test('cut off between its copy and its sending: it is sent then, from that copy', async () => {
    const { copyId } = (await one.server.core.mailbox.appendToFolder(
      { organisationId: one.org.organisationId, personId: person('alice') },
      {
        folderNo: 3,
        keywords: ['$seen'],
        bytes: [Buffer.from(mail('cut', id))],
        receivedAt: Date.now(),
        source: 'sent',
      },
    ))!
    expect(await send(await signedIn(), mail('cut', id), ['bob@corp.test'])).toMatch(/^250/)
    expect(await folder('alice', 3)).toMatchObject([{ copyId }])
    await settled(1)
  })

  test('other bytes, or older than ten minutes, are another message; the same bytes to others go out from one copy', async () => {
    const client = await signedIn()
    const first = await send(client, mail('same'), ['bob@corp.test'])
    expect(await send(client, mail('same!'), ['bob@corp.test'])).not.toBe(first)
    expect(await folder('alice', 3)).toHaveLength(2)
    // A client that was told to write to fewer at once sends the rest in a second transaction.
    expect(await send(client, mail('same'), ['x@outside.test'])).not.toBe(first)
    expect(await folder('alice', 3)).toHaveLength(2)
    await settled(3)
    await one.server.core.mailbox.appendToFolder(
      { organisationId: one.org.organisationId, personId: person('alice') },
      {
        folderNo: 3,
        keywords: [],
        bytes: [Buffer.from(mail('old', id))],
        receivedAt: Date.now() - 601_000,
        source: 'sent',
      },
    )
    expect(await send(client, mail('old', id), ['bob@corp.test'])).toMatch(/^250/)
    expect(await folder('alice', 3)).toHaveLength(4)
    await settled(4)
  })
})

describe('sent later (RFC 4865)', () => {
  const waiting = (): Promise<number> => one.count('submission WHERE undo_status = 4')

  test('it waits in Drafts and leaves by itself; the same bytes again are the same', async () => {
    const client = await signedIn()
    const bytes = mail('later', 'Bcc: hidden@elsewhere.test\r\n')
    const held = async (): Promise<string> => {
      await client.command('MAIL FROM:<alice@corp.test> HOLDFOR=86400 ENVID=mine')
      for (const to of ['bob@corp.test', 'x@outside.test']) await client.command(`RCPT TO:<${to}> NOTIFY=NEVER`)
      await client.command('DATA')
      return (await client.command(`${bytes}.`)).raw
    }
    const first = await held()
    expect(first).toMatch(/^250 2\.0\.0 Ok: queued as [0-9a-f-]{36}\r\n$/)
    expect(await held()).toBe(first)
    expect(await folder('alice', 2)).toMatchObject([{ flags: 9 }])
    expect(await folder('alice', 3)).toEqual([])
    expect(await waiting()).toBe(1)
    expect(await sentMessages()).toBe(0)
    await one.db.query('UPDATE submission SET release_at = now(), due_at = now()')
    await one.until('it left', async () => (await waiting()) === 0)
    await settled(2)
    expect(await one.count(`delivery WHERE notify = 1`)).toBe(2)
    expect(await one.count(`message WHERE facts @> '{"envid": "mine"}'`)).toBe(1)
    expect(await folder('alice', 2)).toEqual([])
    expect(await folder('alice', 3)).toMatchObject([{ flags: 1 }])
    expect(one.primary.store.all()[0]!.bytes.toString()).toMatch(/with ESMTPSA id /)
    // A client that did not hear of it until now.
    const answer = await held()
    expect(answer).toMatch(/^250/)
    expect(await sentMessages()).toBe(1)
    expect(await waiting()).toBe(0)
  })

  test('one that is split over two transactions: each is held by itself, and repeated it is the same', async () => {
    const client = await signedIn()
    const held = async (to: string): Promise<string> => {
      await client.command('MAIL FROM:<alice@corp.test> HOLDFOR=86400')
      await client.command(`RCPT TO:<${to}>`)
      await client.command('DATA')
      return (await client.command(`${mail('split')}.`)).raw
    }
    const [first, second] = [await held('x@outside.test'), await held('y@outside.test')]
    expect(second).toMatch(/^250/)
    expect(second).not.toBe(first)
    expect([await held('x@outside.test'), await held('y@outside.test')]).toEqual([first, second])
    expect(await waiting()).toBe(2)
    // At once, while it waits: its own message.
    expect(await send(client, mail('split'), ['x@outside.test'])).toMatch(/^250/)
    await settled(1)
  })

  test('in an emergency at its time: sent all the same, like all that people send', async () => {
    const client = await signedIn()
    await client.command('MAIL FROM:<alice@corp.test> HOLDFOR=600')
    await client.command('RCPT TO:<bob@corp.test>')
    await client.command('RCPT TO:<x@outside.test>')
    await client.command('DATA')
    expect((await client.command(`${mail('dark')}.`)).code).toBe(250)
    await one.primary.setFault('off')
    await one.db.query('UPDATE submission SET release_at = now(), due_at = now()')
    await one.until('gone outside', () => one.sink.store.all().length === 1)
    expect(await folder('bob', 1)).toHaveLength(1)
    await one.primary.setFault(null)
    await settled(2)
  })
})

test('all people of an organisation together have a limit too; the answer says when to try again', async () => {
  await one.close()
  const submission = { organisationRecipientsPerHour: 150 }
  one = await oneServer({ config: { roles: ['mx', 'submission', 'deliver', 'work'], submission } })
  for (const name of ['alice', 'bob']) await setPassword(name, PASSWORD)
  const as = async (name: string): Promise<LineClient> => {
    const client = await connect()
    expect((await client.command(authPlain(`${name}@corp.test`, PASSWORD))).code).toBe(235)
    return client
  }
  const many = (n: number): string[] => Array.from({ length: n }, (_, i) => `r${i}@outside.test`)
  const from = (name: string, subject: string): string => mail(subject).replaceAll('alice@', `${name}@`)
  const alice = await as('alice')
  expect(await send(alice, mail('one'), many(100))).toMatch(/^250/)
  await one.db.query(`UPDATE submission SET sent_at = now() - interval '50 minutes 30 seconds'`)
  const bob = await as('bob')
  expect(await send(bob, from('bob', 'two'), many(50), 'bob@corp.test')).toMatch(/^250/)
  for (const client of [alice, bob]) {
    const name = client === alice ? 'alice' : 'bob'
    expect(await send(client, from(name, 'three'), ['x@outside.test'], `${name}@corp.test`)).toMatch(
      /^450 4\.7\.0 .*all people of your organisation together may write to 150 recipients an hour; try again in 10 minutes/,
    )
  }
  expect(await folder('bob', 3)).toHaveLength(1)
  await one.db.query(`UPDATE submission SET sent_at = sent_at - interval '10 minutes'`)
  expect(await send(bob, from('bob', 'four'), many(100), 'bob@corp.test')).toMatch(/^250/)
  await settled(250)
})

test('in an emergency: sent, read by colleagues and gone outside at once, brought home afterwards', async () => {
  await one.primary.setFault('off')
  const client = await signedIn()
  expect(await send(client, mail('first'), ['bob@corp.test', 'x@outside.test'])).toMatch(/^250/)
  await one.until('declared', async () => (await one.count(`route_mode WHERE mode = ${Mode.emergency}`)) === 1, 60_000)
  expect(await send(client, mail('second'), ['bob@corp.test', 'x@outside.test'])).toMatch(/^250/)
  expect(await folder('bob', 1)).toHaveLength(2)
  expect(await folder('alice', 3)).toHaveLength(2)
  await one.until('gone outside', () => one.sink.store.all().length === 2)
  expect(one.primary.store.all()).toEqual([])
  await one.primary.setFault(null)
  await one.until('home', async () => (await one.count('delivery WHERE state = 10')) === 4, 60_000)
  expect(
    one.primary.store
      .all()
      .map(({ nonce }) => nonce)
      .sort(),
  ).toEqual(['first', 'second'])
})
