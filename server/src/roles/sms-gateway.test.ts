/** The file with the gateway's headers: nobody else may read it, and no line of it is repeated in an error. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { configSchema } from '../platform/config/config.ts'
import { smsGatewayOf } from './sms-gateway.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hf-sms-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const settings = (sms: object) => configSchema.parse({ sms }).sms
const withFile = (text: string, mode = 0o600) => {
  const headersFile = join(folder, 'headers')
  writeFileSync(headersFile, text)
  chmodSync(headersFile, mode)
  return () => smsGatewayOf(settings({ url: 'https://sms.example/send', headersFile }))
}

test('without a url there is none', () => {
  expect(smsGatewayOf(settings({}))).toBeNull()
})

test('headers are read; open files, files that are not there and lines that are none are errors', () => {
  expect(withFile('Authorization: Bearer secret-word\n\nX-Sender: Corp\n')()).not.toBeNull()
  expect(withFile('Authorization: Bearer x', 0o644)).toThrow(/chmod 600/)
  expect(withFile('Authorization Bearer secret-word')).toThrow(/line 1 .* is no header/)
  expect(withFile('X: 1\nsecret-word: a\u0007b')).toThrow(/line 2/)
  expect(withFile('Authorization Bearer secret-word')).not.toThrow(/secret-word/)
  expect(() => smsGatewayOf(settings({ url: 'https://sms.example/', headersFile: join(folder, 'none') }))).toThrow(
    /sms\.headersFile: .* does not exist/,
  )
})

test('codes go over no network in clear, and into both places', () => {
  for (const url of ['http://sms.example/send', 'ftp://sms.example', 'sms.example', 'http://127.0.0.1.example/'])
    expect([url, configSchema.safeParse({ sms: { url } }).success]).toEqual([url, false])
  for (const url of ['https://sms.example/send', 'http://127.0.0.1:8080/', 'http://[::1]:1/'])
    expect([url, configSchema.safeParse({ sms: { url } }).success]).toEqual([url, true])
  expect(configSchema.safeParse({ sms: { body: '{"text":{text}}' } }).success).toBe(false)
})
