/** Two-step sign-in that was never set up: any password offers a secret, any code but "000000" confirms it. Two passkeys. */
let since = null
const origin = `http://127.0.0.1:${process.argv[2] ?? 8090}`
const passkeys = [
  {
    ...{ id: 'k1', name: 'Telephone', isBackedUp: true, isForeign: false },
    ...{ createdAt: '2026-03-02T09:30:00Z', lastUsedAt: '2026-03-04T07:12:00Z' },
  },
  {
    ...{ id: 'k2', name: 'Security key in the safe', isBackedUp: false, isForeign: true },
    ...{ createdAt: '2025-11-20T15:00:00Z', lastUsedAt: null },
  },
]
export const secondFactorApi = {
  'GET /me/second-factor': () => ({ since }),
  'POST /me/second-factor': () => ({
    secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
    uri: 'otpauth://totp/Harbour:alice%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Harbour',
  }),
  'POST /me/second-factor/confirm': ({ code }) =>
    code === '000000'
      ? [401, { error: { code: 'sign-in-failed', text: '' } }]
      : ((since = new Date().toISOString()), null),
  'POST /me/second-factor/end': () => ((since = null), null),
  'GET /session/passkey': () => ({ origin }),
  'GET /me/passkeys': () => ({ items: passkeys, most: 20, origin }),
  'POST /me/passkeys/begin': () => [409, { error: { code: 'too-many-passkeys', text: '' } }],
  'POST /session/passkey/begin': () => [401, { error: { code: 'passkey-refused', text: '' } }],
}
