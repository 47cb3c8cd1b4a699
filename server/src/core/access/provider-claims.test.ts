/** Which claims are believed: an e-mail address that anybody could have written leads to nobody (nOAuth). */
import { expect, test } from 'vitest'
import { claimsProblem, nameIn, type Claims } from './provider-claims.ts'

const TENANT = '11111111-2222-3333-4444-555555555555'
const entra = {
  ...{ issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`, require: {} },
  claim: 'email' as 'email' | 'upn' | 'preferred_username',
}
const other = { ...entra, issuer: 'https://id.corp.test/realms/corp' }
const claims = (more: object): Claims => ({ sub: 's', tid: TENANT, ...more })

test('Entra ID: the tenant is the declared one, and guests stay outside', () => {
  expect(claimsProblem(entra, claims({}))).toBeNull()
  expect(claimsProblem(entra, claims({ tid: TENANT.toUpperCase() }))).toBeNull()
  expect(claimsProblem(entra, claims({ tid: '99999999-2222-3333-4444-555555555555' }))).toBe('it is of another tenant')
  expect(claimsProblem(entra, claims({ tid: undefined }))).toBe('it is of another tenant')
  expect(claimsProblem(entra, claims({ idp: 'https://sts.windows.net/other/' }))).toBe('it is a guest')
  expect(claimsProblem(entra, claims({ idp: entra.issuer }))).toBeNull()
  expect(claimsProblem(other, claims({ tid: undefined, idp: 'broker' }))).toBeNull()
})

test.each<[string, object, object, string | null]>([
  ['Entra ID: an address that is not said to be verified', entra, { email: 'a@corp.test' }, null],
  ['Entra ID: of a domain whose owner was verified', entra, { email: 'A@Corp.test', xms_edov: true }, 'a@corp.test'],
  ['Entra ID: as a text', entra, { email: 'a@corp.test', xms_edov: '1' }, 'a@corp.test'],
  ['Entra ID: said not to be', entra, { email: 'a@corp.test', xms_edov: false }, null],
  ['Entra ID: upn', { ...entra, claim: 'upn' }, { upn: 'a@corp.test', email: 'boss@corp.test' }, 'a@corp.test'],
  ['another: that claim of Entra ID means nothing there', other, { email: 'a@corp.test', xms_edov: true }, null],
  ['another: verified', other, { email: 'a@corp.test', email_verified: true }, 'a@corp.test'],
  ['another: said not to be', other, { email: 'a@corp.test', email_verified: false }, null],
  ['no text', other, { email: ['a@corp.test'], email_verified: true }, null],
  ['no address', other, { email: 'boss', email_verified: true }, null],
  ['not the claim that is declared', other, { upn: 'a@corp.test', preferred_username: 'a@corp.test' }, null],
])('%s', (_, rules, said, name) => {
  expect(nameIn(rules as typeof entra, claims(said))).toBe(name)
})

test('an id that is none', () => {
  for (const sub of ['', 'x'.repeat(501), 'a\0b']) expect(claimsProblem(other, { sub })).not.toBeNull()
})
