/** NOTIFY=SUCCESS through the whole server, to a primary with and without DSN (RFC 3461 section 5.2). */
import { afterEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { bumpDirectory } from '../core/directory/index.ts'

let one: OneServer
afterEach(() => one.close())

async function sendWith(extensions: string[]): Promise<void> {
  one = await oneServer({ primary: { extensions } })
  // Alice's primary hands it over: she is one of ours, so her address is proven.
  await one.db.query('UPDATE organisation SET outbound_sources = $1', [JSON.stringify([{ networks: ['127.0.0.1'] }])])
  await bumpDirectory(one.db)
  await one.server.core.sources.refresh()
  const envelope = { from: 'alice@corp.test', rcptParameters: 'NOTIFY=SUCCESS' }
  expect((await one.send('tell-me', ['bob@corp.test'], envelope)).ok).toBe(true)
  await one.until('bob has it', async () => (await one.count('delivery WHERE state = 10')) > 0)
}

test('to a server without DSN: we say that it was handed over, once', async () => {
  await sendWith(['PIPELINING', '8BITMIME'])
  await one.until('a notice', async () => (await one.count('message WHERE direction = 3')) === 1)
  const notice = await one.primary.store.waitFor((mail) => mail.recipients.includes('alice@corp.test'), 10_000)
  expect(notice.envelopeFrom).toBe('')
  expect(notice.bytes.toString()).toContain('Action: relayed')
  await one.until('all written', async () => (await one.count('delivery WHERE state = 10')) === 2)
  expect(await one.count('message WHERE direction = 3')).toBe(1)
})

test('to a server with DSN: it is asked to say so, and we keep quiet', async () => {
  await sendWith(['PIPELINING', '8BITMIME', 'DSN'])
  const commands = one.primary.commands.filter((line) => line.startsWith('RCPT') && line.includes('bob@'))
  expect(commands.at(-1)).toContain('NOTIFY=SUCCESS')
  expect(await one.server.core.bounces.runRelayed()).toBe(0)
  expect(await one.count(`delivery WHERE reason = 'relayed'`)).toBe(0)
})
