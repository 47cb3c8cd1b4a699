/**
 * Signing in hangs (`sign-in-hangs`) at a real Dovecot while Postfix goes on taking mail: the emergency that rivals miss. The probe signs in by
 * IMAP over TLS; its own wrong password is no outage.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfSigned } from '../server/src/platform/certificate.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { makeOperator, modeIs, primaryRoute } from './kit/operator.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { signIn, type Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { passwordOf, startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const [alice, probe] = ['alice@corp.test', 'probe@corp.test']

describe.skipIf(skip)('people cannot reach their mail', () => {
  let primary: Primary
  let sink: StandIn
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  const imaps = selfSigned(['127.0.0.1'], Date.now())
  const declare = (password: string) =>
    declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice'],
      primaryPort: primary.smtpPort,
      outboundPort: sink.port,
      route: {
        reach: [
          { name: 'phones', kind: 'imap', host: '127.0.0.1', port: primary.imapsPort, username: probe, ca: imaps.cert },
        ],
      },
      reachPasswords: { phones: password },
    })
  beforeAll(async () => {
    primary = await startPrimary([alice, probe], { imaps })
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({ name: 'reach' })
    server = await installation.start()
    operator = await makeOperator(server)
    await declare('not it')
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
  })

  const outcome = async (): Promise<string | undefined> => (await primaryRoute(operator)).reach[0]?.last?.outcome
  const write = (nonce: string) =>
    sendMail(
      server.ports.mx,
      { from: 'x@world.test', to: [alice] },
      `From: x@world.test\r\nTo: ${alice}\r\nSubject: ${nonce}\r\n\r\nHello\r\n`,
    )

  test("the probe's own wrong password is said on the page, and moves nothing", async () => {
    await until('refused', async () => (await outcome()) === 'refused', 20_000)
    await sleep(4_000)
    expect((await primaryRoute(operator)).mode).toBe('normal')
    await declare(passwordOf(probe))
    await until('good', async () => (await outcome()) === 'good', 20_000)
  })

  test('signing in hangs: an emergency within seconds, mail goes on to the primary, and is read here', async () => {
    primary.hangSignIn(true)
    await modeIs(operator, 'emergencyReach', 20)
    const route = await primaryRoute(operator)
    expect(route.cause).toBe('reach-lost')
    expect(route.detail).toMatch(/phones: no answer for/)
    expect((await write('during')).ok).toBe(true)
    await until('Postfix has it', () => primary.log().includes('from=<x@world.test>'), 10_000)
    const web = await signIn(server.ports.http, alice, passwordFor('alice'))
    const [query] = await web.jmap([['Email/query', { filter: { subject: 'during' } }]])
    expect(query.ids).toHaveLength(1)
    expect((await primaryRoute(operator)).held).toBe(0)
  })

  test('it is back: normal again, and the message is there once', async () => {
    primary.hangSignIn(false)
    await modeIs(operator, 'normal', 20)
    expect((await primaryRoute(operator)).cause).toBe('reach-back')
    await until('delivered', async () => (await primary.count(alice)) === 1, 30_000)
    await sleep(1_000)
    expect(await primary.count(alice)).toBe(1)
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000)).toBe(0)
  })
})
