/**
 * The part of `holdfast doctor` that looks at the DNS: does a name server answer, and does it check DNSSEC, as DANE needs? Asked
 * for the root, which is signed and which every resolver knows.
 */
import type { Dns } from '../clients/dns/resolver.ts'
import { RecordType } from '../protocols/dns/message.ts'
import type { Finding } from './doctor.ts'

export async function resolverFinding(dns: Dns): Promise<Finding> {
  const name = 'name server'
  const servers = dns.servers.map(({ address, port }) => (port === 53 ? address : `${address}:${port}`)).join(', ')
  const validating =
    'For DANE run a validating name server on this machine (unbound, for example) and name it in dns.servers or /etc/resolv.conf.'
  let authenticated: boolean
  try {
    ;({ authenticated } = await dns.ask('', RecordType.SOA))
  } catch (error) {
    return {
      name,
      standing: 'warning',
      text: `${servers}: ${(error as Error).message}`,
      remedy:
        'Mail to the outside world waits while no name server answers: check dns.servers or /etc/resolv.conf. In a closed network without a way to the root this is no fault.',
    }
  }
  if (authenticated) return { name, standing: 'ok', text: `${servers}, checks DNSSEC: DANE is on`, remedy: '' }
  return dns.isTrusted
    ? {
        name,
        standing: 'warning',
        text: `${servers} answers, but does not check DNSSEC: no DANE`,
        remedy: `Turn validation on there. ${validating}`,
      }
    : {
        name,
        standing: 'ok',
        text: `${servers} answers; no DANE, as it is not trusted to check DNSSEC (dns.trustAd). ${validating}`,
        remedy: '',
      }
}
