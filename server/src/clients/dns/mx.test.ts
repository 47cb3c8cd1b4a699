/** Where mail goes, by a DNS server of the test's own. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDnsServer, type DnsServer } from '../../../testkit/dns-server.ts'
import { systemClock } from '../../platform/clock.ts'
import { createMxLookup } from './mx.ts'
import { createDns } from './resolver.ts'

let dns: DnsServer
beforeAll(async () => {
  dns = await startDnsServer({
    'two.test': {
      mx: [
        [20, 'b.two.test'],
        [10, 'a.two.test'],
      ],
    },
    'a.two.test': { a: ['127.0.0.1'] },
    'b.two.test': { a: ['127.0.0.2'], aaaa: ['::1'] },
    'null.test': { mx: [[0, '']] },
    'implicit.test': { a: ['127.0.0.3'] },
    'empty.test': { txt: ['x'] },
    'dangling.test': { mx: [[10, 'nowhere.test']] },
    'half.test': {
      mx: [
        [10, 'silent.test'],
        [20, 'a.two.test'],
      ],
    },
    'quiet.test': { mx: [[10, 'silent.test']] },
  })
  dns.silence.add('silent.test')
})
afterAll(() => dns.close())

const lookup = (allowPrivate = false) =>
  createMxLookup(createDns({ clock: systemClock, servers: [dns.address], timeoutMs: 100 }), allowPrivate)
const look = (domain: string) => lookup(true)(domain)

test('hosts by priority with their addresses', async () => {
  expect(await look('two.test')).toEqual({
    kind: 'hosts',
    hosts: [
      { host: 'a.two.test', address: '127.0.0.1', priority: 10 },
      { host: 'b.two.test', address: '127.0.0.2', priority: 20 },
      { host: 'b.two.test', address: '::1', priority: 20 },
    ],
  })
})
test.each([
  ['null.test', { kind: 'none', enhanced: '5.1.10' }],
  ['implicit.test', { kind: 'hosts', hosts: [{ host: 'implicit.test', address: '127.0.0.3', priority: 0 }] }],
  ['empty.test', { kind: 'none', enhanced: '5.1.2' }],
  ['missing.test', { kind: 'none', enhanced: '5.1.2' }],
  ['dangling.test', { kind: 'none', enhanced: '5.1.2' }],
  ['no name', { kind: 'none', enhanced: '5.1.2' }],
  ['[127.0.0.9]', { kind: 'hosts', hosts: [{ host: '127.0.0.9', address: '127.0.0.9', priority: 0 }] }],
  ['[IPv6:::1]', { kind: 'hosts', hosts: [{ host: '::1', address: '::1', priority: 0 }] }],
])('%s', async (domain, answer) => {
  expect(await look(domain)).toMatchObject(answer)
})
test('a resolver that does not answer is a reason to wait, never a refusal', async () => {
  expect(await look('quiet.test')).toMatchObject({ kind: 'later' })
  expect(await look('half.test')).toMatchObject({ kind: 'hosts', hosts: [{ host: 'a.two.test' }] })
}, 60_000)

test('strangers cannot point us at our own machine or network', async () => {
  dns.zones.set('inside.test', { mx: [[10, 'in.inside.test']] })
  for (const address of ['127.0.0.1', '10.1.2.3', '192.168.1.1', '169.254.169.254', '172.16.0.1', '0.0.0.0']) {
    dns.zones.set('in.inside.test', { a: [address] })
    expect(await lookup()('inside.test')).toMatchObject({ kind: 'none' })
  }
  for (const literal of ['[127.0.0.1]', '[IPv6:::1]', '[IPv6:::ffff:127.0.0.1]', '[IPv6:fd00::1]'])
    expect(await lookup()(literal)).toMatchObject({ kind: 'none' })
  dns.zones.set('in.inside.test', { a: ['10.1.2.3', '203.0.114.7'] })
  expect(await lookup()('inside.test')).toMatchObject({ hosts: [{ address: '203.0.114.7' }] })
})
