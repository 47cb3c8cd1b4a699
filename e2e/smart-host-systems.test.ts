/** A real Postfix that is known by no address signs in to us, or shows its certificate, and so gets its mail to the world. */
import { createHash, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfSigned } from '../server/src/platform/certificate.ts'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const alice = 'alice@corp.test'
const password = 'tides-of-the-postmaster-1'
const own = selfSigned(['primary.test'], Date.now())
const fingerprint = createHash('sha256').update(new X509Certificate(own.cert).raw).digest('hex')
const encrypted = ['smtp_tls_security_level=encrypt']

describe.skipIf(skip)('a primary that proves who it is', () => {
  let primary: Primary
  let sink: StandIn
  let installation: Installation
  let server: RunningHoldfast
  beforeAll(async () => {
    primary = await startPrimary([alice])
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({ name: 'smart-host-systems' })
    server = await installation.start()
    await declare([{ username: 'primary', password }])
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
  })

  const declare = (outboundSources: object[]) =>
    declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice'],
      primaryPort: primary.smtpPort,
      outboundPort: sink.port,
      organisation: { outboundSources },
    })
  const signsIn = (secret: string): string[] => [
    ...encrypted,
    'smtp_sasl_auth_enable=yes',
    `smtp_sasl_password_maps=static:primary:${secret}`,
    'smtp_sasl_security_options=noanonymous',
  ]
  const write = (nonce: string) =>
    sendMail(
      primary.smtpPort,
      { from: alice, to: ['friend@world.test'] },
      `From: ${alice}\r\nSubject: ${nonce}\r\nMessage-ID: <${nonce}@corp.test>\r\nX-Nonce: ${nonce}\r\n\r\nHello\r\n`,
    )
  const arrived = (nonce: string) => sink.store.all().find((mail) => mail.nonce === nonce)
  async function arrives(nonce: string, word: string): Promise<void> {
    expect((await write(nonce)).ok).toBe(true)
    await until(`${nonce} is there`, () => arrived(nonce) !== undefined, 30_000).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${primary.explain()}\n${server.log().slice(-3000)}`)
    })
    expect(arrived(nonce)!.bytes.toString()).toContain(`(Holdfast) with ${word} id`)
  }
  const refused = (): number => server.log().split('"relay-denied"').length - 1

  test('by its password', async () => {
    await primary.relayThrough(server.ports.mx, 50, signsIn(password))
    await arrives('signed-in', 'ESMTPSA')
    expect(server.log()).toContain('a system has signed in')
    expect(server.log()).not.toContain(password)
  })

  test('a wrong one lets nothing out', async () => {
    await primary.relayThrough(server.ports.mx, 50, signsIn('a-wrong-one'))
    await write('guessed')
    await until('it was tried', () => server.log().includes('"sign-in-failed"'), 30_000)
    expect(arrived('guessed')).toBeUndefined()
  })

  test('by its certificate; another, or none, lets nothing out', async () => {
    await declare([{ clientCertificates: [fingerprint] }])
    const [cert, key] = [join(primary.folder, 'own.crt'), join(primary.folder, 'own.key')]
    writeFileSync(cert, own.cert)
    writeFileSync(key, own.key, { mode: 0o600 })
    await primary.relayThrough(server.ports.mx, 50, ['smtp_sasl_auth_enable=no', ...encrypted])
    const before = refused()
    await write('without')
    await until('it was refused', () => refused() > before, 30_000)
    await primary.relayThrough(server.ports.mx, 50, [`smtp_tls_cert_file=${cert}`, `smtp_tls_key_file=${key}`])
    await arrives('shown', 'ESMTPS')
    expect(arrived('without')).toBeUndefined()
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
