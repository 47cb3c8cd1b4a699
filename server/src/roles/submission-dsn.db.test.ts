/** What the author asks to hear (RFC 3461), through both doors: passed on, or told by us, or kept quiet about. */
import { afterEach, expect, test } from 'vitest'
import type { StandInOptions } from '../../testkit/stand-in/stand-in.ts'
import type { LineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { authPlain, openSubmission } from '../../testkit/submission-client.ts'
import { UndoStatus } from '../platform/codes.ts'

const PASSWORD = 'three grey owls at dawn'
let one: OneServer
let client: LineClient
afterEach(async () => {
  client.destroy()
  await one.close()
})

async function start(sink: StandInOptions = {}): Promise<void> {
  const delivery = { delayNotice: 0.01 }
  one = await oneServer({ sink, config: { roles: ['mx', 'submission', 'deliver', 'work'], delivery } })
  const { organisationId, people } = one.org
  const whose = { subjectId: people['alice']!.personId, organisationId }
  await one.server.access.setPassword(one.db, whose, PASSWORD, {
    mustChange: false,
    actor: `person:${whose.subjectId}`,
  })
  client = await openSubmission(one.server.ports.submission!)
  await client.command(authPlain('alice@corp.test', PASSWORD))
}

async function send(to: string[], mail = ''): Promise<void> {
  const lines = [`MAIL FROM:<alice@corp.test>${mail}`, ...to.map((rest) => `RCPT TO:${rest}`), 'DATA']
  for (const line of lines) expect((await client.command(line)).code).toBeLessThan(400)
  expect((await client.command('From: alice@corp.test\r\nSubject: ask\r\nX-Nonce: ask\r\n\r\nHello\r\n.')).code).toBe(
    250,
  )
}
const settled = (state: number): Promise<void> =>
  one.until(
    'settled',
    async () => (await one.count(`delivery WHERE recipient LIKE '%@outside.test' AND state = ${state}`)) === 1,
  )
const notices = (): Promise<{ subject: string; text: string }[]> =>
  one.db.query(
    `SELECT m.subject, convert_from(b.bytes, 'UTF8') AS text FROM message m JOIN body b ON b.body_id = m.message_id
     WHERE direction = 3 ORDER BY m.message_id`,
  )
const notice = async (): Promise<string> => {
  await one.until('a notice', async () => (await notices()).length > 0)
  return (await notices())[0]!.text
}
const said = (verb: string): string | undefined => one.sink.commands.findLast((line) => line.startsWith(verb))

test('to a server with DSN it is passed on, and we keep quiet', async () => {
  await start()
  await send(['<x@outside.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first@outside.test'], ' RET=HDRS ENVID=QQ+2B1')
  await settled(10)
  expect(said('MAIL')).toMatch(/ RET=HDRS ENVID=QQ\+2B1/)
  expect(said('RCPT')).toContain('NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first@outside.test')
  expect(await one.server.core.bounces.runRelayed()).toBe(0)
  expect(await notices()).toEqual([])
})

test('SUCCESS to a server without DSN: relayed, with the envelope id and the first recipient', async () => {
  await start({ extensions: ['PIPELINING'] })
  await send(['<x@outside.test> NOTIFY=SUCCESS ORCPT=rfc822;first@outside.test'], ' ENVID=mine')
  const text = await notice()
  expect(said('RCPT')).toBe('RCPT TO:<x@outside.test>')
  expect(text).toMatch(/^Action: relayed\r$/m)
  expect(text).toMatch(/^Original-Envelope-Id: mine\r$/m)
  expect(text).toMatch(/^Original-Recipient: rfc822; first@outside\.test\r$/m)
})

test.each([
  ['nothing said', '', 1],
  ['FAILURE', ' NOTIFY=FAILURE', 1],
  ['NEVER', ' NOTIFY=NEVER', 0],
  ['SUCCESS alone', ' NOTIFY=SUCCESS', 0],
])('refused, %s: %s', async (_, notify, told) => {
  await start()
  one.sink.answer('x@outside.test', { rcpt: '550 5.1.1 No such user' })
  await send([`<x@outside.test>${notify}`], ' RET=FULL')
  if (told === 1) {
    const text = await notice()
    expect(text).toMatch(/^Action: failed\r$/m)
    expect(text).toContain('Content-Type: message/rfc822')
  } else {
    await one.until('dealt with', async () => (await one.count('delivery WHERE state = 11 AND dsn_sent > 0')) === 1)
    expect(await notices()).toEqual([])
  }
})

test('DELAY: told once while it waits', async () => {
  await start()
  await one.sink.setFault('off')
  await send(['<x@outside.test> NOTIFY=DELAY'])
  expect(await one.server.core.bounces.runDelays()).toBe(1)
  expect(await notice()).toMatch(/^Action: delayed\r$/m)
  expect(await one.server.core.bounces.runDelays()).toBe(0)
  await one.sink.setFault(null)
  await settled(10)
})

test('the web pages ask in the same way (RFC 8621 section 7), to a colleague too', async () => {
  await start()
  const { organisationId, people } = one.org
  const owner = { organisationId, personId: people['alice']!.personId }
  const { mailbox, submission } = one.server.core
  const bytes = Buffer.from('From: alice@corp.test\r\nSubject: ask\r\n\r\nHello\r\n')
  const draft = { folderNo: 2, keywords: ['$draft'], bytes: [bytes], receivedAt: Date.now(), source: 'draft' } as const
  const { copyId } = (await mailbox.appendToFolder(owner, draft))!
  const of = { 'bob@corp.test': { notify: 8, orcpt: null } }
  const envelope = { from: 'alice@corp.test', to: ['Bob@corp.test'], dsn: { ret: 'FULL', envid: 'e', of } } as const
  await submission.submit({ ...owner, copyId, identityAddress: 'alice@corp.test', envelope })
  expect(await one.count('delivery WHERE notify = 8')).toBe(1)
  expect(await one.count(`message WHERE facts @> '{"ret": "FULL", "envid": "e"}'`)).toBe(1)
  expect(await one.count(`submission WHERE undo_status = ${UndoStatus.final}`)).toBe(1)
})
