import type { SecureContextOptions } from 'node:tls'
import { expect, test } from 'vitest'
import { selfSigned } from '../certificate.ts'
import { silentLog } from '../log.ts'
import { cachedSecureContext } from './secure-context.ts'

test('one context per certificate, however often it is asked for', () => {
  const one = selfSigned(['one.example'], Date.now())
  const two = selfSigned(['two.example'], Date.now())
  let now: SecureContextOptions | null = one
  const context = cachedSecureContext(() => now && { ...now }, silentLog)
  const first = context()
  expect(first).not.toBeNull()
  expect(context()).toBe(first)
  now = two
  const second = context()
  expect(second).not.toBeNull()
  expect(second).not.toBe(first)
  expect(context()).toBe(second)
  now = null
  expect(context()).toBeNull()
})

test('a certificate that cannot be used is said once, a good one afterwards is taken up', () => {
  const said: string[] = []
  const log = { ...silentLog, error: (_: object, text: string) => said.push(text) }
  let now: SecureContextOptions = { cert: 'nonsense', key: 'nonsense' }
  const context = cachedSecureContext(() => ({ ...now }), log)
  expect([context(), context()]).toEqual([null, null])
  expect(said).toHaveLength(1)
  now = selfSigned(['x'], Date.now())
  expect(context()).not.toBeNull()
})
