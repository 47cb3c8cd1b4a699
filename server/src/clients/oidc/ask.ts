/**
 * One request to an identity provider: over TLS (or in the clear to this machine where its settings say so), within a time and a
 * size, no redirect followed, and nowhere on this machine or the link: who answers stands in what an organisation's administrator
 * wrote and in a document of somebody else's. Anything that is no answer of a working provider is AwayError.
 */
import { lookup as lookUpName } from 'node:dns'
import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The provider did not answer, or not as one that works. */
export class AwayError extends Error {}

export interface AskRules {
  /** PEM; undefined: those the system trusts */
  ca?: string | undefined
  /** this machine may be asked, in the clear too */
  insecureLoopback: boolean
  /** for a whole step of the sign-in */
  signal: AbortSignal
  /** told the time the provider believes it is (header Date) */
  onDate?: (date: string) => void
}

export interface Asked {
  method: string
  headers: Record<string, string>
  body?: string | undefined
}

const MOST_BYTES = 512 * 1024
/** Of this machine, and of the link: services for the machine itself (169.254.169.254) answer there. */
const CLOSED = new Set(['loopback', 'linkLocal', 'unspecified', 'broadcast', 'multicast'])

const mayAsk = (address: string, rules: AskRules): boolean => {
  const range = ipaddr.process(address).range()
  return !CLOSED.has(range) || (range === 'loopback' && rules.insecureLoopback)
}

/** Throws AwayError for an address nobody may be sent to. */
export function checkPlace(url: URL, rules: Pick<AskRules, 'insecureLoopback'>): void {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isHere = host === 'localhost' || (isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere && rules.insecureLoopback))
    throw new AwayError(`${url.origin} is not https`)
  if (isIP(host) !== 0 && !mayAsk(host, { ...rules, signal: AbortSignal.abort() }))
    throw new AwayError(`${host} is an address that is not asked`)
}

const lookupWith =
  (rules: AskRules): LookupFunction =>
  (name, options, done) => {
    lookUpName(name, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '')
      const open = addresses.filter(({ address }) => mayAsk(address, rules))
      if (open.length === 0) return done(new Error(`${name} has no address that may be asked`), '')
      if (options.all) done(null, open)
      else done(null, open[0]!.address, open[0]!.family)
    })
  }

/** Throws AwayError with a sentence. */
export function ask(url: URL, { method, headers, body }: Asked, rules: AskRules): Promise<Response> {
  checkPlace(url, rules)
  const options: RequestOptions & { ca?: string } = {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }) },
    lookup: lookupWith(rules),
    agent: false,
    signal: rules.signal,
    maxHeaderSize: 32_768,
    ...(rules.ca === undefined ? {} : { ca: rules.ca }),
  }
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      asked.destroy()
      reject(new AwayError(`${url.origin}: ${why}`))
    }
    const broken = (error: Error): void => {
      const why = rules.signal.aborted ? (rules.signal.reason as Error) : error
      fail(why.message || ((why as NodeJS.ErrnoException).code ?? 'no connection'))
    }
    const take = (answer: IncomingMessage): void => {
      const status = answer.statusCode ?? 0
      if (answer.headers.date !== undefined) rules.onDate?.(answer.headers.date)
      if (status >= 500 || status === 429 || status === 408 || status < 200) return fail(`answered ${status}`)
      // A redirect would lead where nobody of the organisation said.
      if (status >= 300 && status < 400) return fail(`answered ${status}, a redirect`)
      const parts: Buffer[] = []
      let size = 0
      answer.on('data', (part: Buffer) => {
        size += part.length
        if (size > MOST_BYTES) return fail('its answer is too long')
        parts.push(part)
      })
      answer.on('error', broken)
      answer.on('aborted', () => fail('it closed the connection in the middle'))
      answer.on('end', () => {
        const type = answer.headers['content-type'] ?? ''
        const isEmpty = status === 204 || status === 205
        const challenge = answer.headers['www-authenticate']
        resolve(
          new Response(isEmpty ? null : Buffer.concat(parts), {
            status,
            headers: { 'content-type': type, ...(challenge && { 'www-authenticate': challenge }) },
          }),
        )
      })
    }
    const asked = url.protocol === 'https:' ? requestSecure(url, options, take) : requestPlain(url, options, take)
    asked.on('error', broken)
    asked.end(body)
  })
}
