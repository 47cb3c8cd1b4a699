/** Doctor says whether the name servers answer and check DNSSEC. */
import { expect, test } from 'vitest'
import { startDnsServer, type Zone } from '../../testkit/dns-server.ts'
import { createDns, type TrustAd } from '../clients/dns/resolver.ts'
import { systemClock } from '../platform/clock.ts'
import { resolverFinding } from './doctor-dns.ts'

async function look(root: Zone | null, trustAd?: TrustAd) {
  const server = await startDnsServer(root ? { '': root } : {})
  if (!root) server.silence.add('')
  const dns = createDns({
    clock: systemClock,
    servers: [server.address],
    timeoutMs: 50,
    ...(trustAd ? { trustAd } : {}),
  })
  const finding = await resolverFinding(dns)
  await server.close()
  return { ...finding, text: finding.text.replace(server.address, 'NS') }
}

test('one that checks, one that does not, one that is not trusted, one that is silent', async () => {
  expect(await look({ secure: true })).toMatchObject({ standing: 'ok', text: 'NS, checks DNSSEC: DANE is on' })
  expect(await look({})).toMatchObject({ standing: 'warning', remedy: expect.stringContaining('Turn validation on') })
  expect(await look({ secure: true }, 'none')).toMatchObject({
    standing: 'ok',
    text: expect.stringContaining('dns.trustAd'),
  })
  const silent = await look(null)
  expect(silent).toMatchObject({ standing: 'warning', remedy: expect.stringContaining('dns.servers') })
  expect(silent.text).toContain('does not answer')
})
