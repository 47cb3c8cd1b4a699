/** Two-step sign-in that was never set up: any password offers a secret, any code but "000000" confirms it. */
let since = null
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
}
