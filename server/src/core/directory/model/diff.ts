/** Comparing what is with what is to be: rows matched by a name, each created, changed or left. */
import { canonicalJson } from '../../audit/index.ts'

export type Act = 'create' | 'change' | 'leave' | 'remove' | 'keep'

export interface PlanItem {
  act: Act
  thing:
    'organisation' | 'route' | 'domain' | 'group' | 'person' | 'redirect' | 'list' | 'quiet time' | 'directory source'
  name: string
  /** what changes, or why it is kept */
  detail: string
}

const SECRETS: Record<string, string> = {
  secret: 'password',
  clientTls: 'client certificate',
  reachSecrets: 'passwords of probes',
  privateAddress: 'private address',
  ldapSecret: 'password of signIn.ldap',
  providerSecret: 'client secret of signIn.provider',
  outboundVerifiers: 'passwords of outboundSources',
}

/** `field: old -> new` for every field that differs; secrets are only named. */
export function changedFields<T extends object>(
  before: T,
  after: T,
  { ignored = [], secret = SECRETS.secret! }: { ignored?: readonly string[]; secret?: string } = {},
): string[] {
  const changes: string[] = []
  for (const key of Object.keys(after) as (keyof T & string)[]) {
    if (ignored.includes(key)) continue
    const [old, now] = [canonicalJson(before[key]), canonicalJson(after[key])]
    if (old === now) continue
    changes.push(
      (key === 'secret' ? secret : SECRETS[key]) ?? (old.length + now.length > 120 ? key : `${key}: ${old} -> ${now}`),
    )
  }
  return changes
}

export interface Compared<T> {
  items: PlanItem[]
  /** rows to write: created and changed */
  write: T[]
}

export function compare<T extends { id: string }>(
  thing: PlanItem['thing'],
  before: readonly T[],
  after: readonly T[],
  options: { nameOf: (row: T) => string; ignored?: readonly string[]; secret?: string },
): Compared<T> {
  const byId = new Map(before.map((row) => [row.id, row]))
  const items: PlanItem[] = []
  const write: T[] = []
  for (const row of after) {
    const old = byId.get(row.id)
    const changes = old ? changedFields(old, row, options) : []
    const act: Act = old ? (changes.length > 0 ? 'change' : 'leave') : 'create'
    items.push({ act, thing, name: options.nameOf(row), detail: changes.join(', ') })
    if (act !== 'leave') write.push(row)
  }
  return { items, write }
}
