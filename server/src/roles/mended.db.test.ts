/** Bare CR and LF of an organisation's own systems: mended, named in the trace, and the original can be had back. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { expectSound } from '../../testkit/sound.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { readTrace } from '../core/trace/index.ts'
import type { Id } from '../platform/ids.ts'
import { presentTrace } from '../servers/admin/present.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(async () => {
  await expectSound(one.db, null)
  await one.close()
})

const here = { networks: ['127.0.0.1'] }
const tenant = { ...here, tenantHeader: { name: 'X-Tenant-Id', value: 'tenant-of-corp' } }
const [alice, world] = ['alice@corp.test', 'x@world.test']

async function list(sources: object[]): Promise<void> {
  await one.db.query('UPDATE organisation SET outbound_sources = $1', [JSON.stringify(sources)])
  await bumpDirectory(one.db)
  await one.server.core.sources.refresh()
}

/** The reply to the message, said by these commands. */
async function say(from: string, to: string, bytes: string): Promise<number> {
  const client = await openLineClient(one.server.ports.mx!)
  try {
    await client.reply()
    for (const line of ['EHLO mail.corp.test', `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA'])
      expect((await client.command(line)).code, line).toBeLessThan(400)
    client.send(`${bytes}\r\n.\r\n`)
    return (await client.reply()).code
  } finally {
    client.destroy()
  }
}
const message = (from: string, nonce: string): string =>
  `X-Tenant-Id: tenant-of-corp\nFrom: ${from}\nTo: ${world}\nSubject: ${nonce}\nX-Nonce: ${nonce}\n\na\rb\n..c\n`

test('stored and sent with whole line ends; what came is known by its digest, and comes back to the octet', async () => {
  await list([here])
  const raw = message(alice, 'bare')
  expect(await say(alice, world, raw)).toBe(250)
  const out = await one.sink.store.waitFor((mail) => mail.nonce === 'bare', 10_000)
  expect(out.bytes.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  await one.until('delivered', async () => (await one.count('delivery WHERE state = 10')) === 1)

  const [{ id }] = (await one.db.query<{ id: Id }>('SELECT message_id AS id FROM message')) as [{ id: Id }]
  const { message: shown } = presentTrace((await readTrace(one.db, one.org.organisationId, id))!)
  // Two dots stay two: a bare LF begins no line that dots are stuffed in.
  const digest = createHash('sha256').update(`${raw}\r\n`).digest('hex')
  expect(shown.mended).toEqual({ rule: 'bare-line-ends', count: 9, digest })
  expect(shown.digest).not.toBe(digest)

  expect(await say(alice, world, message(alice, 'whole').replaceAll(/\r|\n/g, '\r\n'))).toBe(250)
  expect(await one.count(`message WHERE facts ? 'mended'`)).toBe(1)
  await one.until('delivered', async () => (await one.count('delivery WHERE state = 10')) === 2)
})

test('behind an address that strangers share: of the own senders, and of nobody else', async () => {
  await list([tenant])
  expect(await say(alice, world, message(alice, 'own'))).toBe(250)
  expect(await say('stranger@else.test', alice, message('stranger@else.test', 'stranger'))).toBe(550)
  expect(await one.count('message')).toBe(1)
  await one.until('delivered', async () => (await one.count('delivery WHERE state = 10')) === 1)
})

test('of a stranger: refused', async () => {
  expect(await say('stranger@else.test', alice, message('stranger@else.test', 'stranger'))).toBe(550)
  expect(await one.count('message')).toBe(0)
})
