/** Our LDAP client and a real OpenLDAP server: both ways to TLS, what each refusal means, and what is never sent. */
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askServer, tryServer, type LdapDirectory } from '../server/src/clients/ldap/ask.ts'
import { systemClock } from '../server/src/platform/clock.ts'
import { selfSigned } from '../server/src/platform/certificate.ts'
import { missing } from './peers/needs.ts'
import { sleep } from './peers/processes.ts'
import { baseDn, searchDn, searchPassword, startSlapd, type Slapd } from './peers/slapd.ts'

describe.skipIf(missing('slapd'))('the LDAP client and slapd', () => {
  let slapd: Slapd
  let directory: LdapDirectory
  beforeAll(async () => {
    slapd = await startSlapd({ 'alice': 'of alice', 'bob': 'pässwörd ✓', 'o(1)*': 'odd' })
    slapd.change(
      ['one', 'two']
        .map(
          (name) =>
            `dn: uid=${name},${baseDn}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: ${name}\nsn: x\nmail: shared@corp.test\nuserPassword: x\n`,
        )
        .join('\n'),
    )
    directory = {
      servers: [],
      ca: slapd.ca,
      bindDn: searchDn,
      bindPassword: searchPassword,
      baseDn,
      filter: '(|(mail={name})(uid={local}))',
    }
  })
  afterAll(() => slapd.remove())

  const ask = (
    name: string,
    password: string,
    change: Partial<LdapDirectory> & { tls?: 'ldaps' | 'starttls'; port?: number; host?: string } = {},
  ) => {
    const { tls = 'ldaps', host = '127.0.0.1', port, ...more } = change
    const server = { host, port: port ?? (tls === 'ldaps' ? slapd.ldapsPort : slapd.starttlsPort), tls }
    return askServer(systemClock, server, { ...directory, ...more }, { name, password }, AbortSignal.timeout(4_000))
  }

  test.each(['ldaps', 'starttls'] as const)('by %s: good, wrong, nobody, two', async (tls) => {
    expect(await ask('alice@corp.test', 'of alice', { tls })).toBe('good')
    expect(await ask('bob@corp.test', 'pässwörd ✓', { tls })).toBe('good')
    expect(await ask('alice@corp.test', 'of bob', { tls })).toBe('wrong')
    expect(await ask('nobody@corp.test', 'of alice', { tls })).toBe('not-found')
    expect(await ask('shared@corp.test', 'x', { tls })).toBe('ambiguous')
  })

  test('a name is a value and never a filter', async () => {
    expect(await ask('o(1)*@corp.test', 'odd')).toBe('good')
    for (const name of ['*', 'alice*@corp.test', '*)(uid=alice', 'alice@corp.test)(|(uid=*', 'ali\\63e@corp.test'])
      expect(await ask(name, 'of alice', { filter: '(mail={name})' })).toBe('not-found')
    expect(await ask('ünï@corp.test', 'x')).toBe('not-found')
  })

  test('an empty password is not sent', async () => {
    // Its log comes a moment later.
    await sleep(200)
    const before = slapd.log().match(/BIND dn="uid=alice/g)?.length ?? 0
    expect(await ask('alice@corp.test', '')).toBe('wrong')
    await sleep(200)
    expect(slapd.log().match(/BIND dn="uid=alice/g)?.length ?? 0).toBe(before)
    await expect(ask('alice@corp.test', 'x', { bindPassword: '' })).rejects.toThrow(/has no password/)
  })

  test('a certificate that nobody vouches for, or of another name, and a search account that cannot sign in', async () => {
    const other = selfSigned(['127.0.0.1'], Date.now()).cert
    for (const tls of ['ldaps', 'starttls'] as const) {
      await expect(ask('alice@corp.test', 'of alice', { tls, ca: other })).rejects.toThrow(/self-signed certificate/)
      await expect(ask('alice@corp.test', 'of alice', { tls, ca: undefined })).rejects.toThrow(/certificate/)
      await expect(ask('alice@corp.test', 'of alice', { tls, host: 'localhost' })).rejects.toThrow(/does not match/)
    }
    await expect(ask('alice@corp.test', 'of alice', { bindPassword: 'not it' })).rejects.toThrow(
      /search account cannot sign in/,
    )
    await expect(ask('alice@corp.test', 'of alice', { baseDn: 'dc=nowhere' })).rejects.toThrow(/the search failed/)
  })

  test('for an administrator', async () => {
    const server = { host: '127.0.0.1', port: slapd.ldapsPort, tls: 'ldaps' as const }
    await tryServer(systemClock, server, directory, AbortSignal.timeout(4_000))
    await expect(
      tryServer(systemClock, server, { ...directory, bindPassword: 'not it' }, AbortSignal.timeout(4_000)),
    ).rejects.toThrow(/search account cannot sign in/)
  })

  test('nobody listens, somebody says nothing, somebody closes', async () => {
    let server: Server
    const port = async (listener: Server): Promise<number> => {
      server = listener
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return (server.address() as AddressInfo).port
    }
    await expect(ask('a', 'b', { port: 1 })).rejects.toThrow(/ECONNREFUSED/)
    for (const tls of ['ldaps', 'starttls'] as const) {
      const silent = await port(createServer((socket) => socket.on('error', () => undefined)))
      await expect(ask('a', 'b', { tls, port: silent })).rejects.toThrow(/cannot be reached within/)
      server!.close()
      const closing = await port(createServer((socket) => socket.end()))
      await expect(ask('a', 'b', { tls, port: closing })).rejects.toThrow()
      server!.close()
    }
  })
})
