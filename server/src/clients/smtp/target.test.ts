import { expect, test } from 'vitest'
import type { SmtpTarget } from './result.ts'
import { mustEncrypt, targetKey } from './target.ts'

const target: SmtpTarget = { host: 'mail.corp.test', port: 25, protocol: 'smtp', tls: 'opportunistic' }
const login = { ...target, username: 'relay', password: 'secret' }

test('a key is the same for the same target, another for every change that a kept connection must not outlive', () => {
  expect(targetKey({ ...target, host: 'MAIL.corp.test' })).toBe(targetKey(target))
  const different: SmtpTarget[] = [
    target,
    { ...target, host: 'mail2.corp.test' },
    { ...target, address: '192.0.2.1' },
    { ...target, port: 26 },
    { ...target, protocol: 'lmtp' },
    { ...target, tls: 'required' },
    { ...target, tls: 'none' },
    { ...target, tls: 'pinned', trust: { pins: ['a'] } },
    { ...target, tls: 'pinned', trust: { pins: ['a', 'b'] } },
    { ...target, tls: 'dane', trust: { tlsa: [] } },
    { ...target, tls: 'dane', trust: { tlsa: [{ usage: 3, selector: 1, matching: 1, data: Buffer.alloc(32) }] } },
    { ...target, tls: 'dane', trust: { tlsa: [{ usage: 3, selector: 1, matching: 1, data: Buffer.alloc(32, 1) }] } },
    { ...target, tls: 'dane', trust: { tlsa: [], names: ['corp.test'] } },
    { ...target, trust: { ca: 'a' } },
    { ...target, trust: { name: 'a' } },
    { ...target, trust: { client: 'a' } },
    login,
    { ...login, username: 'other' },
    { ...login, password: 'changed' },
    { ...target, username: 'relay' },
    { ...target, clientAddress: 'proxy' },
    { ...target, clientAddress: 'xclient' },
  ]
  expect(new Set(different.map(targetKey)).size).toBe(different.length)
  expect(targetKey(login)).not.toContain('secret')
})

test.each([
  ['none', false, false],
  ['opportunistic', false, true],
  ['required', true, true],
  ['pinned', true, true],
] as const)('tls %s: must it be encrypted without a username %s, with one %s', (tls, without, withOne) => {
  expect(mustEncrypt({ tls })).toBe(without)
  expect(mustEncrypt({ tls, username: 'relay' })).toBe(withOne)
})
