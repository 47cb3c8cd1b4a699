/**
 * Has one of the primary's own names an address? Asked of this machine's resolver, past its hosts file: what people's
 * machines ask. A resolver that does not even find the servers of a name that everybody knows is our own trouble.
 */
import { Resolver } from 'node:dns/promises'
import { reached, type ReachResult } from './result.ts'

const NOTHING = new Set(['ENODATA', 'ENOTFOUND'])
/** Asked only when something is wrong. */
const EVERYBODY_KNOWS = 'com'

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

/** `servers`: name servers as `address` or `address:port`; none: the system's. Never throws. */
export async function askName(
  host: string,
  { servers = [], timeoutMs }: { servers?: readonly string[]; timeoutMs: number },
): Promise<ReachResult> {
  const resolver = new Resolver({ timeout: Math.max(200, Math.floor(timeoutMs / 3)), tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  const asked = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  if (found.length > 0) return reached('good', `${host} is ${found.slice(0, 3).join(', ')}`)
  const codes = asked.flatMap((one) => (one.status === 'rejected' ? [codeOf(one.reason)] : []))
  const isAnswered = codes.every((code) => NOTHING.has(code))
  try {
    await resolver.resolveNs(EVERYBODY_KNOWS)
  } catch (error) {
    // An answer that there is none is one: a resolver for this house alone.
    if (!NOTHING.has(codeOf(error)))
      return reached('ours', `this machine's resolver finds nothing at all (${codeOf(error)})`)
  }
  return reached('bad', isAnswered ? `${host} has no address` : `nobody answers for ${host} (${codes.join(', ')})`)
}
