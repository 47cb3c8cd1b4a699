/**
 * `uplink-gone` in real time: Holdfast in a network of its own, whose kernel says that the world cannot be reached any more
 * (ENETUNREACH). Mail is taken and waits, no mode changes, it says that it cannot see; the uplink is back: all is home, once.
 * One mail system that is really gone is still declared.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { makeOperator } from './kit/operator.ts'
import { applyFile } from './kit/organisation.ts'
import type { Web } from './kit/web.ts'
import { makeIsland, mayMakeIslands, type Island } from './peers/island.ts'
import { missing } from './peers/needs.ts'
import { sleep, until } from './peers/processes.ts'

/** Like .ci/run's: some machines give root no network to arrange. */
const skip = missing('root') || !mayMakeIslands()
/** of the networks that are set apart for examples, and one more */
const hosts = ['192.0.2.1', '198.51.100.1', '203.0.113.1', '10.9.8.1']
/** Seconds: more than twice what `quick` needs for a dead primary, and for what hangs to be told. */
const HOLDS_FOR = 13

describe.skipIf(skip)('the uplink of this machine', () => {
  const systems: StandIn[] = []
  let island: Island
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let organisation: string

  beforeAll(async () => {
    for (const _ of hosts) systems.push(await startStandIn())
    island = await makeIsland(hosts.map((host, i) => ({ host, port: 25, upstream: systems[i]!.port })))
    installation = createInstallation({ name: 'uplink', under: island.under })
    const started = await installation.start()
    server = { ...started, ports: await island.bridge(started.ports) }
    operator = await makeOperator(server)
    const settings = { tls: 'none', sensitivity: 'quick', retryFirst: 0.5, retryMax: 1 }
    await applyFile(installation, 'uplink', {
      organisations: [
        {
          slug: 'uplink',
          name: 'Four who have nothing to do with each other',
          routes: hosts.map((host, i) => ({
            name: `r${i}`,
            kind: 'primary',
            settings: { hosts: [{ host }], ...settings },
          })),
          domains: hosts.map((_, i) => ({ name: `d${i}.test`, route: `r${i}`, recipientsComplete: true })),
          people: hosts.map((_, i) => ({ name: `P${i}`, addresses: [`p@d${i}.test`] })),
        },
      ],
    })
    organisation = (await operator.get('/organisations'))[0].id
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await island.remove()
    for (const system of systems) await system.close()
  })

  const routes = (): Promise<{ name: string; mode: string; blind: { why: string } | null }[]> =>
    operator.get(`/organisations/${organisation}/routes`)
  const isBlind = async () => (await routes()).every(({ blind }) => blind?.why.includes('ENETUNREACH') === true)
  const sees = async () => (await routes()).every(({ blind }) => blind === null)
  let sent = 0
  /** One to each. */
  async function mail(): Promise<void> {
    sent++
    for (const [i] of hosts.entries()) {
      const to = `p@d${i}.test`
      const text = `From: x@world.test\r\nTo: ${to}\r\nX-Nonce: uplink-${sent}\r\n\r\nHello\r\n`
      expect((await sendMail(server.ports.mx, { from: 'x@world.test', to: [to] }, text)).ok).toBe(true)
    }
  }
  const home = (): string[][] =>
    systems.map(({ store }, i) =>
      store
        .of(`p@d${i}.test`)
        .map(({ nonce }) => nonce!)
        .sort(),
    )
  const isHome = () => until('all of it is home', () => home().every(({ length }) => length === sent), 30_000)
  const modes = async () => (await routes()).map(({ mode }) => mode)
  const normal = hosts.map(() => 'normal')

  test('is gone: nothing switches, it says that it cannot see, and mail is taken', async () => {
    await mail()
    await isHome()
    await until('all are seen', async () => (await modes()).join() === normal.join(), 10_000)
    island.setUplink(false)
    const gone = Date.now()
    await mail()
    await until('it says so', isBlind, 10_000)
    // What hangs in the connections that were kept (told after ten seconds) shows nothing new.
    while (Date.now() < gone + HOLDS_FOR * 1000) {
      expect(await modes()).toEqual(normal)
      expect(await isBlind()).toBe(true)
      if (Date.now() < gone + HOLDS_FOR * 500) await mail()
      await sleep(500)
    }
    expect((await installation.cli(['mode'])).stdout).toContain('Cannot be judged since')
  })

  test('is back: all is home, once, and nothing has switched', async () => {
    island.setUplink(true)
    await until('it sees again', sees, 20_000)
    await isHome()
    expect(await modes()).toEqual(normal)
    const each = Array.from({ length: sent }, (_, i) => `uplink-${i + 1}`).sort()
    expect(home()).toEqual(hosts.map(() => each))
  })

  test('one alone that is gone is declared, and every invariant holds', async () => {
    await systems[0]!.setFault('off')
    await until('it is declared', async () => (await modes())[0] === 'emergency', 20_000)
    expect((await modes()).slice(1)).toEqual(normal.slice(1))
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000)).toBe(0)
  })
})
