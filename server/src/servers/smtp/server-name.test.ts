import { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import type { NamedCertificate } from '../../platform/certificate-watch.ts'
import { mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'

let mx: MxFixture
const open = async (options: MxFixtureOptions): Promise<MxFixture> => (mx = await mxFixture(options))
afterEach(async () => {
  await mx.close()
  expect(mx.violations).toEqual([])
})

const named = (host: string): NamedCertificate => ({
  options: { ...selfSigned([host], Date.now()), minVersion: 'TLSv1.2' },
  covers: (name) => name === host,
})
/** The subject of the certificate that a client sees which asks for `servername`. */
async function seen(servername?: string): Promise<string> {
  const client = await mx.greeted()
  await client.command('STARTTLS')
  await client.startTls(servername === undefined ? {} : { servername })
  expect((await client.command('EHLO x')).code).toBe(250)
  return String((client.socket as TLSSocket).getPeerCertificate().subject.CN)
}

describe('RFC 6066 section 3: server_name', () => {
  test('the name asked for chooses; no name or an unknown one gets the main certificate', async () => {
    const main = { ...selfSigned(['main.test'], Date.now()), minVersion: 'TLSv1.2' as const }
    let list = [named('a.test'), named('b.test')]
    await open({ tls: () => main, named: () => list })
    expect(await seen('a.test')).toBe('a.test')
    expect(await seen('b.test')).toBe('b.test')
    expect(await seen('unknown.test')).toBe('main.test')
    expect(await seen()).toBe('main.test')
    // a renewed one, and one that TLS cannot use: the one before stays
    const [a, b] = list as [NamedCertificate, NamedCertificate]
    const renewed = {
      options: { ...selfSigned(['a.renewed'], Date.now()), minVersion: 'TLSv1.2' as const },
      covers: a.covers,
    }
    list = [renewed, { ...b, options: { ...b.options, cert: 'nonsense' } }]
    expect(await seen('a.test')).toBe('a.renewed')
    expect(await seen('b.test')).toBe('b.test')
  })

  test('the oldest version', async () => {
    const main = { ...selfSigned(['main.test'], Date.now()), minVersion: 'TLSv1.3' as const }
    await open({ tls: () => main, named: () => [{ ...named('a.test'), options: main }] })
    for (const servername of ['main.test', 'a.test']) {
      const client = await mx.greeted()
      await client.command('STARTTLS')
      await expect(client.startTls({ maxVersion: 'TLSv1.2', servername })).rejects.toThrow()
      const other = await mx.greeted()
      await other.command('STARTTLS')
      await other.startTls({ servername })
      expect((other.socket as TLSSocket).getProtocol()).toBe('TLSv1.3')
    }
  })
})
