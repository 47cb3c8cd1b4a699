/** Asking for the TLSA records of a host's port (RFC 6698 section 3, RFC 7672 section 2.2). */
import { RecordType, type Tlsa } from '../../protocols/dns/message.ts'
import { lookUpHost } from './mx.ts'
import { DnsFailure, type Dns } from './resolver.ts'

export type TlsaAnswer =
  /** the domain owner publishes none, or DNSSEC does not reach so far */
  | { kind: 'none' }
  /** authenticated; `base`: the name they belong to, which is the certificate's */
  | { kind: 'records'; base: string; records: Tlsa[] }
  /** Nobody knows, which is also how an attacker looks: the host must not be used (section 2.1.2) */
  | { kind: 'unknown'; text: string }

/** `bases`: authenticated names of the host; the first that has records is taken. */
export async function lookUpTlsa(dns: Dns, bases: readonly string[], port: number): Promise<TlsaAnswer> {
  for (const base of bases)
    try {
      const { records, authenticated } = await dns.ask(`_${port}._tcp.${base}`, RecordType.TLSA)
      if (authenticated && records.length > 0) return { kind: 'records', base, records }
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error
      return { kind: 'unknown', text: `the TLSA records of ${base} could not be looked up (${error.message})` }
    }
  return { kind: 'none' }
}

/** The same for a host that is known by its name, which somebody we believe has configured. */
export async function lookUpHostTlsa(dns: Dns, host: string, port: number): Promise<TlsaAnswer> {
  if (!dns.isTrusted)
    return {
      kind: 'unknown',
      text: 'the name server that is asked is not trusted to check DNSSEC (dns.servers, dns.trustAd)',
    }
  try {
    const { tlsaBases } = await lookUpHost(dns, host)
    return tlsaBases ? await lookUpTlsa(dns, tlsaBases, port) : { kind: 'none' }
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error
    return { kind: 'unknown', text: `${host} could not be looked up (${error.message})` }
  }
}
