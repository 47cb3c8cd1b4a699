/**
 * What DNS does to the judgement, in real time, with a real resolver (unbound) before a real name server, a real Postfix by its
 * name and three mail systems that have nothing to do with it: a resolver that is gone (`resolver-gone`) or says that no name
 * exists (`resolver-lies`) is our own trouble and switches nothing; a name that is gone (`name-gone`) is the mail system's and
 * is declared.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail, nonceOf } from './kit/messages.ts'
import { makeOperator, modeIs, primaryRoute } from './kit/operator.ts'
import { applyFile, declareOrganisation } from './kit/organisation.ts'
import { pour } from './kit/pour.ts'
import { createRandom } from './kit/random.ts'
import { addTo, noClaims, tally, type Counts } from './kit/tally.ts'
import type { Web } from './kit/web.ts'
import { startDns, type DnsPeer } from './peers/dns.ts'
import { startFaultyProxy, type FaultyProxy } from './peers/faulty-proxy.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'dns', 'root')
const alice = 'alice@names.test'
/** resolv.conf knows no ports */
const resolverAt = { host: '127.0.0.77', port: 53 }
const HOLDS_FOR = 25
/** What a resolver answers shows at once. */
const LIES_FOR = 13
/** each in a domain and a network of its own */
const others = ['one', 'two', 'three']
const allNormal = [...others, 'primary'].map((name) => `${name} normal`).sort()

interface Shown {
  name: string
  kind: string
  mode: string
  blind: { why: string } | null
  hosts: { last: { good: boolean } | null }[]
}

describe.skipIf(skip)('names', () => {
  const claims = noClaims()
  const random = createRandom(1)
  let primary: Primary
  let sink: StandIn
  let doors: FaultyProxy[]
  let dns: DnsPeer
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let sent = 0

  beforeAll(async () => {
    dns = await startDns({
      signed: others.map((name, i) => `mx.${name} A 127.0.${i + 1}.1`),
      plain: ['primary A 127.0.0.1'],
      resolverAt,
    })
    primary = await startPrimary([alice])
    sink = await startStandIn({ hostname: 'outside.test' })
    doors = await Promise.all(others.map((_, i) => startFaultyProxy({ upstream: sink.port, host: `127.0.${i + 1}.1` })))
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
    await applyFile(installation, 'others', {
      organisations: [
        {
          slug: 'others',
          name: 'Three who have nothing to do with it',
          routes: others.map((name, i) => ({
            name,
            kind: 'primary',
            settings: { hosts: [{ host: `mx.${name}.test`, port: doors[i]!.port }], tls: 'none', sensitivity: 'quick' },
          })),
          domains: others.map((name) => ({ name: `${name}.test`, route: name })),
        },
      ],
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    for (const door of doors) await door.close()
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
  async function allRoutes(): Promise<Shown[]> {
    const organisations: { id: string }[] = await operator.get('/organisations')
    const found = await Promise.all(organisations.map(({ id }) => operator.get(`/organisations/${id}/routes`)))
    return found.flat().filter(({ kind }) => kind === 'primary')
  }
  const modes = async () => (await allRoutes()).map(({ name, mode }) => `${name} ${mode}`).sort()
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

  test('our resolver says that no name exists: nothing switches, it says that it cannot see; it tells the truth: all is home', async () => {
    const isSeen = ({ blind, hosts }: Shown): boolean => blind === null && hosts[0]?.last?.good === true
    await until('all are seen', async () => (await allRoutes()).every(isSeen), 20_000)
    expect(await modes()).toEqual(allNormal)
    dns.setLying(true)
    for (const end = Date.now() + LIES_FOR * 1000; Date.now() < end; await sleep(1_000)) {
      await mail()
      expect(await modes()).toEqual(allNormal)
    }
    for (const { blind } of await allRoutes()) expect(blind?.why).toMatch(/fail at once/)
    expect(server.log()).toContain('Holdfast cannot see')
    dns.setLying(false)
    await until('it sees again', async () => (await allRoutes()).every(isSeen), 30_000)
    await isHome()
    expect(await modes()).toEqual(allNormal)
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
