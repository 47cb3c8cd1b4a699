/** People send with an app password: AUTH at the submission listener to the mailbox, and what ends it while a connection lasts. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { authPlain, openSubmission } from '../../testkit/submission-client.ts'
import type { Id } from '../platform/ids.ts'

const PASSWORD = 'three grey owls at dawn'
const visitor = { clientIp: '192.0.2.1', userAgent: null }
let one: OneServer
let clients: LineClient[] = []
beforeEach(async () => {
  one = await oneServer({ config: { roles: ['mx', 'submission', 'deliver', 'work'] } })
  await setPassword(false)
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  clients = []
  await one.close()
})

const alice = (): { organisationId: Id; personId: Id } => ({
  organisationId: one.org.organisationId,
  personId: one.org.people['alice']!.personId,
})
const setPassword = (mustChange: boolean): Promise<void> =>
  one.server.access.setPassword(
    one.db,
    { subjectId: alice().personId, organisationId: one.org.organisationId },
    PASSWORD,
    { mustChange, actor: `person:${alice().personId}` },
  )
async function made(protocols: ('submission' | 'imap')[]): Promise<{ id: Id; password: string }> {
  const { access } = one.server
  const session = await access.session(await access.signIn({ name: 'alice@corp.test', password: PASSWORD, visitor }))
  return access.appPasswords.make({ session: session!, current: PASSWORD, name: 'Phone', protocols, visitor })
}
async function connect(): Promise<LineClient> {
  const client = await openSubmission(one.server.ports['submission']!)
  clients.push(client)
  return client
}
const auth = async (client: LineClient, password: string): Promise<string> =>
  (await client.command(authPlain('alice@corp.test', password))).raw
const from = async (client: LineClient): Promise<string> =>
  (await client.command('MAIL FROM:<alice@corp.test>')).raw.slice(0, 9)

test('signed in with it, a message is sent, and the list says from where', async () => {
  const { password, id } = await made(['submission'])
  const client = await connect()
  expect(await auth(client, password)).toMatch(/^235 2\.7\.0 /)
  for (const line of ['MAIL FROM:<alice@corp.test>', 'RCPT TO:<bob@corp.test>', 'DATA'])
    expect((await client.command(line)).code).toBeLessThan(400)
  const reply = await client.command('From: alice@corp.test\r\nTo: bob@corp.test\r\nSubject: app\r\n\r\nHello\r\n.')
  expect(reply.raw).toMatch(/^250 2\.0\.0 Ok: queued as /)
  await one.until('delivered', async () => (await one.count('delivery WHERE state = 10')) === 1)
  expect(await one.count('placement WHERE person_id = $1 AND folder_no = 3', [alice().personId])).toBe(1)
  const [listed] = await one.server.access.appPasswords.list(alice())
  expect(listed).toMatchObject({ id, lastPlace: '127.0.0.1', lastUsedAt: expect.any(Date) as Date })
})

test('AUTH LOGIN, typed by a person: a capital, no hyphens', async () => {
  const { password } = await made(['submission'])
  const typed = password.replaceAll('-', '')
  const client = await connect()
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  expect((await client.command('AUTH LOGIN')).code).toBe(334)
  expect((await client.command(base64('Alice@corp.test'))).code).toBe(334)
  expect((await client.command(base64(typed[0]!.toUpperCase() + typed.slice(1)))).code).toBe(235)
  expect(await from(client)).toBe('250 2.1.0')
})

test('one for reading alone, somebody else’s name, and a stranger’s get one answer', async () => {
  const { password } = await made(['imap'])
  const said = new Set<string>()
  for (const name of ['alice@corp.test', 'bob@corp.test', 'nobody@corp.test'])
    said.add((await (await connect()).command(authPlain(name, password))).raw)
  expect([...said]).toEqual([expect.stringMatching(/^535 5\.7\.8 /)])
})

test('revoked, it sends nothing further on a connection that is open; the account password goes on', async () => {
  const { password, id } = await made(['submission'])
  const [phone, laptop] = [await connect(), await connect()]
  expect(await auth(phone, password)).toMatch(/^235/)
  expect(await auth(laptop, PASSWORD)).toMatch(/^235/)
  expect(await from(phone)).toBe('250 2.1.0')
  expect((await phone.command('RSET')).code).toBe(250)
  expect(await one.server.access.appPasswords.revoke(alice(), id, 'cli:test')).not.toBeNull()
  expect(await from(phone)).toBe('530 5.7.0')
  expect(await from(laptop)).toBe('250 2.1.0')
  expect(await auth(await connect(), password)).toMatch(/^535 5\.7\.8/)
})

test('a one-time password of the account stops it, in words, until it was replaced', async () => {
  const { password } = await made(['submission'])
  const phone = await connect()
  expect(await auth(phone, password)).toMatch(/^235/)
  await setPassword(true)
  expect(await from(phone)).toBe('530 5.7.0')
  expect(await auth(await connect(), password)).toMatch(/^535 5\.7\.8 .*choose .*works again/is)
  await setPassword(false)
  expect(await auth(await connect(), password)).toMatch(/^235/)
})
