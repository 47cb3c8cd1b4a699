/**
 * What the matrix of faults (fault-matrix.test.ts) has no proxy for, in real time and all at once against one running
 * Holdfast: pages and sign-in that stop answering while SMTP goes on (`https-dead`, `oidc-dead`), mail that is taken and comes
 * late (`mailbox-slow`, `mailbox-very-slow`, at a thirtieth of the time: kit/beside-stage.ts), a probe whose own password has
 * expired (`probe-password-expired`); then the clock of the process is moved by an hour and back (`clock-jump`). The clock of
 * its database stays, which is more than happens on one machine: there both move.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  boxNames,
  canaryOf,
  declareBeside,
  mortal,
  personOf,
  routeNames,
  startBeside,
  webNames,
  webRoutes,
  type BesideStage,
} from './kit/beside-stage.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail, nonceOf } from './kit/messages.ts'
import { makeOperator } from './kit/operator.ts'
import { pour } from './kit/pour.ts'
import { createRandom } from './kit/random.ts'
import { addTo, noClaims, tally, type Counts } from './kit/tally.ts'
import type { Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const HOUR = 3_600_000
/** Seconds: twice what `quick` promises, with room for a busy machine. */
const WITHIN = 20
/** Seconds from the beginning: two round trips of the slowest that are late, and what three lost ones would take. */
const BOXES_FOR = 36
/** Seconds after a move of the clock. */
const CLOCK_FOR = 6

interface Shown {
  name: string
  mode: string
  held: number
  reach: { last: { outcome: string; text: string } | null }[]
}

