import { X509Certificate, createPrivateKey } from 'node:crypto'
import { mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { loadCertificate, selfSigned } from './certificate.ts'

test('the certificate is valid X.509 for its names and its key', () => {
  const made = selfSigned(['mx.corp.test', '127.0.0.1', '2001:db8::7'], Date.UTC(2026, 0, 1))
  const cert = new X509Certificate(made.cert)
  expect(cert.subject).toBe('CN=mx.corp.test')
  expect(cert.subjectAltName).toBe('DNS:mx.corp.test, IP Address:127.0.0.1, IP Address:2001:DB8:0:0:0:0:0:7')
  expect(cert.checkHost('mx.corp.test')).toBe('mx.corp.test')
  expect(cert.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(cert.ca).toBe(false)
  expect(cert.verify(cert.publicKey)).toBe(true)
  expect(cert.checkPrivateKey(createPrivateKey(made.key))).toBe(true)
  expect(new Date(cert.validFrom).getTime()).toBe(Date.UTC(2025, 11, 31))
})

test('a client that trusts it can speak TLS to it', async () => {
  const made = selfSigned(['localhost'], Date.now())
  const server = createServer({ cert: made.cert, key: made.key }, (socket) => socket.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const said = await new Promise<string>((resolve, reject) => {
    const socket = connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: made.cert,
    })
    socket.on('data', (chunk: Buffer) => resolve(chunk.toString()))
    socket.on('error', reject)
  })
  server.close()
  expect(said).toBe('hello')
})

test('it is kept, its key is private, and it is renewed before it ends', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'hf-cert-'))
  const clock = fakeClock()
  const load = () => loadCertificate({ dataFolder, certFile: '', keyFile: '', hostname: 'mx.corp.test', clock })
  const first = load()
  expect(statSync(join(dataFolder, 'tls.key')).mode & 0o777).toBe(0o600)
  expect(load().cert).toBe(first.cert)
  await clock.advance(800 * 86_400_000)
  expect(load().cert).not.toBe(first.cert)
})
