/** How far a return is, in words and as a length: every message once, whether it is home, deleted here, refused or to go. */
import type { TFunction } from 'i18next'
import { number } from '../../lib/format.ts'

interface Numbers {
  total: number
  home: number
  pending: number
  unsure: number
  refused: number
  cancelled: number
}

export function returnText(t: TFunction, of: Numbers, locale: string): { label: string; done: number } {
  const toGo = of.pending + of.unsure
  const parts = [
    t('returns.home', { count: number(of.home, locale) }),
    of.cancelled > 0 && t('returns.deleted', { count: number(of.cancelled, locale) }),
    of.refused > 0 && t('returns.refused', { count: number(of.refused, locale) }),
    toGo > 0 && t('returns.toGo', { count: number(toGo, locale) }),
  ]
  const label = t('returns.progress', { parts: parts.filter(Boolean).join(', '), total: number(of.total, locale) })
  return { label, done: of.total - toGo }
}
