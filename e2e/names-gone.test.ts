/**
 * What DNS does to the judgement, with a real resolver (unbound) before a real name server, a real Postfix by its name: a
 * resolver that is gone is our own trouble and switches nothing; a name that is gone is the mail system's and is declared.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail, nonceOf } from './kit/messages.ts'
import { makeOperator, modeIs, primaryRoute } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { pour } from './kit/pour.ts'
import { createRandom } from './kit/random.ts'
import { addTo, noClaims, tally, type Counts } from './kit/tally.ts'
import type { Web } from './kit/web.ts'
import { startDns, type DnsPeer } from './peers/dns.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'dns', 'root')
const alice = 'alice@names.test'
/** resolv.conf knows no ports */
const resolverAt = { host: '127.0.0.77', port: 53 }
const HOLDS_FOR = 25

describe.skipIf(skip)('names', () => {
  const claims = noClaims()
  const random = createRandom(1)
  let primary: Primary
  let sink: StandIn
  let dns: DnsPeer
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let sent = 0

  beforeAll(async () => {
    dns = await startDns({ signed: ['other A 127.0.0.1'], plain: ['primary A 127.0.0.1'], resolverAt })
    primary = await startPrimary([alice])
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({ name: 'names' })
    server = await installation.start({
      instead: { '/etc/resolv.conf': `nameserver ${resolverAt.host}\noptions timeout:1 attempts:1\n` },
    })
    operator = await makeOperator(server)
    await declareOrganisation(installation, {
      domain: 'names.test',
      people: ['alice'],
      primaryPort: primary.smtpPort,
      outboundPort: sink.port,
      route: {
        hosts: [{ host: 'primary.plain.test', port: primary.smtpPort }],
        retryFirst: 0.5,
        retryMax: 1,
        unsureWait: 1,
      },
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
    await dns.remove()
  })

  async function mail(): Promise<void> {
    const one = makeMail({ random, nonce: `names-${sent++}`, kind: 'plain', people: [alice], to: [alice] })
    await pour(() => server.ports.mx, [one], { connections: 1, into: claims })
  }
  async function missingAtHome(): Promise<readonly string[]> {
    const home: Counts = new Map()
    for (const held of await primary.read(alice)) addTo(home, countKey(nonceOf(held.bytes) ?? '?', alice))
    const { missing: lost, extra, strangers } = tally(home, claims)
    expect([...extra.keys(), ...strangers]).toEqual([])
    return lost
  }
  const isHome = () => until('it is home', async () => (await missingAtHome()).length === 0, 60_000, 500)

  test('our resolver is gone: mail is taken and waits, and nothing switches; it is back: the mail is home', async () => {
    await mail()
    await isHome()
    await dns.stopResolver()
    const modes = new Set<string>()
    for (const end = Date.now() + HOLDS_FOR * 1000; Date.now() < end; await sleep(2_000)) {
      await mail()
      modes.add((await primaryRoute(operator)).mode)
    }
    expect([...modes].filter((mode) => mode === 'emergency')).toEqual([])
    await dns.startResolver()
    await isHome()
    await modeIs(operator, 'normal', 20)
  })

  test('its name is gone: an emergency in time, and all is home when it is back', async () => {
    await dns.setPlain(['another A 127.0.0.1'])
    await mail()
    await modeIs(operator, 'emergency', 20)
    await mail()
    await dns.setPlain(['primary A 127.0.0.1'])
    await modeIs(operator, 'normal', 60)
    await isHome()
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
