import { expect, test } from 'vitest'
import { matchNetworks } from './networks.ts'

test('addresses, networks, loopback', () => {
  const isListed = matchNetworks(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', 'loopback'])
  for (const address of ['10.1.2.3', '192.0.2.1', '::ffff:192.0.2.1', '2001:db8::9', '127.0.0.2', '::1'])
    expect(isListed(address), address).toBe(true)
  for (const address of ['11.0.0.1', '192.0.2.2', '2001:db9::1', '', 'x'])
    expect(isListed(address), address).toBe(false)
  expect(matchNetworks([])('127.0.0.1')).toBe(false)
})
