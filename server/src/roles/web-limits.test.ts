import { expect, test } from 'vitest'
import { configSchema } from '../platform/config/config.ts'
import { webLimits } from './web-limits.ts'

const limits = (openFiles: number, config: object = {}) => webLimits(configSchema.parse(config), openFiles)

test('the mail listener has its files before the pages', () => {
  expect(limits(Infinity)).toEqual({ connections: 2000, perAddress: 200 })
  expect(limits(1024)).toEqual({ connections: 224, perAddress: 200 })
  expect(limits(1024, { roles: ['web'] }).connections).toBe(724)
  expect(limits(256).connections).toBe(50)
})

test('behind a proxy that is not named all visitors have one address: it is not limited by address', () => {
  const config = { publicUrl: 'https://mail.corp.test' }
  expect(limits(Infinity, config).perAddress).toBe(2000)
  expect(limits(Infinity, { ...config, trustedProxies: ['loopback'] }).perAddress).toBe(200)
  expect(limits(Infinity, { ...config, listen: { https: { enabled: true } } }).perAddress).toBe(200)
})
