/** Addresses that were delegated to a person, by their own mail client and by the web pages. */
import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { authPlain, openSubmission } from '../../testkit/submission-client.ts'
import { dkimKeyPlace } from '../core/submission/index.ts'
import { DelegationKind } from '../platform/codes.ts'
import { keysFrom } from '../platform/keys.ts'

const PASSWORD = 'three grey owls at dawn'
let one: OneServer
let client: LineClient
beforeEach(async () => {
  one = await oneServer({ config: { roles: ['mx', 'submission', 'deliver', 'work'] } })
  const whose = { subjectId: owner('alice').personId, organisationId: one.org.organisationId }
  await one.server.access.setPassword(one.db, whose, PASSWORD, {
    mustChange: false,
    actor: `person:${whose.subjectId}`,
  })
  client = await openSubmission(one.server.ports.submission!)
  expect((await client.command(authPlain('alice@corp.test', PASSWORD))).code).toBe(235)
})
afterEach(async () => {
  client.destroy()
  await one.close()
})

const owner = (name: string) => ({
  organisationId: one.org.organisationId,
  personId: one.org.people[name]!.personId,
})
const delegate = (address: string, kind: keyof typeof DelegationKind): Promise<unknown> =>
  one.db.query(
    'INSERT INTO delegation (organisation_id, person_id, address, kind, display) VALUES ($1, $2, $3, $4, $3)',
    [one.org.organisationId, owner('alice').personId, address, DelegationKind[kind]],
  )
async function send(from: string, header = `From: ${from}\r\n`): Promise<string> {
  for (const line of [`MAIL FROM:<${from}>`, 'RCPT TO:<x@outside.test>', 'DATA']) {
    const reply = await client.command(line)
    if (reply.code >= 400) return reply.raw
  }
  return (await client.command(`${header}To: x@outside.test\r\nSubject: for\r\n\r\nHello\r\n.`)).raw
}
const inSent = (name: string): Promise<number> =>
  one.count('placement WHERE person_id = $1 AND folder_no = 3 AND tombstone IS NULL', [owner(name).personId])
async function arrived(n: number): Promise<string> {
  await one.until('it arrived', () => one.sink.store.all().length === n)
  await one.until('settled', async () => (await one.count('delivery WHERE state = 10')) === n)
  return one.sink.store.all()[n - 1]!.bytes.toString()
}

test('nobody sends as somebody else without it', async () => {
  expect(await send('bob@corp.test')).toMatch(/^550 5\.7\.1 .*bob@corp\.test/)
  expect(await send('alice@corp.test', 'From: office@corp.test\r\n')).toMatch(/^550 5\.7\.1 .*office@corp\.test/)
})

test("send-as: leaves as theirs, signed by the author's domain; the copy lies in the sender's Sent and goes home to them", async () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  const sealed = keysFrom(Buffer.alloc(32, 7)).seal(dkimKeyPlace(one.org.domainId), pem)
  await one.db.query(`UPDATE domain SET dkim_selector = 'hf1', dkim_private_sealed = $1`, [sealed])
  await delegate('bob@corp.test', 'sendAs')
  await delegate('office@corp.test', 'sendAs')
  expect(await send('bob@corp.test')).toMatch(/^250/)
  const text = await arrived(1)
  expect(text).not.toMatch(/^Sender:/m)
  expect(text).toContain('d=corp.test')
  expect(one.sink.store.all()[0]!.envelopeFrom).toBe('bob@corp.test')
  expect([await inSent('alice'), await inSent('bob')]).toEqual([1, 0])
  expect(await one.count('owed_item WHERE person_id = $1 AND route_id IS NOT NULL', [owner('alice').personId])).toBe(1)
  // An address that is nobody's.
  expect(await send('office@corp.test')).toMatch(/^250/)
  await arrived(2)
  expect(await one.count('owed_item WHERE person_id = $1 AND route_id IS NOT NULL', [owner('alice').personId])).toBe(2)
})

test('on behalf: the message says who sent it', async () => {
  await delegate('bob@corp.test', 'onBehalf')
  expect(await send('bob@corp.test')).toMatch(/^250/)
  expect(await arrived(1)).toMatch(/^Sender: <alice@corp\.test>\r\n(?:.*\r\n)*From: bob@corp\.test\r$/m)
  const other = 'From: bob@corp.test\r\nSender: bob@corp.test\r\n'
  expect(await send('alice@corp.test', other)).toMatch(/^550 5\.7\.1 .*Sender must be/)
})

test('of a domain that is no more the organisation’s, or taken away: nothing', async () => {
  await delegate('ceo@elsewhere.test', 'sendAs')
  expect(await send('ceo@elsewhere.test')).toMatch(/^550 5\.7\.1/)
  await delegate('bob@corp.test', 'sendAs')
  await one.db.query('DELETE FROM delegation')
  expect(await send('bob@corp.test')).toMatch(/^550 5\.7\.1/)
})

test('JMAP: identities, the own ones first; what waits is refused at its time if it was taken away', async () => {
  await delegate('bob@corp.test', 'sendAs')
  const { mailbox, submission } = one.server.core
  const alice = owner('alice')
  expect((await submission.identities(alice)).map(({ address, name }) => [address, name])).toEqual([
    ['alice@corp.test', 'Alice'],
    ['bob@corp.test', 'Bob'],
  ])
  const bytes = Buffer.from('From: bob@corp.test\r\nTo: x@outside.test\r\nSubject: s\r\n\r\nHello\r\n')
  const wish = { folderNo: 2, keywords: ['$draft'], bytes: [bytes], receivedAt: Date.now(), source: 'draft' } as const
  const { copyId } = (await mailbox.appendToFolder(alice, wish))!
  await submission.submit({ ...alice, copyId, identityAddress: 'bob@corp.test', hold: { seconds: 600 } })
  await one.db.query('DELETE FROM delegation')
  await one.db.query('UPDATE submission SET release_at = now(), due_at = now()')
  await one.until('told', async () => (await one.count('message WHERE direction = 3')) === 1)
  expect(await one.count('placement WHERE person_id = $1 AND folder_no = 1', [alice.personId])).toBe(1)
  expect(await one.count('submission WHERE undo_status = 3')).toBe(1)
})
