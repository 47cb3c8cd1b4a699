/** Before the first start makes anything, everything that stands in its way is named, at once. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSigned } from '../platform/certificate.ts'
import { configSchema, type Config } from '../platform/config/config.ts'
import { tryLock } from '../platform/data-folder.ts'
import { startProblems } from './start-check.ts'
import { program } from '../../testkit/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'hf-start-'))
const taken: Server[] = [createServer(), createServer()]
const portOf = (server: Server): number => (server.address() as AddressInfo).port
const [one, other] = [selfSigned(['mx.test'], Date.now()), selfSigned(['mx.test'], Date.now())]
const place = (name: string, text: string): string => {
  const file = join(folder, name)
  writeFileSync(file, text, { mode: 0o600 })
  return file
}
const good = { cert: place('good.crt', one.cert), key: place('good.key', one.key) }

beforeAll(() => Promise.all(taken.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)))))
afterAll(() => {
  for (const server of taken) server.close()
  rmSync(folder, { recursive: true, force: true })
})

const free = { mx: { port: 0 }, submission: { port: 0 }, submissions: { port: 0 }, http: { port: 0 } }
const problems = (config: object): Promise<string[]> =>
  startProblems(join(folder, 'data'), configSchema.parse({ listen: free, ...config }))

test('a good start has no problems', async () => {
  expect(await problems({ tls: { certFile: good.cert, keyFile: good.key } })).toEqual([])
})

test.each([
  [
    { certFile: join(folder, 'no.crt'), keyFile: good.key },
    /^tls\.certFile: .*no\.crt cannot be read \(ENOENT\)\. Check/,
  ],
  [{ certFile: place('bad.crt', 'x'), keyFile: good.key }, /^tls\.certFile: .*bad\.crt does not hold a certificate/],
  [{ certFile: good.cert, keyFile: place('bad.key', 'x') }, /^tls\.keyFile: .*bad\.key does not hold a private key/],
  [
    { certFile: good.cert, keyFile: place('other.key', other.key) },
    /^tls\.keyFile: .*is not the private key of .*good/,
  ],
])('TLS %j is named', async (tls, text) => {
  expect(await problems({ tls })).toEqual([expect.stringMatching(text)])
  // who opens no listener with TLS needs no certificate
  expect(await problems({ tls, roles: ['web'] })).toEqual([])
})

test('our own certificate, broken, says which files to remove', async () => {
  const data = mkdtempSync(join(folder, 'own-'))
  writeFileSync(join(data, 'tls.crt'), '')
  writeFileSync(join(data, 'tls.key'), one.key)
  expect(await startProblems(data, configSchema.parse({ listen: free }))).toEqual([
    expect.stringMatching(/does not hold a certificate.*Remove .*tls\.crt and .*tls\.key/),
  ])
})

test('a port is named by its setting; one that the roles do not open is not looked at; the same twice is seen', async () => {
  const listen: Config['listen'] = {
    mx: { host: '127.0.0.1', port: portOf(taken[0]!), minTlsVersion: '' },
    submission: { enabled: true, host: '127.0.0.1', port: portOf(taken[1]!), minTlsVersion: '' },
    submissions: { enabled: false, host: '127.0.0.1', port: portOf(taken[1]!), minTlsVersion: '' },
    http: { host: '192.0.2.1', port: 8080 },
    https: { enabled: false, host: '127.0.0.1', port: portOf(taken[1]!), minTlsVersion: '' },
  }
  const [mx, submission, http, ...others] = await problems({ listen })
  expect(others).toEqual([])
  expect(submission).toMatch(/^listen\.submission\.port: .* is taken by another/)
  expect(mx).toMatch(new RegExp(`^listen\\.mx\\.port: 127\\.0\\.0\\.1 port ${portOf(taken[0]!)} is taken by another`))
  expect(http).toMatch(/^listen\.http\.port: 192\.0\.2\.1 port 8080 is not an address.*Set listen\.http\.host/)
  expect(await problems({ listen, roles: ['work', 'deliver'] })).toEqual([])
  const port = portOf(taken[0]!) - 1
  expect(await problems({ listen: { ...free, mx: { port }, http: { port } } })).toContainEqual(
    expect.stringContaining('is that of listen.mx too'),
  )
})

test('ports are left alone while another Holdfast holds the folder: it may be the one that has them', async () => {
  const data = mkdtempSync(join(folder, 'held-'))
  const config = configSchema.parse({ listen: { ...free, mx: { port: portOf(taken[0]!) } } })
  const lock = tryLock(data)!
  expect(await startProblems(data, config)).toEqual([])
  lock.release()
  expect(await startProblems(data, config)).toHaveLength(1)
})

test('serve names everything at once, ends with 2 and makes nothing', async () => {
  const data = join(folder, 'nothing')
  const child = spawn(process.execPath, [...program, 'serve', '--json'], {
    env: {
      PATH: process.env.PATH,
      HOLDFAST_DATA: data,
      HOLDFAST_LISTEN_MX_PORT: String(portOf(taken[0]!)),
      HOLDFAST_LISTEN_SUBMISSION_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSIONS_PORT: '0',
      HOLDFAST_LISTEN_HTTP_PORT: String(portOf(taken[1]!)),
      HOLDFAST_TLS_CERT_FILE: join(folder, 'no.crt'),
      HOLDFAST_TLS_KEY_FILE: join(folder, 'no.key'),
      HOLDFAST_MASTER_KEY_FILE: join(folder, 'no.master'),
    },
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  const { error } = JSON.parse(out) as { error: { text: string } }
  for (const name of ['listen.mx.port', 'listen.http.port', 'tls.certFile', 'tls.keyFile', 'masterKeyFile'])
    expect(error.text).toContain(`- ${name}: `)
  expect(code).toBe(2)
  expect(existsSync(data)).toBe(false)
}, 60_000)
