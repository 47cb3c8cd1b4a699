/**
 * Holdfast is the patient, in real time: everything it sends vanishes (`uplink-silent`: the kernel drops it, as behind a dead
 * uplink) or is rejected (`firewall-rejects`), towards four mail systems in four networks, or towards one and a reference host.
 * No mode changes, it says so on the page, the command line, in the metrics and the log, and it ends by itself. One of them
 * alone is still declared.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { makeOperator } from './kit/operator.ts'
import type { Web } from './kit/web.ts'
import { startFaultyProxy } from './peers/faulty-proxy.ts'
import type { FaultyProxy } from './peers/faulty-proxy.ts'
import { sleep, until } from './peers/processes.ts'

const HOLDS_FOR = 25
/** What is refused shows at once. */
const REFUSED_FOR = 12
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Stage {
  installation: Installation
  server: RunningHoldfast
  operator: Web
  proxies: FaultyProxy[]
  /** name -> mode, and whether it says that it cannot see */
  routes(): Promise<{ name: string; mode: string; blind: { why: string } | null }[]>
}

async function setUp(count: number, reference?: FaultyProxy): Promise<Stage> {
  const primary = await startStandIn()
  closers.push(() => primary.close())
  const proxies: FaultyProxy[] = []
  const hosts = Array.from({ length: count }, (_, i) => `127.0.${i + 1}.1`)
  for (const host of hosts) proxies.push(await startFaultyProxy({ upstream: primary.port, host }))
  closers.push(() => Promise.all(proxies.map((proxy) => proxy.close())))
  const references = reference ? [`127.0.9.1:${reference.port}`] : []
  const installation = createInstallation({ name: 'own-fault', config: { continuity: { references } } })
  closers.push(() => installation.remove())
  const server = await installation.start()
  closers.push(() => server.stop())
  const operator = await makeOperator(server)
  const file = join(installation.data, 'own.yaml')
  const routes = hosts.map((host, i) => ({
    name: `r${i}`,
    kind: 'primary',
    settings: { hosts: [{ host, port: proxies[i]!.port }], tls: 'none', sensitivity: 'quick' },
  }))
  const domains = hosts.map((_, i) => ({ name: `d${i}.test`, route: `r${i}` }))
  writeFileSync(file, JSON.stringify({ organisations: [{ slug: 'own', name: 'Own', routes, domains }] }))
  await installation.must(['apply', '-f', file, '--json'])
  const organisation = (await operator.get('/organisations'))[0].id
  const stage: Stage = {
    installation,
    server,
    operator,
    proxies,
    routes: () => operator.get(`/organisations/${organisation}/routes`),
  }
  await sleep(4000)
  return stage
}

/** So long no mode but normal is seen. */
async function nothingSwitches(stage: Stage, seconds: number): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(300))
    expect((await stage.routes()).map(({ name, mode }) => `${name} ${mode}`)).toEqual(
      stage.proxies.map((_, i) => `r${i} normal`),
    )
}

async function saysSo(stage: Stage): Promise<void> {
  for (const { blind } of await stage.routes()) expect(blind?.why).toMatch(/fail at once|reference host/)
  const { stdout } = await stage.installation.cli(['mode'])
  expect(stdout).toContain('Cannot be judged since')
  const metrics = await (await fetch(`http://127.0.0.1:${stage.server.ports.http}/metrics`)).text()
  expect(metrics).toMatch(/^holdfast_blind 1$/m)
  expect(stage.server.log()).toContain('Holdfast cannot see')
}

describe('our own uplink', () => {
  test('four mail systems in four networks: nothing switches; one alone is declared', async () => {
    const stage = await setUp(4)
    await Promise.all(stage.proxies.map((proxy) => proxy.setFault({ act: 'blackhole' })))
    await nothingSwitches(stage, HOLDS_FOR)
    await saysSo(stage)
    await Promise.all(stage.proxies.map((proxy) => proxy.setFault(null)))
    await until('it sees again', async () => (await stage.routes()).every(({ blind }) => blind === null), 20_000)
    await nothingSwitches(stage, 5)

    await Promise.all(stage.proxies.map((proxy) => proxy.setFault({ act: 'refuse' })))
    await nothingSwitches(stage, REFUSED_FOR)
    await saysSo(stage)
    await Promise.all(stage.proxies.map((proxy) => proxy.setFault(null)))
    await until('it sees again', async () => (await stage.routes()).every(({ blind }) => blind === null), 20_000)
    await nothingSwitches(stage, 3)

    await stage.proxies[0]!.setFault({ act: 'blackhole' })
    await until('the dead one is declared', async () => (await stage.routes())[0]!.mode === 'emergency', 20_000)
    expect((await stage.routes()).slice(1).map(({ mode }) => mode)).toEqual(['normal', 'normal', 'normal'])
  })

  test('one mail system and a reference host: nothing switches; with the reference alive it is declared', async () => {
    const echo = await startStandIn()
    closers.push(() => echo.close())
    const reference = await startFaultyProxy({ upstream: echo.port, host: '127.0.9.1' })
    closers.push(() => reference.close())
    const stage = await setUp(1, reference)
    await Promise.all([...stage.proxies, reference].map((proxy) => proxy.setFault({ act: 'blackhole' })))
    await nothingSwitches(stage, HOLDS_FOR)
    await saysSo(stage)
    await Promise.all([...stage.proxies, reference].map((proxy) => proxy.setFault(null)))
    await until('it sees again', async () => (await stage.routes()).every(({ blind }) => blind === null), 20_000)
    await stage.proxies[0]!.setFault({ act: 'blackhole' })
    await until('the dead one is declared', async () => (await stage.routes())[0]!.mode === 'emergency', 20_000)
    const check = await stage.installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000)).toBe(0)
  })
})
