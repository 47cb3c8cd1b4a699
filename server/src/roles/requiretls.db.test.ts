/** Mail that must be kept in TLS all the way (RFC 8689), through the whole of it: what the primary cannot keep is refused. */
import { afterEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { openLineClient } from '../../testkit/line-client.ts'

let it: OneServer
afterEach(() => it.close())

/** Replies to MAIL, RCPT and the final dot. */
async function send(nonce: string, parameters: string, header = ''): Promise<string[]> {
  const client = await openLineClient(it.server.ports.mx!)
  await client.reply()
  await client.command('EHLO sender.test')
  await client.command('STARTTLS')
  await client.startTls()
  await client.command('EHLO sender.test')
  const said: string[] = []
  for (const line of [`MAIL FROM:<sender@outside.test>${parameters}`, 'RCPT TO:<alice@corp.test>', 'DATA'])
    said.push((await client.command(line)).raw.slice(0, 10))
  if (said.at(-1)!.startsWith('354')) {
    client.send(`${header}${it.mail(nonce)}.\r\n`)
    said.push((await client.reply()).raw.slice(0, 10))
  }
  client.destroy()
  return said
}
const facts = async (nonce: string) =>
  (await it.db.query<{ facts: object }>('SELECT facts FROM message WHERE subject = $1', [`Mail ${nonce}`]))[0]!.facts

test('a primary in clear: refused at RCPT; what does not ask for it goes there as ever', async () => {
  it = await oneServer()
  expect((await send('kept', ' REQUIRETLS'))[1]).toMatch(/^550 5\.7\.30/)
  expect((await send('plain', '')).at(-1)).toMatch(/^250/)
  await it.until('it is there', () => it.primary.store.all().length === 1)
  expect(await facts('plain')).not.toHaveProperty('tls')
})

test('a way that the admin calls protected: delivered; the header that lowers the demand is kept, and counts less', async () => {
  it = await oneServer({ route: { requireTlsTrusted: true } })
  expect((await send('kept', ' REQUIRETLS', 'TLS-Required: No\r\n')).at(-1)).toMatch(/^250/)
  expect((await send('lowered', '', 'TLS-Required: No\r\n')).at(-1)).toMatch(/^250/)
  await it.until('both are there', () => it.primary.store.all().length === 2)
  expect(await facts('kept')).toMatchObject({ tls: 'required' })
  expect(await facts('lowered')).toMatchObject({ tls: 'optional' })
})
