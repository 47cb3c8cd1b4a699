import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dataFolderPath } from './environment.ts'
import { ConfigError, loadConfig } from './load.ts'
import { configKeys } from './shape.ts'

const folder = mkdtempSync(join(tmpdir(), 'hf-config-'))
function fileWith(text: string): string {
  const file = join(folder, `c${Math.random()}.yaml`)
  writeFileSync(file, text)
  return file
}
function problems(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n')
    throw error
  }
  return 'no problem'
}

test('flags come before the environment, and that before the file', () => {
  const file = fileWith('listen:\n  mx: { host: "::", port: 25 }\n  http: { port: 81 }\n')
  const { config } = loadConfig({
    file,
    env: { HOLDFAST_LISTEN_MX_PORT: '26', HOLDFAST_LISTEN_HTTP_PORT: '82' },
    flags: { 'listen.http.port': 83 },
  })
  expect(config.listen).toEqual({
    mx: { host: '::', port: 26, minTlsVersion: '' },
    submission: { enabled: true, host: '127.0.0.1', port: 2587, minTlsVersion: '' },
    submissions: { enabled: true, host: '127.0.0.1', port: 2465, minTlsVersion: '' },
    http: { host: '127.0.0.1', port: 83 },
    https: { enabled: false, host: '127.0.0.1', port: 8443, minTlsVersion: '' },
  })
})

test('DATABASE_URL, lists, numbers and switches come from the environment', () => {
  const env = {
    DATABASE_URL: 'postgres://x/y',
    HOLDFAST_ROLES: 'mx, work',
    HOLDFAST_SMTP_REQUIRE_TLS: 'on',
    HOLDFAST_ACCEPT_ANSWER_WITHIN: '1.5',
  }
  const { config } = loadConfig({ env })
  expect(config.database.url).toBe('postgres://x/y')
  expect(config.roles).toEqual(['mx', 'work'])
  expect(config.smtp.requireTls).toBe(true)
  expect(config.accept.answerWithin).toBe(1.5)
})

test('every key can be set by environment and the names do not collide', () => {
  const keys = configKeys()
  expect(keys.length).toBeGreaterThan(30)
  expect(new Set(keys.map((key) => key.env)).size).toBe(keys.length)
  for (const key of keys) {
    expect(key.text, key.path.join('.')).not.toBe('')
    const text = key.type === 'list' ? (key.default as string[]).join(',') : String(key.default)
    loadConfig({ env: { [key.env]: text } })
  }
})

test('errors name the path, the source and what to do; all at once', () => {
  const file = fileWith('listen:\n  mx: { prot: 25 }\nhostnam: x\nsmtp: { hops: many }\n')
  const text = problems(() => loadConfig({ file, env: { HOLDFAST_LISTEN_HTTP_PORT: '70000' } }))
  expect(text).toContain('listen.mx.prot: there is no such key. Did you mean listen.mx.port?')
  expect(text).toContain('hostnam: there is no such key. Did you mean hostname?')
  expect(text).toMatch(/smtp\.hops: must be a number, not text \(in .*yaml\)/)
  expect(text).toMatch(/listen\.http\.port: .*65535.*set by HOLDFAST_LISTEN_HTTP_PORT/)
})

test('what is planned but not there says so, in the file and in the environment', () => {
  for (const name of ['imap', 'imaps', 'pop3', 'pop3s', 'smarthost']) {
    const text = problems(() => loadConfig({ file: fileWith(`listen:\n  ${name}: { port: 1143 }\n`), env: {} }))
    expect(text).toMatch(new RegExp(`^listen\\.${name}: not in this version yet: `))
    expect(text).not.toContain('Did you mean')
    const { warnings } = loadConfig({ env: { [`HOLDFAST_LISTEN_${name.toUpperCase()}_PORT`]: '1143' } })
    expect(warnings).toEqual([expect.stringContaining('is not in this version yet: ')])
  }
  expect(problems(() => loadConfig({ file: fileWith('listen: { smtp: { port: 25 } }'), env: {} }))).toContain(
    'listen.smtp: there is no such key.',
  )
})

test('certificates by name: in the file as pairs, in the environment with a colon', () => {
  const pair = { certFile: '/a.crt', keyFile: '/a.key' }
  const file = fileWith('tls: { names: [{ certFile: /a.crt, keyFile: /a.key }], minVersion: TLSv1.3 }')
  expect(loadConfig({ file, env: {} }).config.tls).toMatchObject({ names: [pair], minVersion: 'TLSv1.3' })
  const { config } = loadConfig({ env: { HOLDFAST_TLS_NAMES: '/a.crt:/a.key, /b.crt:/b.key' } })
  expect(config.tls.names).toEqual([pair, { certFile: '/b.crt', keyFile: '/b.key' }])
  for (const wrong of ['/a.crt', '/a.crt:', ':/a.key', 'a:b:c'])
    expect(problems(() => loadConfig({ env: { HOLDFAST_TLS_NAMES: wrong } }))).toContain('tls.names.0')
  expect(problems(() => loadConfig({ file: fileWith('tls: { names: [{ certFile: /a.crt }] }'), env: {} }))).toContain(
    'tls.names.0.keyFile: is needed, and missing',
  )
})

test('a public address without its scheme is refused with the one to write', () => {
  for (const text of ['mail.corp.test', '//mail.corp.test', 'ftp://mail.corp.test'])
    expect(problems(() => loadConfig({ env: { HOLDFAST_PUBLIC_URL: text } }))).toContain(
      `publicUrl: "${text}" lacks its scheme; write https://mail.corp.test, or http://mail.corp.test where`,
    )
  expect(problems(() => loadConfig({ env: { HOLDFAST_PUBLIC_URL: 'localhost:8080' } }))).toContain(
    'https://localhost:8080',
  )
  expect(problems(() => loadConfig({ env: { HOLDFAST_PUBLIC_URL: 'https://a b' } }))).toContain('is not an address')
  for (const text of ['', 'https://mail.corp.test', 'http://[::1]:8080/'])
    expect(loadConfig({ env: { HOLDFAST_PUBLIC_URL: text } }).config.publicUrl).toBe(text)
})

test('a file that is missing, is not YAML or holds no keys is named', () => {
  expect(problems(() => loadConfig({ file: '/nowhere/x.yaml', env: {} }))).toContain('/nowhere/x.yaml cannot be read')
  expect(problems(() => loadConfig({ file: fileWith('a: [1'), env: {} }))).toMatch(/yaml: /)
  expect(problems(() => loadConfig({ file: fileWith('- a'), env: {} }))).toContain('must hold keys and values')
  expect(loadConfig({ file: fileWith(''), env: {} }).config.roles).toContain('mx')
})

test('an unknown variable is a warning with the nearest key, not an error', () => {
  const { warnings } = loadConfig({
    env: { HOLDFAST_LISTEN_MX_PROT: '1', HOLDFAST_DATA: '/x', HOLDFAST_TEST_SERVER: '{}' },
  })
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('HOLDFAST_LISTEN_MX_PORT')
})

test('the data folder: flag, environment, then a place that fits the user', () => {
  expect(dataFolderPath('/a', { HOLDFAST_DATA: '/b' })).toBe('/a')
  expect(dataFolderPath(undefined, { HOLDFAST_DATA: '/b' })).toBe('/b')
  expect(dataFolderPath(undefined, {})).toMatch(/holdfast$/)
})
