import { createInstance } from 'i18next'
import { expect, test } from 'vitest'
import { encryptionText } from './encryption.ts'
import en from './locales/en.json'

test('mail that went in clear because TLS failed is never called encrypted', async () => {
  const i18n = createInstance()
  await i18n.init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } })
  expect(encryptionText(i18n.t, 'TLSv1.3 TLS_AES_256_GCM_SHA384')).toBe('encrypted: TLSv1.3 TLS_AES_256_GCM_SHA384')
  expect(encryptionText(i18n.t, null)).toBe('not encrypted')
  expect(encryptionText(i18n.t, 'clear: 454 TLS not available')).toBe(
    'not encrypted, because TLS did not work: 454 TLS not available',
  )
})
