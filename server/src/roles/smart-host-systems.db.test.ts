/** A system that signs in, or shows its certificate, is listed like one that is known by its address, as long as it is declared. */
import { createHash, X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLineClient, type LineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { createPasswords } from '../core/access/index.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { selfSigned } from '../platform/certificate.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

const [alice, bob, world] = ['alice@corp.test', 'bob@corp.test', 'x@world.test']
const own = selfSigned(['mail.corp.test'], Date.now())
const fingerprint = createHash('sha256').update(new X509Certificate(own.cert).raw).digest('hex')
const key = new X509Certificate(own.cert).publicKey.export({ type: 'spki', format: 'der' })
const keyFingerprint = createHash('sha256').update(key).digest('hex')

async function list(sources: object[], verifiers: object = {}): Promise<void> {
  await one.db.query('UPDATE organisation SET outbound_sources = $1, outbound_verifiers = $2', [
    JSON.stringify(sources),
    JSON.stringify(verifiers),
  ])
  await bumpDirectory(one.db)
  await one.server.core.sources.refresh()
}
const hash = (password: string) => createPasswords().hash(password)

async function secured(tls: object = {}): Promise<LineClient> {
  const client = await openLineClient(one.server.ports.mx!)
  await client.reply()
  await client.command('EHLO mail.corp.test')
  await client.command('STARTTLS')
  await client.startTls(tls)
  await client.command('EHLO mail.corp.test')
  return client
}
const signIn = async (client: LineClient, password: string) =>
  client.command(`AUTH PLAIN ${Buffer.from(`\0relay\0${password}`).toString('base64')}`)

/** Bare LF in the body: only of listed systems it is mended. */
async function send(client: LineClient, nonce: string, to: string[]): Promise<string> {
  await client.command(`MAIL FROM:<${alice}>`)
  for (const address of to) {
    const { raw, code } = await client.command(`RCPT TO:<${address}>`)
    if (code !== 250) {
      await client.command('RSET')
      return raw
    }
  }
  await client.command('DATA')
  client.send(`${one.mail(nonce).replace('Hello\r\n', 'Hello\nthere\r\n')}.\r\n`)
  return (await client.reply()).raw
}
const outside = (nonce: string) => one.sink.store.waitFor((mail) => mail.nonce === nonce, 10_000)

test('with a password: to the world and home, into Sent, mended, and the trace says how it came', async () => {
  await list([{ username: 'relay' }], { relay: await hash('the right password') })
  const client = await secured()
  expect(await send(client, 'early', [world])).toMatch(/^550 5\.7\.1/)
  expect((await signIn(client, 'a wrong password')).code).toBe(535)
  expect(await send(client, 'early', [world])).toMatch(/^550 5\.7\.1/)
  expect((await signIn(client, 'the right password')).code).toBe(235)
  expect(await send(client, 'signed', [world, bob])).toMatch(/^250/)
  const out = (await outside('signed')).bytes.toString()
  expect(out).toContain('with ESMTPSA id')
  expect(out).toContain('Hello\r\nthere\r\n')
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === 2)
  const folders = await one.db.query<{ name: string }>(
    'SELECT f.name FROM placement p JOIN folder f USING (organisation_id, person_id, folder_no) ORDER BY 1',
  )
  expect(folders.map(({ name }) => name)).toEqual(['Inbox', 'Sent'])

  // A second connection, by what is remembered; and one more try with a wrong one is wrong.
  const second = await secured()
  expect((await signIn(second, 'another wrong one')).code).toBe(535)
  expect((await signIn(second, 'the right password')).code).toBe(235)

  // The password is changed: also who is signed in is nobody now.
  await list([{ username: 'relay' }], { relay: await hash('a new password') })
  expect(await send(client, 'late', [world])).toMatch(/^550 5\.7\.1/)
  expect((await signIn(await secured(), 'the right password')).code).toBe(535)
  // What it was trusted with at RCPT is not taken at DATA.
  await client.command(`AUTH PLAIN x`)
  const third = await secured()
  expect((await signIn(third, 'a new password')).code).toBe(235)
  await third.command(`MAIL FROM:<${alice}>`)
  await third.command(`RCPT TO:<${world}>`)
  await list([], {})
  expect((await third.command('DATA')).raw).toMatch(/^550 5\.7\.1/)
})

test.each([
  ['the certificate', fingerprint],
  ['its key', keyFingerprint],
])('with a certificate, by %s', async (_, listed) => {
  await list([{ clientCertificates: [listed] }])
  expect(await send(await secured(), 'no', [world])).toMatch(/^550 5\.7\.1/)
  expect(await send(await secured(selfSigned(['mail.corp.test'], Date.now())), 'no', [world])).toMatch(/^550 5\.7\.1/)
  const client = await secured(own)
  expect(await send(client, 'shown', [world])).toMatch(/^250/)
  expect((await outside('shown')).bytes.toString()).toContain('with ESMTPS id')
  await list([{ clientCertificates: ['00'.repeat(32)] }])
  expect(await send(client, 'late', [world])).toMatch(/^550 5\.7\.1/)
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state = 10')) === 1)
})

test('guessing is slowed down like guessing people’s passwords', async () => {
  await list([{ username: 'relay' }], { relay: await hash('the right password') })
  const codes: number[] = []
  const started = Date.now()
  for (let connection = 0; connection < 3; connection++) {
    const client = await secured()
    for (let i = 0; i < 2; i++) codes.push((await signIn(client, `guess ${connection} ${i}`)).code)
  }
  expect(new Set(codes)).toEqual(new Set([535]))
  // Three are free, then half a second, one, two.
  expect(Date.now() - started).toBeGreaterThan(1_500)
})
