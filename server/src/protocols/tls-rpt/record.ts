/**
 * Where a domain wants reports about TLS (RFC 8460 section 3): the TXT records of `_smtp._tls.<domain>` → addresses. Pure; a
 * broken record counts as none.
 */
export type ReportTarget = { kind: 'mail'; address: string } | { kind: 'https'; url: string }

/** More are not written to. */
const MOST_TARGETS = 5
const MOST_URI = 1_000
const ADDRESS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/

/** Empty: it wants none. Each record's strings are joined; more than one record is as good as none. */
export function parseReportRecord(records: readonly (readonly string[])[]): ReportTarget[] {
  const ours = records.map((strings) => strings.join('')).filter((text) => /^v=TLSRPTv1\s*(;|$)/.test(text))
  if (ours.length !== 1) return []
  const rua = /;\s*rua\s*=\s*([^;]*)/.exec(ours[0]!)?.[1] ?? ''
  const targets = rua.split(',').map((uri) => targetOf(uri.trim()))
  return targets.filter((one) => one !== null).slice(0, MOST_TARGETS)
}

function targetOf(uri: string): ReportTarget | null {
  if (uri.length > MOST_URI || /[^!-~]/.test(uri)) return null
  if (/^mailto:/i.test(uri)) {
    const address = decoded(uri.slice('mailto:'.length).split('?')[0]!)
    return address !== null && ADDRESS.test(address) ? { kind: 'mail', address } : null
  }
  if (!/^https:\/\//i.test(uri) || !URL.canParse(uri)) return null
  const { href, username, password } = new URL(uri)
  return username === '' && password === '' ? { kind: 'https', url: href } : null
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
