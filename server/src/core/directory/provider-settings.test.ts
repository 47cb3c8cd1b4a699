/** Issuers that are refused: without TLS, of all tenants, of all of Google's accounts. */
import { expect, test } from 'vitest'
import { providerSettingsSchema } from './provider-settings.ts'

const TENANT = '11111111-2222-3333-4444-555555555555'
const problem = (more: object): string => {
  const result = providerSettingsSchema.safeParse({ name: 'ID', clientId: 'x', ...more })
  return result.success ? '' : result.error.issues[0]!.message
}

test.each([
  ['https://id.corp.test/realms/corp', ''],
  [`https://login.microsoftonline.com/${TENANT}/v2.0`, ''],
  ['https://login.microsoftonline.com/common/v2.0', 'must name your own tenant'],
  ['https://login.microsoftonline.com/organizations/v2.0', 'must name your own tenant'],
  ['https://login.microsoftonline.com/consumers/v2.0', 'must name your own tenant'],
  ['https://LOGIN.microsoftonline.com/{tenantid}/v2.0', 'must name your own tenant'],
  ['https://login.microsoftonline.us/common/v2.0', 'must name your own tenant'],
  ['https://sts.windows.net/common/', 'must name your own tenant'],
  ['https://accounts.google.com', 'needs hd'],
  ['http://id.corp.test', 'must begin with https'],
  ['http://127.0.0.1:9000', 'must begin with https'],
  ['file:///etc/passwd', 'must begin with https'],
  ['https://user:secret@id.corp.test', 'has no user'],
  ['https://id.corp.test/?x=1', 'has no user'],
  ['id.corp.test', 'is not an address'],
])('%s', (issuer, expected) => {
  expect(problem({ issuer })).toContain(expected)
  if (expected === '') expect(problem({ issuer })).toBe('')
})

test('Google with a domain; this machine where it is said; no name for everybody', () => {
  expect(problem({ issuer: 'https://accounts.google.com', require: { hd: 'corp.test' } })).toBe('')
  expect(problem({ issuer: 'http://127.0.0.1:9000', insecureLoopback: true })).toBe('')
  expect(problem({ issuer: 'http://id.corp.test', insecureLoopback: true })).toContain('https')
  expect(problem({ issuer: 'http://127.0.0.1.evil.test', insecureLoopback: true })).toContain('https')
  expect(problem({ issuer: 'https://id.corp.test', scopes: ['email'] })).toContain('openid')
  expect(problem({ issuer: 'https://id.corp.test', claim: 'sub' })).not.toBe('')
})
