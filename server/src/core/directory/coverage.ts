/**
 * Who is covered, and why: for each of the three scopes of an address the level that decided it, the nearest that says anything
 * (person, group, domain, organisation). The same decision as the one mail is accepted by (lookup.ts), with its reason.
 */
import type { Sql } from '../../platform/db/database.ts'
import { scopeLevels, type LevelScopes, type ScopeLevels } from '../../store/coverage.ts'
import type { Recipient } from './recipient.ts'

export const scopeWords = ['filtering', 'rollingCopy', 'emergency'] as const
export type ScopeWord = (typeof scopeWords)[number]

export interface Cover {
  scope: ScopeWord
  isOn: boolean
  /** nobody: mail for it belongs to no person here, so there is no mailbox either */
  by: keyof ScopeLevels | 'nobody'
  /** of the person, group, domain or organisation */
  name: string
}

function decide(levels: ScopeLevels, scope: ScopeWord): Cover {
  for (const by of ['person', 'group', 'domain', 'organisation'] as const) {
    const level: LevelScopes | null = levels[by]
    const says = level?.[scope] ?? null
    if (level !== null && says !== null) return { scope, isOn: says, by, name: level.name }
  }
  return { scope, isOn: false, by: 'organisation', name: levels.organisation.name }
}

/** Of somebody the directory has resolved; empty for who is outside. */
export async function coverageOf(
  sql: Sql,
  recipient: Pick<Recipient, 'organisationId' | 'domainId' | 'personId' | 'standing'>,
): Promise<Cover[]> {
  const levels = recipient.standing === 'outside' ? null : await scopeLevels(sql, recipient)
  if (levels === null) return []
  return scopeWords.map((scope) =>
    scope === 'emergency' && recipient.personId === null
      ? { scope, isOn: false, by: 'nobody' as const, name: '' }
      : decide(levels, scope),
  )
}
