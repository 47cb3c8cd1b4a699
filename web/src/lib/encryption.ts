/** How a message travelled, from an attempt's `tls`: protocol and cipher, nothing, or `clear: ` and why TLS failed. */
import type { TFunction } from 'i18next'

const CLEAR = 'clear: '

export function encryptionText(t: TFunction, tls: string | null): string {
  if (!tls) return t('trace.notEncrypted')
  return tls.startsWith(CLEAR) ? t('trace.inClear', { reason: tls.slice(CLEAR.length) }) : t('trace.encrypted', { tls })
}
