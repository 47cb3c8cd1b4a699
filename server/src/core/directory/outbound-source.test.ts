/** Which networks may be named, and who is in them. */
import { expect, test } from 'vitest'
import { isFrom, outboundSourceSchema, parseFingerprint, parseNetwork } from './outbound-source.ts'

const networks = (...texts: string[]) => texts.map((text) => parseNetwork(text)!)

test.each([
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.2.8', false],
  ['192.0.2.0/28', '192.0.2.15', true],
  ['192.0.2.0/28', '192.0.2.16', false],
  ['2001:db8::/64', '2001:db8::1', true],
  ['2001:db8::/64', '2001:db8:0:1::1', false],
  ['192.0.2.7', '::ffff:192.0.2.7', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['192.0.2.7', 'not an address', false],
])('%s has %s: %s', (network, address, is) => {
  expect(isFrom(networks(network), address)).toBe(is)
})

const problems = (value: unknown): string[] => {
  const parsed = outboundSourceSchema.safeParse(value)
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
}

test('what is taken, and what is refused with its place', () => {
  const tenantHeader = { name: 'X-MS-Exchange-CrossTenant-Id', value: '11111111-2222-3333-4444-555555555555' }
  expect(problems({ networks: ['192.0.2.7', '2001:db8::/64', '198.51.100.0/24'] })).toEqual([])
  expect(problems({ networks: ['40.92.0.0/15'], tenantHeader })).toEqual([])
  expect(problems({ networks: ['192.0.2.7', '40.92.0.0/15'] })).toEqual([
    expect.stringMatching(/^networks\.1 is as large as a provider's network/) as string,
  ])
  expect(problems({ networks: ['2001:db8::/32'] })).toHaveLength(1)
  for (const bad of ['mail.corp.test', '192.0.2.0/40', '', '1.2.3'])
    expect(problems({ networks: [bad] })).toHaveLength(1)
  expect(problems({ networks: [] })).toHaveLength(1)
  for (const bad of [
    { name: 'X Tenant', value: 'long enough' },
    { name: 'X-Tenant', value: 'short' },
    { name: 'X:', value: '12345678' },
  ])
    expect(problems({ networks: ['192.0.2.7'], tenantHeader: bad }).length).toBeGreaterThan(0)
})

test('one way to be known, and no other', () => {
  const hex = 'ab'.repeat(32)
  const tenantHeader = { name: 'X-Tenant', value: 'long-enough' }
  expect(problems({ username: 'Exchange@corp' })).toEqual([])
  expect(problems({ clientCertificates: [hex] })).toEqual([])
  expect(problems({ clientCertificates: [hex], tenantHeader })).toEqual([])
  for (const bad of [
    {},
    { networks: ['192.0.2.7'], username: 'x' },
    { username: 'x', clientCertificates: [hex] },
    { username: 'x', tenantHeader },
    { username: 'a b' },
    { username: '' },
    { username: 'x', password: 'is kept apart' },
    { clientCertificates: [] },
    { clientCertificates: [hex.slice(2)] },
  ])
    expect(problems(bad).length, JSON.stringify(bad)).toBeGreaterThan(0)
  expect(outboundSourceSchema.parse({ username: 'Exchange' })).toEqual({ username: 'exchange' })
})

test('fingerprints as tools print them are one', () => {
  const bytes = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7))
  const hex = bytes.toString('hex')
  const colons = hex.toUpperCase().replace(/..(?=.)/g, '$&:')
  for (const text of [hex, colons, bytes.toString('base64')]) {
    expect(parseFingerprint(text)).toBe(hex)
    expect(outboundSourceSchema.parse({ clientCertificates: [text] }).clientCertificates).toEqual([hex])
  }
  for (const bad of ['', 'sha1', hex + '00', bytes.subarray(1).toString('base64'), 'g'.repeat(64)])
    expect(parseFingerprint(bad), bad).toBeNull()
})
