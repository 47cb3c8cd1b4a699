/** The sentence for a code (reason, error, state …) of an open or later list: the code itself where we have none. */
import type { TFunction } from 'i18next'
import { i18n } from './i18n.ts'
import { ApiError } from '../data/api.ts'
import { JmapError } from '../data/jmap/client.ts'

type Group =
  | 'reason'
  | 'error'
  | 'delivery'
  | 'evidence'
  | 'mode'
  | 'sendError'
  | 'folder'
  | 'trace'
  | 'sensitivity'
  | 'act'
  | 'auditDetail'
  | 'thing'
  | 'bookPhone'

export function sentence(t: TFunction, group: Group, code: string | null | undefined): string {
  if (!code) return ''
  const key = `${group}.${code}`
  return i18n.exists(key) ? (t as (key: string) => string)(key) : code
}

export function errorText(t: TFunction, thrown: unknown): string {
  if (thrown instanceof ApiError) {
    const text = i18n.exists(`error.${thrown.code}`) ? sentence(t, 'error', thrown.code) : thrown.message
    return thrown.detail ? `${text} (${thrown.detail})` : text
  }
  if (thrown instanceof JmapError) {
    if (i18n.exists(`sendError.${thrown.type}`)) return sentence(t, 'sendError', thrown.type)
    if (thrown.type === 'forbidden') return t('error.forbidden')
    if (thrown.type === 'notFound') return t('error.not-found')
    return thrown.message
  }
  return t('error.internal')
}