describe.skipIf(skip)('what no proxy does', () => {
  const claims = noClaims()
  const random = createRandom(1)
  /** route -> modes as they came, and what its probe said */
  const modes = new Map<string, string[]>()
  const said = new Map<string, Set<string>>()
  const stopWatching = new AbortController()
  let watching: Promise<void> = Promise.resolve()
  let stage: BesideStage
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let organisation: string
  let clockFile: string
  let sent = 0
  let began = 0

  beforeAll(async () => {
    stage = await startBeside()
    installation = createInstallation({ name: 'beside' })
    clockFile = join(installation.data, 'moved-clock')
    server = await installation.start({
      nodeArgs: ['--import', join(import.meta.dirname, 'kit/moved-clock.mjs')],
      env: { MOVED_CLOCK: clockFile },
    })
    operator = await makeOperator(server)
    await declareBeside(installation, stage)
    organisation = (await operator.get('/organisations'))[0].id
    began = Date.now()
    watching = (async () => {
      for (; !stopWatching.signal.aborted; await sleep(250)) await look().catch(() => undefined)
    })()
  })
  afterAll(async () => {
    stopWatching.abort()
    await watching
    await server.stop()
    await installation.remove()
    await stage.close()
  })

  const routes = (): Promise<Shown[]> => operator.get(`/organisations/${organisation}/routes`)
  async function look(): Promise<void> {
    for (const { name, mode, reach } of await routes()) {
      const known = modes.get(name) ?? []
      if (known.at(-1) !== mode) modes.set(name, [...known, mode])
      const text = reach[0]?.last?.text
      if (text !== undefined) said.set(name, (said.get(name) ?? new Set()).add(text))
    }
  }
  const modeOf = (name: string): string | undefined => modes.get(name)?.at(-1)
  const saidOf = (name: string): string => [...(said.get(name) ?? [])].join('\n')
  const areAll = (names: readonly string[], mode: string, seconds: number) =>
    until(`${names.join()} ${mode}`, () => names.every((name) => modeOf(name) === mode), seconds * 1000)

  /** One to each of them. */
  async function mail(names: readonly string[]): Promise<void> {
    const all = names.map((name) => {
      const to = [personOf(name)]
      return makeMail({ random, nonce: `beside-${sent++}`, kind: 'plain', people: to, to })
    })
    await pour(() => server.ports.mx, all, { connections: 2, into: claims })
  }
  async function lost(names: readonly string[] = routeNames): Promise<string[]> {
    const home: Counts = new Map()
    for (const name of names)
      for (const held of await stage.primary.read(personOf(name)))
        addTo(home, countKey(nonceOf(held.bytes) ?? '?', personOf(name)))
    const { missing: absent, extra, strangers } = tally(home, claims)
    expect([...extra.keys(), ...strangers]).toEqual([])
    return absent.filter((line) => names.some((name) => line.includes(` ${personOf(name)}:`)))
  }

  test('pages and sign-in stop answering: an emergency for reading alone, mail goes on, and normal when they are back', async () => {
    const asked = async () =>
      (await routes()).filter(({ name }) => (webNames as string[]).includes(name)).map(({ reach }) => reach[0]?.last)
    await until('all pages answer', async () => (await asked()).every((last) => last?.outcome === 'good'), 30_000)
    await until('round trips come back', () => /in the Inbox after/.test(saidOf('probe-password-expired')), 30_000)
    stage.primary.setPassword(canaryOf('probe-password-expired'), 'a new one')
    for (const name of webNames) stage.stands[name].setFault(webRoutes[name].fault)
    await areAll(webNames, 'emergencyReach', WITHIN)
    await mail([...webNames, ...boxNames])
    await until('it is at the primary meanwhile', async () => (await lost(webNames)).length === 0, 15_000, 500)
    for (const { name, held, mode } of await routes())
      if ((webNames as string[]).includes(name)) expect([name, held, mode]).toEqual([name, 0, 'emergencyReach'])
    for (const name of webNames) stage.stands[name].setFault(null)
    await areAll(webNames, 'normal', WITHIN)
    for (const name of webNames) expect(modes.get(name), name).not.toContain('emergency')
  })

  test('mailboxes behind a queue, and a probe whose password has expired, switch nothing', async () => {
    for (; Date.now() < began + BOXES_FOR * 1000; await sleep(3_000)) await mail(boxNames)
    for (const name of boxNames) expect(modes.get(name), `${name}: ${saidOf(name)}`).not.toContain('emergency')
    await until('the slowest is late', () => /late/.test(saidOf('mailbox-very-slow')), 20_000)
    expect(saidOf('mailbox-slow')).toMatch(/in the Inbox after [5-9]/)
    const last = (await routes()).find(({ name }) => name === 'probe-password-expired')?.reach[0]?.last
    expect(last).toMatchObject({ outcome: 'refused' })
    expect((await routes()).map(({ held }) => held)).toEqual(routeNames.map(() => 0))
  })

  for (const [by, ahead] of [
    [1, 1],
    [-1, 0],
  ] as const)
    test(`the clock moves by ${by} h: nothing switches, and who is dead is declared in time`, async () => {
      await areAll([...webNames, mortal], 'normal', WITHIN)
      const before = new Map(modes)
      const count = () => server.log().split('its clock moved').length
      const known = count()
      writeFileSync(clockFile, String(ahead * HOUR))
      for (const end = Date.now() + CLOCK_FOR * 1000; Date.now() < end; await sleep(1_000)) await mail(routeNames)
      expect(count()).toBeGreaterThan(known)
      for (const name of [...webNames, mortal]) expect(modes.get(name), name).toEqual(before.get(name))
      for (const name of boxNames) expect(modes.get(name), name).not.toContain('emergency')
      await stage.proxy.setFault({ act: 'refuse' })
      await areAll([mortal], 'emergency', WITHIN)
      await stage.proxy.setFault(null)
      await areAll([mortal], 'normal', 2 * WITHIN)
    })

  test('all mail is home, once, and every invariant holds', async () => {
    await until('all is home', async () => (await lost()).length === 0, 60_000, 500).catch(() => undefined)
    expect(await lost()).toEqual([])
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
