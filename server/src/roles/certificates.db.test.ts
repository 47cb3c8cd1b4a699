/** The certificates of a running server: by name, and taken up while it runs. Mail over TLS comes home like any other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLineClient, type LineClient } from '../../testkit/line-client.ts'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { selfSigned } from '../platform/certificate.ts'

let one: OneServer
let folder: string
const at = (name: string): { certFile: string; keyFile: string } => ({
  certFile: join(folder, `${name}.crt`),
  keyFile: join(folder, `${name}.key`),
})
function put(name: string, hosts: string[]): void {
  const { cert, key } = selfSigned(hosts, Date.now())
  writeFileSync(at(name).certFile, cert)
  writeFileSync(at(name).keyFile, key)
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hf-names-'))
  put('main', ['mx.corp.test'])
  put('other', ['other', '*.other.test'])
  one = await oneServer({
    config: {
      tls: { ...at('main'), names: [at('other')], minVersion: 'TLSv1.2' },
      roles: ['mx', 'submission', 'deliver', 'access', 'work'],
      listen: {
        mx: { port: 0, minTlsVersion: 'TLSv1.3' },
        submission: { port: 0 },
        submissions: { port: 0 },
        http: { port: 0 },
      },
    },
  })
})
afterEach(async () => {
  await one.close()
  rmSync(folder, { recursive: true, force: true })
})

async function secured(servername: string): Promise<LineClient> {
  const client = await openLineClient(one.server.ports.mx!)
  await client.reply()
  await client.command('EHLO x')
  await client.command('STARTTLS')
  await client.startTls({ servername })
  await client.command('EHLO x')
  return client
}
async function subjectFor(servername: string): Promise<string> {
  const client = await secured(servername)
  const { subject } = (client.socket as TLSSocket).getPeerCertificate()
  client.destroy()
  return String(subject.CN)
}

test('the name asked for chooses, changed files are taken up, a broken one is not', async () => {
  expect(await subjectFor('mx.other.test')).toBe('other')
  expect(await subjectFor('elsewhere.test')).toBe('mx.corp.test')
  put('other', ['renewed', '*.other.test'])
  writeFileSync(at('main').certFile, 'nonsense')
  one.server.reload()
  expect(await subjectFor('mx.other.test')).toBe('renewed')
  expect(await subjectFor('elsewhere.test')).toBe('mx.corp.test')
  // and by itself
  put('main', ['main.renewed'])
  await one.until('the next look', async () => (await subjectFor('elsewhere.test')) === 'main.renewed', 10_000)

  const client = await secured('mx.other.test')
  for (const line of ['MAIL FROM:<s@outside.test>', 'RCPT TO:<alice@corp.test>'])
    expect((await client.command(line)).code).toBe(250)
  const text = one.mail('secured')
  client.send(`BDAT ${text.length} LAST\r\n${text}`)
  expect((await client.reply()).code).toBe(250)
  client.destroy()
  await one.until('home', () => one.primary.store.all().length === 1)
  const home = one.primary.store.all()[0]!.bytes.toString()
  expect(home).toMatch(/^\t\(using TLSv1\.3 \S+\)\r\n\tby mx\.holdfast\.test \(Holdfast\) with ESMTPS /m)
  expect(home.endsWith(text)).toBe(true)
})

test('the oldest version of TLS is a matter of each listener', async () => {
  async function spoken(port: number, servername: string): Promise<string> {
    const client = await openLineClient(port)
    await client.reply()
    await client.command('EHLO x')
    await client.command('STARTTLS')
    await client.startTls({ servername, maxVersion: 'TLSv1.2' })
    const version = (client.socket as TLSSocket).getProtocol()
    client.destroy()
    return String(version)
  }
  for (const name of ['elsewhere.test', 'mx.other.test']) {
    await expect(spoken(one.server.ports.mx!, name)).rejects.toThrow()
    expect(await spoken(one.server.ports.submission!, name)).toBe('TLSv1.2')
  }
})
