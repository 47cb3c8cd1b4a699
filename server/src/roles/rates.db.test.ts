/** Through the MX listener: what is too much hears it politely, the trace and the metrics know, own systems are not counted. */
import { afterEach, expect, test } from 'vitest'
import { openLineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { bumpDirectory } from '../core/directory/index.ts'

let one: OneServer
afterEach(() => one.close())

const [alice, bob, world] = ['alice@corp.test', 'bob@corp.test', 'x@world.test']
const rates = (limits: object) => ({ config: { smtp: { rates: { exempt: [], ...limits } } } })
const replyOf = async (nonce: string, to: string, from = 'friend@outside.test') => {
  const { recipients } = await one.send(nonce, [to], { from })
  const { code, text } = recipients[0]!.reply
  return `${code} ${text.split(' ')[0]}`
}

/** On a connection of its own: the reply to RCPT of an address that is nobody's. */
const guess = async (i: number): Promise<string> => {
  const client = await openLineClient(one.server.ports.mx!)
  await client.reply()
  for (const line of ['EHLO guesser.test', 'MAIL FROM:<a@outside.test>']) await client.command(line)
  const { raw } = await client.command(`RCPT TO:<nobody${i}@corp.test>`)
  if (raw.startsWith('421')) await client.ended()
  client.destroy()
  return raw.slice(0, 9)
}

test('a mailbox that gets too much: 450, in the trace; the next mailbox gets its mail', async () => {
  one = await oneServer(rates({ messagesPerMailbox: 2 }))
  expect([await replyOf('a', bob), await replyOf('b', bob), await replyOf('c', bob)]).toEqual([
    '250 2.1.5',
    '250 2.1.5',
    '450 4.2.1',
  ])
  expect(await replyOf('d', alice)).toBe('250 2.1.5')
  // By another of the person's addresses it is the same mailbox.
  expect(await replyOf('e', 'bob+news@corp.test')).toBe('450 4.2.1')
  await one.until('it is noted', async () => (await one.count(`refusal WHERE reply LIKE '450 4.2.1%'`)) === 2)
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === 3)
})

test('who guesses addresses: 550 for so many in a row, then 421', async () => {
  one = await oneServer(rates({ unknownInRow: 2 }))
  expect([await guess(1), await guess(2), await guess(3)]).toEqual(['550 5.1.1', '550 5.1.1', '421 4.7.1'])
  expect(await replyOf('known', bob)).toBe('250 2.1.5')
  expect(await guess(4)).toBe('550 5.1.1')
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === 1)
})

test('a message to many of whom some have left: the others get it, however often it is the same connection', async () => {
  one = await oneServer(rates({}))
  const gone = Array.from({ length: 25 }, (_, i) => `gone${i}@corp.test`)
  const sent = await one.send('to-all', [...gone, bob, alice], { from: 'list@outside.test' })
  expect(sent.recipients.map(({ reply }) => reply.code)).toEqual([...gone.map(() => 550), 250, 250])
  expect(sent.final).toMatchObject({ code: 250 })
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === 2)
})

test('a stranger at the address of a provider who guesses addresses is counted, an own system is not', async () => {
  one = await oneServer(rates({ unknownInRow: 2 }))
  const list = async (source: object) => {
    await one.db.query('UPDATE organisation SET outbound_sources = $1', [
      JSON.stringify([{ networks: ['127.0.0.1'], ...source }]),
    ])
    await bumpDirectory(one.db)
    await one.server.core.sources.refresh()
  }
  const guesses = async (): Promise<string[]> => [await guess(1), await guess(2), await guess(3)]
  await list({})
  expect(await guesses()).toEqual(['550 5.1.1', '550 5.1.1', '550 5.1.1'])
  await list({ tenantHeader: { name: 'X-Tenant-Id', value: 'tenant-of-corp' } })
  expect(await guesses()).toEqual(['550 5.1.1', '550 5.1.1', '421 4.7.1'])
})

test('an own system is not counted, a stranger from the address of a provider is', async () => {
  one = await oneServer(rates({ messagesPerNetwork: 1 }))
  const list = async (source: object) => {
    await one.db.query('UPDATE organisation SET outbound_sources = $1', [
      JSON.stringify([{ networks: ['127.0.0.1'], ...source }]),
    ])
    await bumpDirectory(one.db)
    await one.server.core.sources.refresh()
  }
  await list({})
  for (const nonce of ['a', 'b', 'c']) expect((await one.send(nonce, [world, bob], { from: alice })).ok).toBe(true)
  await list({ tenantHeader: { name: 'X-Tenant-Id', value: 'tenant-of-corp' } })
  expect(await replyOf('d', bob)).toBe('250 2.1.5')
  expect(await replyOf('e', bob)).toBe('450 4.7.1')
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state < 10')) === 0)
})
