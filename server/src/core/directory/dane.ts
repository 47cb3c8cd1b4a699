/**
 * What the TLSA records of a host mean for a connection to it (RFC 7672 section 2.2 and 3.2.2), and how a target of a route
 * with `tls: dane` gets its own: for deliveries, probes and doctor alike.
 */
import type { TlsaAnswer } from '../../clients/dns/tlsa.ts'
import { usableTlsa } from '../../clients/smtp/dane.ts'
import { SmtpFailure, type SmtpTarget } from '../../clients/smtp/result.ts'

/** TLSA records of a host that is known by its name. */
export type HostTlsa = (host: string, port: number) => Promise<TlsaAnswer>

/** `names`: what else the host is called by those who were proved to name it. An empty `tlsa`: encrypted, whoever it is. */
export function daneTrust(
  { base, records }: Extract<TlsaAnswer, { kind: 'records' }>,
  names: readonly string[],
): Pick<SmtpTarget, 'tls'> & { trust: NonNullable<SmtpTarget['trust']> } {
  const all = [...new Set([base, ...names].map((name) => name.toLowerCase()))]
  return { tls: 'dane', trust: { name: base, names: all, tlsa: usableTlsa(records) } }
}

type Asked = Pick<SmtpTarget, 'host' | 'port' | 'tls' | 'trust'>

/** The target with its TLSA records where it wants them; as it is where it does not. Throws SmtpFailure where there are none. */
export async function proved<T extends Asked>(target: T, tlsaOf: HostTlsa): Promise<T> {
  if (target.tls !== 'dane' || target.trust?.tlsa !== undefined) return target
  const answer = await tlsaOf(target.host, target.port)
  if (answer.kind === 'unknown') throw new SmtpFailure('dns', 'dns', answer.text)
  const place = `${target.host}:${target.port}`
  if (answer.kind === 'none')
    throw new SmtpFailure('tls', 'tls', `tls dane: ${place} has no TLSA records that DNSSEC proves`)
  const { trust } = daneTrust(answer, [target.host])
  if (trust.tlsa?.length === 0)
    throw new SmtpFailure('tls', 'tls', `tls dane: none of the TLSA records of ${place} can be used for mail`)
  return { ...target, trust: { ...target.trust, ...trust } }
}
