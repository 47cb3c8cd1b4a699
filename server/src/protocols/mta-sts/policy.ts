/**
 * MTA-STS (RFC 8461): the record that says there is a policy, the policy itself, and whether a mail server is one of those
 * it names. Pure; what is not right is null, because a broken policy counts as none (section 3.2, 3.3).
 */
export interface Policy {
  mode: 'enforce' | 'testing' | 'none'
  /** host names and patterns such as *.example.net, in lower case */
  mx: readonly string[]
  /** seconds it may be kept */
  maxAge: number
}

/** Octets of a policy (RFC 8461 section 3.3 suggests the limit). */
export const MOST_POLICY = 65_536
const MOST_MX = 500
/** RFC 8461 section 3.2: about a year. */
const LONGEST_AGE = 31_557_600

const NAME = /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

/** The id in the TXT records of `_mta-sts.<domain>`; null: there is no policy (section 3.1). Each record's strings are joined. */
export function parseRecord(records: readonly (readonly string[])[]): string | null {
  const ours = records.map((strings) => strings.join('')).filter((text) => /^v=STSv1\s*(;|$)/.test(text))
  // More than one is as good as none.
  if (ours.length !== 1) return null
  const id = /;\s*id\s*=\s*([A-Za-z0-9]{1,32})\s*(;|$)/.exec(ours[0]!)
  return id ? id[1]! : null
}

/** Of a field that stands twice the first counts, but each mx (section 3.2). Fields we do not know are passed over. */
export function parsePolicy(text: string): Policy | null {
  if (text.length > MOST_POLICY) return null
  const fields = new Map<string, string>()
  const mx: string[] = []
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue
    const colon = line.indexOf(':')
    if (colon < 0) return null
    const name = line.slice(0, colon).trim()
    const value = line.slice(colon + 1).trim()
    if (name === 'mx') mx.push(value.toLowerCase())
    else if (!fields.has(name)) fields.set(name, value)
  }
  const mode = fields.get('mode')
  const age = fields.get('max_age') ?? ''
  if (fields.get('version') !== 'STSv1' || !/^\d{1,10}$/.test(age)) return null
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none') return null
  if (mx.length > MOST_MX || !mx.every((one) => NAME.test(one)) || (mx.length === 0 && mode !== 'none')) return null
  return { mode, mx, maxAge: Math.min(Number(age), LONGEST_AGE) }
}

/** As it is served (section 3.2). */
export function formatPolicy({ mode, mx, maxAge }: Policy): string {
  const lines = ['version: STSv1', `mode: ${mode}`, ...mx.map((one) => `mx: ${one}`), `max_age: ${maxAge}`]
  return `${lines.join('\r\n')}\r\n`
}

/** A name of a policy's mail server, or a pattern of names. */
export const isMxName = (name: string): boolean => name.length <= 255 && NAME.test(name)

/** Section 4.1: a pattern's star is exactly one label, the leftmost. */
export function namesHost(policy: Pick<Policy, 'mx'>, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  const dot = name.indexOf('.')
  return policy.mx.some((one) =>
    one.startsWith('*.') ? dot > 0 && name.slice(dot + 1) === one.slice(2) : name === one,
  )
}
