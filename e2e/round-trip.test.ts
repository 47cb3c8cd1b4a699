/**
 * Mail that is taken and never arrives (`vanishes`), at a real Postfix and Dovecot: a round trip finds it out while every answer
 * is 250, mail waits here and is readable meanwhile, and all is home when it is over. Notices about canaries find us; a dead
 * host among others is shown and moves nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfSigned } from '../server/src/platform/certificate.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { listAll, makeOperator, modeIs, primaryRoute } from './kit/operator.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { signIn, type Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { passwordOf, startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { freePorts, sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const [alice, canary] = ['alice@corp.test', 'canary@corp.test']
const WITHIN = 6

describe.skipIf(skip)('250, and never in the mailbox', () => {
  let primary: Primary
  let sink: StandIn
  let broken: StandIn
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let deadPort: number
  const imaps = selfSigned(['127.0.0.1'], Date.now())
  beforeAll(async () => {
    primary = await startPrimary([alice, canary], { imaps })
    sink = await startStandIn({ hostname: 'outside.test' })
    broken = await startStandIn({ hostname: 'store.test' })
    installation = createInstallation({ name: 'trip' })
    server = await installation.start()
    operator = await makeOperator(server)
    // Notices of the primary about our canaries come to us, as its DNS would have it.
    await primary.relayThrough(server.ports.mx, 10)
    deadPort = (await freePorts(1))[0]!
    await declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice'],
      primaryPort: primary.smtpPort,
      outboundPort: sink.port,
      route: {
        hosts: [
          { host: '127.0.0.1', port: primary.smtpPort, priority: 1 },
          { host: '127.0.0.1', port: deadPort, priority: 2 },
        ],
        reach: [
          {
            name: 'there and back',
            kind: 'roundTrip',
            address: canary,
            every: 2,
            within: WITHIN,
            host: '127.0.0.1',
            port: primary.imapsPort,
            username: canary,
            ca: imaps.cert,
          },
        ],
        retryFirst: 0.5,
        retryMax: 2,
      },
      reachPasswords: { 'there and back': passwordOf(canary) },
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
    await broken.close()
  })

  const last = async () => (await primaryRoute(operator)).reach[0]?.last
  const saysNow = (pattern: RegExp, seconds: number) =>
    until(`it says ${pattern}`, async () => pattern.test((await last())?.text ?? ''), seconds * 1000, 200)
  const write = (nonce: string, to = alice) =>
    sendMail(
      server.ports.mx,
      { from: 'x@world.test', to: [to] },
      `From: x@world.test\r\nTo: ${to}\r\nSubject: ${nonce}\r\n\r\nHello\r\n`,
    )

  test('there and back; what else is in that mailbox stays, and canaries do not', async () => {
    await sendMail(
      primary.smtpPort,
      { from: 'y@world.test', to: [canary] },
      `From: y@world.test\r\nTo: ${canary}\r\nSubject: mine\r\n\r\nHello\r\n`,
    )
    await saysNow(/^in the Inbox after/, 40)
    await until('three round trips', () => (primary.log().match(/from=<hfc=/g) ?? []).length >= 3, 30_000)
    await until('one is left', async () => (await primary.count(canary)) === 1, 20_000)
    expect((await primary.read(canary)).map(({ bytes }) => /Subject: (.*)/.exec(bytes.toString())?.[1])).toEqual([
      'mine',
    ])
    expect((await primaryRoute(operator)).mode).toBe('normal')
  })

  test('a dead host among others is shown, and moves nothing', async () => {
    await until(
      'both are known',
      async () => (await primaryRoute(operator)).hosts.every((one: any) => one.last !== null),
      20_000,
    )
    const { hosts, mode } = await primaryRoute(operator)
    expect(hosts.map((one: any) => [one.host, one.last.good])).toEqual([
      [`127.0.0.1:${primary.smtpPort}`, true],
      [`127.0.0.1:${deadPort}`, false],
    ])
    expect(mode).toBe('normal')
    await until('it is in the log', () => /a host of the route fails/.test(server.log()), 20_000)
  })

  test('every message is taken and thrown away: an emergency, and what comes now waits and is read here', async () => {
    primary.deliverBy('discard:')
    await modeIs(operator, 'emergency', 12 * WITHIN)
    const route = await primaryRoute(operator)
    expect(route.detail).toMatch(/there and back: taken, and not in the Inbox within 6 s/)
    // The page knows a moment before those who hand over.
    await sleep(1_500)
    expect((await write('during')).ok).toBe(true)
    const web = await signIn(server.ports.http, alice, passwordFor('alice'))
    const [query] = await web.jmap([['Email/query', { filter: { subject: 'during' } }]])
    expect(query.ids).toHaveLength(1)
    // RCPT is well answered all the time.
    await sleep(2 * WITHIN * 1000)
    expect((await primaryRoute(operator)).mode).toBe('emergency')
    expect(
      primary.log(),
      server
        .log()
        .split('\n')
        .filter((line) => line.includes('mode of a route'))
        .join('\n'),
    ).not.toContain('from=<x@world.test>')
  })

  test('it arrives again: normal, and the message is home once', async () => {
    primary.deliverBy(null)
    await modeIs(operator, 'normal', 60)
    await until('home', async () => (await primary.count(alice)) === 1, 30_000)
    await sleep(1_000)
    expect(await primary.count(alice)).toBe(1)
  })

  test('a notice about a canary comes back: evidence, and nobody gets it', async () => {
    await broken.setFault('dot-5xx')
    primary.deliverBy(`smtp:[127.0.0.1]:${broken.port}`)
    await saysNow(/^taken, and came back: 5\.6\.0/, 30)
    primary.deliverBy(null)
    await modeIs(operator, 'normal', 90)
    await saysNow(/^in the Inbox/, 30)
    const { organisation } = await primaryRoute(operator)
    expect(await listAll(operator, `/organisations/${organisation.id}/parking`)).toEqual([])
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000)).toBe(0)
  })
})
