/**
 * Handing in a report by HTTPS (RFC 8460 section 5.4). Any certificate will do, for a report about TLS must not be kept away by
 * what it reports (section 3); nothing is followed, and no address inside our own networks is asked.
 */
import { request } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { lookUpHost } from '../dns/mx.ts'
import type { Dns } from '../dns/resolver.ts'

const TIMEOUT_MS = 30_000

/** Throws with a sentence where it was not taken. */
export async function postReport(dns: Dns, url: string, gzip: Buffer, allowPrivate: boolean): Promise<void> {
  const { hostname } = new URL(url)
  const name = hostname.replace(/^\[|\]$/g, '')
  const isAllowed = (address: string): boolean => allowPrivate || ipaddr.process(address).range() === 'unicast'
  const address = (await lookUpHost(dns, name)).addresses.find(isAllowed)
  if (address === undefined) throw new Error(`${name} has no address that may be asked`)
  const lookup: LookupFunction = (_, { all }, done) => {
    const family = isIP(address)
    if (all) done(null, [{ address, family }])
    else done(null, address, family)
  }
  await new Promise<void>((resolve, reject) => {
    const asked = request(
      url,
      {
        method: 'POST',
        lookup,
        rejectUnauthorized: false,
        headers: { 'content-type': 'application/tlsrpt+gzip', 'content-length': gzip.length },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
      (answer) => {
        answer.destroy()
        const { statusCode = 0 } = answer
        if (statusCode >= 200 && statusCode < 300) resolve()
        else reject(new Error(`${url} answered ${statusCode}`))
      },
    )
    asked.on('error', (error) => reject(new Error(`${url}: ${error.message}`)))
    asked.end(gzip)
  })
}
