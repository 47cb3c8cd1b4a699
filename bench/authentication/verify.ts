/**
 * SPF, DKIM and DMARC of one message with the library mailauth; DNS is a map, so that no network is measured.
 * `cached`: SPF is remembered by address and domain and DMARC by what it is decided from, so that DKIM (the hash of
 * the body and one signature) is all that each message costs.
 */
import { authenticate, dkimVerify, dmarc, spf } from 'mailauth'

export interface Question {
  bytes: Buffer
  ip: string
  helo: string
  sender: string
}

/** name → TXT records */
export type DnsMap = Record<string, string[][]>

const isPass = (results: readonly { status: { result: string } }[] | undefined): boolean =>
  results?.some((one) => one.status.result === 'pass') ?? false

export function createVerifier(dns: DnsMap, cached: boolean): (question: Question) => Promise<boolean> {
  const resolver = (name: string, type: string): Promise<string[][]> => {
    const found = type === 'TXT' ? dns[name] : undefined
    return found
      ? Promise.resolve(found)
      : Promise.reject(Object.assign(new Error(`${type} ${name}`), { code: 'ENOTFOUND' }))
  }
  const mta = 'bench.test'
  const remembered = new Map<string, Promise<unknown>>()
  function once<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = remembered.get(key)
    if (known) return known as Promise<T>
    const asked = ask()
    remembered.set(key, asked)
    return asked
  }

  async function whole({ bytes, ip, helo, sender }: Question): Promise<boolean> {
    const result = await authenticate(bytes, {
      ip,
      helo,
      sender,
      mta,
      resolver,
      disableArc: true,
      disableBimi: true,
    })
    return isPass(result.dkim.results) && (result.dmarc as { status?: { result: string } }).status?.result === 'pass'
  }

  async function short({ bytes, ip, helo, sender }: Question): Promise<boolean> {
    const dkim = await dkimVerify(bytes, { resolver, sender })
    const domain = sender.slice(sender.lastIndexOf('@') + 1)
    const policy = await once(`spf ${ip} ${domain} ${helo}`, () => spf({ ip, helo, sender, mta, resolver }))
    const spfDomains = policy.status.result === 'pass' ? [domain] : []
    const dkimDomains = dkim.results
      .filter((one) => one.status.result === 'pass')
      .map((one) => ({ id: one.id, domain: one.signingDomain, aligned: one.status.aligned }))
    const headerFrom = dkim.headerFrom
    const key = JSON.stringify([headerFrom, spfDomains, dkimDomains.map((one) => [one.domain, one.aligned])])
    const verdict = await once(`dmarc ${key}`, () =>
      dmarc({ headerFrom, spfDomains, dkimDomains, resolver } as Parameters<typeof dmarc>[0]),
    )
    return isPass(dkim.results) && (verdict as { status?: { result: string } }).status?.result === 'pass'
  }

  return cached ? short : whole
}
