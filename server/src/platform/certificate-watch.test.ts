import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../testkit/fake-clock.ts'
import { certificateProblems, selfSigned } from './certificate.ts'
import { createCertificates, LOOK_MS, type Certificates } from './certificate-watch.ts'
import { configSchema } from './config/config.ts'
import { silentLog } from './log.ts'

let folder: string
let clock: FakeClock
let said: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hf-watch-'))
  clock = fakeClock()
  said = []
})
const at = (name: string): { certFile: string; keyFile: string } => ({
  certFile: join(folder, `${name}.crt`),
  keyFile: join(folder, `${name}.key`),
})
function put(name: string, hosts: string[], only?: 'cert' | 'key'): { cert: string; key: string } {
  const made = selfSigned(hosts, Date.now())
  if (only !== 'key') writeFileSync(at(name).certFile, made.cert)
  if (only !== 'cert') writeFileSync(at(name).keyFile, made.key)
  return made
}
const watch = (tls: object): Certificates =>
  createCertificates({
    dataFolder: folder,
    tls: configSchema.parse({ tls }).tls,
    hostname: 'mx.corp.test',
    clock,
    log: {
      ...silentLog,
      info: (_: object, text?: string) => void said.push(`info ${text}`),
      error: (_: object, text?: string) => void said.push(`error ${text}`),
    },
  })

test('a changed file is taken up a few seconds later, or at once when told', async () => {
  const one = put('main', ['one.test'])
  const certificates = watch(at('main'))
  const first = certificates.main()
  expect(first).toEqual({ cert: one.cert, key: one.key, minVersion: 'TLSv1.2' })
  const two = put('main', ['two.test'])
  await clock.advance(LOOK_MS - 1)
  expect(certificates.main()).toBe(first)
  await clock.advance(1)
  const second = certificates.main()
  expect(second.cert).toBe(two.cert)
  expect(certificates.main()).toBe(second)
  // replaced as renewing programs do it
  const three = put('next', ['three.test'])
  for (const kind of ['certFile', 'keyFile'] as const) renameSync(at('next')[kind], at('main')[kind])
  certificates.look()
  expect(certificates.main().cert).toBe(three.cert)
  expect(said).toEqual(['info a new certificate is in use', 'info a new certificate is in use'])
})

test('a broken, half-written or missing new one keeps the old one and is said once', async () => {
  const one = put('main', ['one.test'])
  const certificates = watch(at('main'))
  const look = async (): Promise<string> => {
    await clock.advance(LOOK_MS)
    return certificates.main().cert
  }
  put('main', ['two.test'], 'cert')
  for (let i = 0; i < 3; i++) expect(await look()).toBe(one.cert)
  expect(said).toHaveLength(1)
  writeFileSync(at('main').certFile, 'nonsense')
  expect(await look()).toBe(one.cert)
  rmSync(at('main').certFile)
  expect(await look()).toBe(one.cert)
  expect(said).toEqual(Array(3).fill('error a changed certificate cannot be used; the one before stays in use'))
  const good = put('main', ['three.test'])
  expect(await look()).toBe(good.cert)
})

test('by name: subjectAltName, a wildcard for one label, nothing else', () => {
  put('main', ['main.test'])
  put('a', ['a.test', 'mx.a.test'])
  put('b', ['*.b.test', '192.0.2.7'])
  put('c', ['192.0.2.8'])
  const certificates = watch({ ...at('main'), names: [at('a'), at('b'), at('c')], minVersion: 'TLSv1.3' })
  const who = (host: string): number => certificates.named().findIndex((one) => one.covers(host))
  expect(['a.test', 'MX.A.test', 'x.b.test', 'X.B.Test'].map(who)).toEqual([0, 0, 1, 1])
  expect(
    ['b.test', 'y.x.b.test', 'main.test', 'xa.test', '192.0.2.7', '192.0.2.8', '', ' ', 'ü', '*.b.test.'].map(who),
  ).toEqual(Array(10).fill(-1))
  expect(certificates.named()[1]!.options.minVersion).toBe('TLSv1.3')
  expect(certificates.named()).toBe(certificates.named())
})

test('our own one of the data folder is watched as well', () => {
  const certificates = watch({})
  const first = certificates.main()
  renameSync(join(folder, 'tls.crt'), join(folder, 'old.crt'))
  certificates.look()
  expect(certificates.main()).not.toBe(first)
})

test('at the start a broken one is thrown, and named before', () => {
  put('main', ['main.test'])
  put('a', ['a.test'])
  put('a', ['a.test'], 'key')
  const tls = { ...at('main'), names: [at('a'), at('missing')] }
  expect(() => watch(tls)).toThrow('not that of the certificate')
  expect(certificateProblems({ dataFolder: folder, ...tls })).toEqual([
    expect.stringMatching(/^tls\.names\.0\.keyFile: .* is not the private key of /),
    expect.stringMatching(/^tls\.names\.1\.certFile: .* cannot be read/),
    expect.stringMatching(/^tls\.names\.1\.keyFile: .* cannot be read/),
  ])
})
