/** An organisation's own system at the MX listener: AUTH and client certificates, offered only where somebody uses them. */
import { X509Certificate } from 'node:crypto'
import type { SecureVersion, TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { LineClient } from '../../../testkit/line-client.ts'
import { mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'
import type { Systems } from '../../core/intake/index.ts'
import { selfSigned } from '../../platform/certificate.ts'
import { WireError } from '../../platform/errors.ts'
import { silentLog } from '../../platform/log.ts'

const pem = selfSigned(['mx.holdfast.example'], Date.now())
const own = selfSigned(['mail.corp.example'], Date.now())
const stranger = selfSigned(['other.example'], Date.now())
const PLAIN = Buffer.from('\0relay\0secret of it').toString('base64')
const WRONG = Buffer.from('\0relay\0guess').toString('base64')

const ownRaw = new X509Certificate(own.cert).raw
const systems = (which: { passwords?: boolean; certificates?: boolean }): Systems => ({
  takesPasswords: () => which.passwords ?? false,
  asksForCertificates: () => which.certificates ?? false,
  async signIn({ name, password }) {
    if (name !== 'relay' || password !== 'secret of it') throw new WireError('sign-in-failed')
    return { how: 'password', key: 'relay' }
  },
  byCertificate: ({ raw }) => (raw.equals(ownRaw) ? { how: 'certificate', key: 'own' } : null),
})

let mx: MxFixture
const open = async (which: Parameters<typeof systems>[0], options: MxFixtureOptions = {}): Promise<void> => {
  mx = await mxFixture({ tls: () => pem, systems: systems(which), mends: ({ proof }) => proof != null, ...options })
}
afterEach(async () => {
  await mx.close()
  expect(mx.violations).toEqual([])
})

async function secured(tls: Parameters<LineClient['startTls']>[0] = {}): Promise<LineClient> {
  const client = await mx.greeted()
  await client.command('STARTTLS')
  await client.startTls(tls)
  return client
}
const ehlo = async (client: LineClient) => (await client.command('EHLO mail.corp.example')).lines

async function sendBare(client: LineClient): Promise<string> {
  for (const line of ['MAIL FROM:<a@corp.example> AUTH=<>', 'RCPT TO:<x@world.example>', 'DATA'])
    await client.command(line)
  client.send('Subject: x\n\nbare\r\n.\r\n')
  return (await client.reply()).raw
}

describe('by password', () => {
  test('AUTH is offered under TLS, proves who it is, and what is proved goes with the envelope', async () => {
    await open({ passwords: true })
    const clear = await mx.greeted()
    expect((await ehlo(clear)).join()).not.toContain('AUTH')
    expect((await clear.command(`AUTH PLAIN ${PLAIN}`)).raw).toMatch(/^538 5\.7\.11/)

    const client = await secured()
    expect(await ehlo(client)).toContain('AUTH PLAIN LOGIN')
    expect((await client.command(`AUTH PLAIN ${PLAIN}`)).raw).toMatch(/^235 2\.7\.0/)
    expect((await client.command(`AUTH PLAIN ${PLAIN}`)).code).toBe(503)
    expect(await sendBare(client)).toMatch(/^250/)
    expect(mx.seen[0]!.envelope.proof).toEqual({ how: 'password', key: 'relay' })
  })

  test('not proved: mail like any, and after three wrong ones the connection ends', async () => {
    await open({ passwords: true })
    const client = await secured()
    await ehlo(client)
    expect((await client.command(`AUTH PLAIN ${WRONG}`)).raw).toMatch(/^535 5\.7\.8/)
    expect(await sendBare(client)).toMatch(/^550 5\.6\.11/)
    expect(mx.seen[0]!.envelope.proof).toBeNull()
    expect((await client.command(`AUTH PLAIN ${WRONG}`)).code).toBe(535)
    client.send(`AUTH PLAIN ${WRONG}\r\n`)
    expect((await client.replies(2)).map(({ code }) => code)).toEqual([535, 421])
  })

  test('LOGIN, with a long answer; no password is ever in the log', async () => {
    const logged: string[] = []
    const log = { ...silentLog, info: (...args: unknown[]) => void logged.push(JSON.stringify(args)) }
    await open({ passwords: true }, { log: log })
    const client = await secured()
    await ehlo(client)
    expect((await client.command('AUTH LOGIN')).code).toBe(334)
    expect((await client.command(Buffer.from('relay').toString('base64'))).code).toBe(334)
    const long = 'x'.repeat(900)
    expect((await client.command(Buffer.from(long).toString('base64'))).code).toBe(535)
    expect(logged.length).toBeGreaterThan(0)
    expect(logged.join()).not.toContain(Buffer.from(long).toString('base64').slice(0, 20))
  })

  test('where nobody signs in nothing is offered, and the words are unknown', async () => {
    await open({})
    const client = await secured()
    expect((await ehlo(client)).join()).not.toContain('AUTH')
    expect((await client.command(`AUTH PLAIN ${PLAIN}`)).raw).toMatch(/^500 5\.5\.2/)
    expect((await client.command('MAIL FROM:<a@corp.example> AUTH=<>')).code).toBe(555)
  })
})

describe('by certificate', () => {
  test.each<SecureVersion>(['TLSv1.2', 'TLSv1.3'])(
    '%s: who shows the right one is known; others, and none, are mail like any',
    async (version) => {
      await open({ certificates: true })
      const seen = async (certificate: object): Promise<unknown> => {
        const client = await secured({ ...certificate, maxVersion: version, minVersion: version })
        await ehlo(client)
        await client.command('MAIL FROM:<a@corp.example>')
        await client.command('RCPT TO:<x@world.example>')
        await client.command('DATA')
        expect((await client.command('x: y\r\n\r\nx\r\n.')).code).toBe(250)
        return mx.seen.at(-1)!.envelope.proof
      }
      expect(await seen(own)).toEqual({ how: 'certificate', key: 'own' })
      expect(await seen(stranger)).toBeNull()
      expect(await seen({})).toBeNull()
      // Somebody else's certificate, without its key, does not get through the handshake.
      await expect(seen({ cert: own.cert, key: stranger.key })).rejects.toThrow()
    },
  )

  test('a resumed session is known as the one before', async () => {
    await open({ certificates: true })
    const first = await secured({ ...own, maxVersion: 'TLSv1.2' })
    await ehlo(first)
    const session = (first.socket as TLSSocket).getSession()!
    const second = await secured({ ...own, session, maxVersion: 'TLSv1.2' })
    expect((second.socket as TLSSocket).isSessionReused()).toBe(true)
    await ehlo(second)
    expect(await sendBare(second)).toBe(await sendBare(first))
    await second.command('MAIL FROM:<a@corp.example>')
    await second.command('RCPT TO:<x@world.example>')
    await second.command('DATA')
    expect((await second.command('x: y\r\n\r\nx\r\n.')).code).toBe(250)
    expect(mx.seen.at(-1)!.envelope.proof).toEqual({ how: 'certificate', key: 'own' })
  })

  test('nobody is asked for one where none is listed', async () => {
    await open({ passwords: true })
    const client = await secured(own)
    await ehlo(client)
    await client.command('MAIL FROM:<a@corp.example>')
    await client.command('RCPT TO:<x@world.example>')
    await client.command('DATA')
    expect((await client.command('x: y\r\n\r\nx\r\n.')).code).toBe(250)
    expect(mx.seen[0]!.envelope.proof).toBeNull()
  })
})
