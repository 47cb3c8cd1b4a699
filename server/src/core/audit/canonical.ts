/**
 * The bytes an audit row's hash is taken over, so that anybody can verify a chain with a dozen lines of code:
 *
 *   hash = SHA-256( previous hash (32 bytes; zeros before the first row)
 *                 | seq  as 8 bytes big-endian
 *                 | time as 8 bytes big-endian, milliseconds since 1970-01-01 UTC
 *                 | UTF-8 of the canonical JSON of { action, actor, detail, organisationId, subject } )
 *
 * Canonical JSON: keys sorted by UTF-16 code units at every depth, no white space, numbers and strings as ECMAScript's
 * JSON.stringify writes them. Text that PostgreSQL cannot store (NUL, lone
 * surrogates) becomes U+FFFD before it is hashed, so what is hashed is what is read back.
 */
export interface AuditContent {
  organisationId: string
  actor: string
  action: string
  subject: string
  detail: unknown
}

/** Deeper than this is a mistake of the caller, not a detail. */
const MAX_DEPTH = 20

export function storableText(text: string): string {
  // Encoding to UTF-8 and back turns every lone surrogate into U+FFFD.
  return Buffer.from(text.replaceAll('\0', '\uFFFD'), 'utf8').toString('utf8')
}

export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new RangeError('audit detail is nested too deeply')
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string') return JSON.stringify(storableText(value))
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'bigint') return JSON.stringify(value.toString())
  if (value instanceof Date) return JSON.stringify(value.toISOString())
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`
  if (typeof value !== 'object') throw new TypeError(`audit detail cannot hold a ${typeof value}`)
  const fields = new Map<string, unknown>()
  for (const [key, field] of Object.entries(value)) if (field !== undefined) fields.set(storableText(key), field)
  const keys = [...fields.keys()].sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(fields.get(key), depth + 1)}`).join(',')}}`
}

export function canonicalContent(content: AuditContent): string {
  return canonicalJson({
    action: content.action,
    actor: content.actor,
    detail: content.detail,
    organisationId: content.organisationId,
    subject: content.subject,
  })
}
