/** Why a passkey did not do it, as the person is told. */
import type { TFunction } from 'i18next'
import { toApiError } from '../data/api.ts'
import { errorText } from './sentence.ts'
import { PasskeyError } from './webauthn.ts'

export function passkeyText(t: TFunction, failed: unknown): string {
  if (failed instanceof PasskeyError) return t('passkey.cancelled')
  const { code } = toApiError(failed)
  if (code === 'passkey-refused') return t('passkey.failed')
  if (code === 'not-found') return t('passkey.unavailable')
  if (code === 'password-change-needed') return t('passkey.mustChange')
  if (code === 'rate-limited') return t('signIn.slow')
  return code === 'offline' ? t('signIn.away') : errorText(t, failed)
}
