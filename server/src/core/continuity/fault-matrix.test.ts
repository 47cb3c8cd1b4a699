/**
 * The matrix of faults by the fake clock, at `balanced`: what is dead is declared within 60 s, what is half dead within
 * 120 s, what takes mail and loses it within 15 minutes, what is harmless never in ten times the bound (at `quick` too), what is ours never; and when it heals all is normal again. Every wrong
 * switch is counted, and the sum is printed: it must be 0.
 */
import { afterAll, expect, test } from 'vitest'
import { engineScene, type EngineScene, type SceneRoute } from '../../../testkit/faults/engine-scene.ts'
import {
  faultClassNames,
  faultTable,
  type FaultClass,
  type FaultClassName,
  type Outcome,
} from '../../../testkit/faults/fault-table.ts'
import { sensitivities } from './sensitivity.ts'

const HOUR = 3_600_000
const seeds = [1, 2, 3]
const rates = { idle: 0, quiet: 0.1, busy: 3 } as const
const bound = { dead: 60, halfDead: 120, vanishes: 900 } as const
let falseSwitches = 0
afterAll(() => {
  console.log(`false switches over the matrix: ${falseSwitches}`)
  expect(falseSwitches).toBe(0)
})

const of = (outcome: Outcome): FaultClassName[] =>
  faultClassNames.filter((name) => faultTable[name].outcome === outcome)
const faultOf = (name: FaultClassName): FaultClass => faultTable[name]
/** Providers that have nothing to do with each other. */
const providers = (count: number, mail: number): SceneRoute[] =>
  Array.from({ length: count }, (_, i) => ({ name: `r${i}`, hosts: [`mx.provider${i}.test`], mail }))

const emergencies = (scene: EngineScene, name: string): number[] =>
  scene.seen(name).flatMap(({ at, mode }) => (mode === 'emergency' ? [at] : []))

async function secondsUntil(scene: EngineScene, wanted: () => boolean, most: number): Promise<number> {
  const from = scene.clock.now()
  while (!wanted()) {
    await scene.clock.advance(500)
    if (scene.clock.now() - from > most * 1000) throw new Error(`not after ${most} s`)
  }
  return (scene.clock.now() - from) / 1000
}

/** The return brings home what waits, in ten seconds; what hung in it may stop it once more. */
async function comesHome(scene: EngineScene): Promise<void> {
  for (let tries = 0; scene.mode('r0') !== 'normal' && tries < 20; tries++) {
    await scene.clock.advance(10_000)
    if (scene.mode('r0') === 'recovering') scene.drained('r0')
  }
  await scene.clock.advance(60_000)
}

/** One alone, and one among four others that are well: the watch over our own sight must not be in the way. */
const companies = { alone: 1, among: 5 } as const

for (const outcome of ['dead', 'halfDead'] as const)
  for (const name of of(outcome))
    for (const [company, count] of Object.entries(companies))
      test(`${name} (${company}): declared within ${bound[outcome]} s, over when it heals`, async () => {
        for (const seed of seeds)
          for (const mail of outcome === 'dead' ? [rates.idle, rates.busy] : [0.5, rates.busy]) {
            const scene = engineScene({ routes: providers(count, mail), seed })
            await scene.clock.advance(40_000 + seed * 1317)
            scene.setFault(faultOf(name), 'r0')
            await secondsUntil(scene, () => scene.mode('r0') === 'emergency', bound[outcome])
            await scene.clock.advance(60_000)
            // What no probe sees begins its return and falls back, each time after a longer rest; it is never normal.
            if (outcome === 'dead') expect(emergencies(scene, 'r0')).toHaveLength(1)
            const first = emergencies(scene, 'r0')[0]!
            expect(scene.seen('r0').some(({ at, mode }) => at > first && mode === 'normal')).toBe(false)
            scene.setFault(null, 'r0')
            await secondsUntil(scene, () => scene.mode('r0') === 'recovering', outcome === 'dead' ? 60 : 120)
            await comesHome(scene)
            for (let i = 1; i < count; i++) falseSwitches += scene.seen(`r${i}`).length
            expect(scene.mode('r0')).toBe('normal')
            expect(scene.isBlind()).toBe(false)
            scene.stop()
          }
      })

/** What only a round trip sees is harmless for ten times its bound, not that of others. */
const isAboutBox = (name: FaultClassName): boolean => faultOf(name).box !== undefined
for (const sensitivity of ['balanced', 'quick'] as const)
  for (const name of of('harmless').filter((one) => sensitivity !== 'quick' || !faultOf(one).tooMuchForQuick)) {
    const seconds = 10 * (isAboutBox(name) ? bound.vanishes : bound.halfDead)
    test(`${name}: never an emergency in ${seconds} s, at ${sensitivity}`, async () => {
      for (const seed of sensitivity === 'quick' || isAboutBox(name) ? [1] : seeds)
        for (const mail of isAboutBox(name) ? [rates.idle] : Object.values(rates)) {
          const routes = providers(1, mail).map((one) => ({ ...one, sensitivity, roundTrip: true }))
          const scene = engineScene({ routes, seed })
          await scene.clock.advance(40_000)
          scene.setFault(faultOf(name))
          await scene.clock.advance(seconds * 1000)
          falseSwitches += emergencies(scene, 'r0').length
          expect(emergencies(scene, 'r0')).toEqual([])
          scene.stop()
        }
    })
  }

for (const name of of('vanishes'))
  for (const mail of [rates.idle, rates.busy])
    test(`${name} (${mail} messages a second): declared within ${bound.vanishes} s by the round trip, over when it arrives again`, async () => {
      for (const seed of mail > 0 ? [1] : seeds) {
        const routes = providers(3, mail).map((one, i) => ({ ...one, roundTrip: i === 0 }))
        const scene = engineScene({ routes, seed })
        await scene.clock.advance(40_000 + seed * 1317)
        scene.setFault(faultOf(name), 'r0')
        await secondsUntil(scene, () => scene.mode('r0') === 'emergency', bound.vanishes)
        // RCPT is well answered all the time: that must not end it.
        await scene.clock.advance(HOUR / 2)
        expect(emergencies(scene, 'r0')).toHaveLength(1)
        expect(scene.mode('r0')).toBe('emergency')
        scene.setFault(null, 'r0')
        await secondsUntil(scene, () => scene.mode('r0') === 'recovering', 300)
        await comesHome(scene)
        expect(scene.mode('r0')).toBe('normal')
        for (const other of ['r1', 'r2']) falseSwitches += scene.seen(other).length
        scene.stop()
      }
    })

for (const name of ['dot-452', 'disconnect-in-data', 'hang-after-dot'] as const)
  test(`${name}, without any traffic: a canary finds it out within 10 minutes, and its end`, async () => {
    for (const seed of seeds) {
      const scene = engineScene({ routes: [{ ...providers(1, 0)[0]!, canary: true }], seed })
      await scene.clock.advance(400_000 + seed * 1317)
      scene.setFault(faultTable[name])
      await secondsUntil(scene, () => scene.mode('r0') === 'emergency', 600)
      await scene.clock.advance(HOUR / 4)
      expect(emergencies(scene, 'r0')).toHaveLength(1)
      scene.setFault(null)
      await secondsUntil(scene, () => scene.mode('r0') === 'recovering', 180)
      await comesHome(scene)
      expect(scene.mode('r0')).toBe('normal')
      scene.stop()
    }
  })

test('one of three hosts dead: nothing at all changes', async () => {
  const hosts = ['a.corp.test', 'b.corp.test', 'c.corp.test']
  for (const mail of Object.values(rates)) {
    const scene = engineScene({ routes: [{ name: 'r0', hosts, mail }] })
    await scene.clock.advance(20_000)
    scene.killHost('r0', hosts[0]!)
    await scene.clock.advance(bound.halfDead * 10_000)
    falseSwitches += scene.changes()
    expect(scene.seen('r0')).toEqual([])
    scene.stop()
  }
})

for (const name of of('held'))
  test(`${name}: no more emergencies in any hour than the hold-down allows`, async () => {
    for (const mail of [rates.idle, rates.busy]) {
      const scene = engineScene({ routes: providers(1, mail) })
      await scene.clock.advance(40_000)
      scene.setFault(faultOf(name))
      await scene.clock.advance(2 * HOUR)
      const declared = emergencies(scene, 'r0')
      for (const at of declared)
        expect(declared.filter((t) => t > at - HOUR && t <= at).length).toBeLessThanOrEqual(
          sensitivities.balanced.emergenciesPerHour,
        )
      scene.stop()
    }
  })

for (const name of of('ours')) {
  test(`${name}, among four: nothing switches, it says so, and it ends by itself`, async () => {
    for (const seed of seeds)
      for (const mail of Object.values(rates)) {
        const scene = engineScene({ routes: providers(4, mail), seed })
        await scene.clock.advance(40_000 + seed * 777)
        scene.setFault(faultOf(name))
        await scene.clock.advance(10 * 60_000)
        falseSwitches += scene.changes()
        expect(scene.changes()).toBe(0)
        for (let i = 0; i < 4; i++) expect(scene.state(`r${i}`).memory.blind).not.toBeNull()
        scene.setFault(null)
        await scene.clock.advance(60_000)
        expect(scene.isBlind()).toBe(false)
        for (let i = 0; i < 4; i++) expect(scene.state(`r${i}`).memory.blind).toBeNull()
        falseSwitches += scene.changes()
        expect(scene.changes()).toBe(0)
        scene.stop()
      }
  })

  test(`${name}, one route and a reference: nothing switches, and a dead primary is still declared`, async () => {
    for (const seed of seeds)
      for (const mail of Object.values(rates)) {
        const scene = engineScene({ routes: providers(1, mail), seed, references: ['ns.reference.test:53'] })
        await scene.clock.advance(40_000 + seed * 777)
        scene.setReferences(false)
        scene.setFault(faultOf(name))
        await scene.clock.advance(10 * 60_000)
        falseSwitches += scene.changes()
        expect(scene.changes()).toBe(0)
        expect(scene.state('r0').memory.blind).not.toBeNull()
        scene.setReferences(true)
        scene.setFault(null)
        await scene.clock.advance(60_000)
        expect(scene.state('r0').memory.blind).toBeNull()
        scene.setFault(faultTable.refuse)
        await secondsUntil(scene, () => scene.mode('r0') === 'emergency', bound.dead)
        scene.stop()
      }
  })
}

for (const sensitivity of ['balanced', 'quick'] as const)
  for (const mail of [rates.quiet, 0.5, rates.busy])
    test(`our uplink goes and kept connections hang (${mail} messages a second, ${sensitivity}, one route alone): no emergency, it says so, and a dead primary is still declared`, async () => {
      for (const seed of seeds) {
        const scene = engineScene({ routes: [{ ...providers(1, mail)[0]!, sensitivity }], seed })
        await scene.clock.advance(40_000 + seed * 777)
        scene.setFault({ ...faultTable['uplink-gone'], delivery: faultTable['hang-after-dot'].delivery })
        await scene.clock.advance(10 * 60_000)
        falseSwitches += emergencies(scene, 'r0').length
        expect(emergencies(scene, 'r0')).toEqual([])
        expect(scene.state('r0').memory.blind?.why).toContain('ENETUNREACH')
        scene.setFault(faultTable.refuse)
        await secondsUntil(scene, () => scene.mode('r0') === 'emergency', bound.dead)
        scene.stop()
      }
    })

for (const hours of [1, -1])
  test(`our clock jumps by ${hours} h: nothing switches, and who is dead afterwards is declared in time`, async () => {
    for (const mail of Object.values(rates)) {
      const scene = engineScene({ routes: providers(1, mail) })
      await scene.clock.advance(40_000)
      scene.clock.jump(hours * HOUR)
      await scene.clock.advance(10 * 60_000)
      falseSwitches += scene.changes()
      expect(scene.changes()).toBe(0)
      expect(scene.state('r0').memory.blind).toBeNull()
      scene.setFault(faultTable.refuse)
      await secondsUntil(scene, () => scene.mode('r0') === 'emergency', bound.dead)
      scene.stop()
    }
  })

test('one quick route among patient ones: our silent uplink is not held against it', async () => {
  for (const seed of seeds) {
    const patient = providers(4, 0).map((route) => ({ ...route, sensitivity: 'patient' as const }))
    const scene = engineScene({
      routes: [{ name: 'quick', hosts: ['mx.quick.test'], sensitivity: 'quick' }, ...patient],
      seed,
    })
    await scene.clock.advance(200_000)
    scene.setFault(faultTable['uplink-silent'])
    await scene.clock.advance(10 * 60_000)
    falseSwitches += scene.changes()
    expect(scene.changes()).toBe(0)
    scene.stop()
  }
})

test('the provider of most of our routes fails: that is one outage, and each of them is declared', async () => {
  const shared = Array.from({ length: 4 }, (_, i) => ({ name: `s${i}`, hosts: [`corp${i}.mail.provider.test`] }))
  const scene = engineScene({ routes: [...shared, ...providers(2, 0)] })
  await scene.clock.advance(40_000)
  for (const { name } of shared) scene.setFault(faultTable['accept-and-hang'], name)
  await secondsUntil(scene, () => shared.every(({ name }) => scene.mode(name) === 'emergency'), bound.dead)
  expect(scene.isBlind()).toBe(false)
  scene.stop()
})

test('our uplink goes while one primary is dead: of the others nothing changes, the dead one is declared in the end', async () => {
  const scene = engineScene({ routes: providers(5, 0) })
  await scene.clock.advance(40_000)
  scene.setFault(faultTable.refuse, 'r0')
  await secondsUntil(scene, () => scene.mode('r0') === 'suspect', 30)
  scene.setFault(faultTable['uplink-silent'])
  await scene.clock.advance(10 * 60_000)
  expect(scene.isBlind()).toBe(true)
  scene.setFault(null)
  scene.setFault(faultTable.refuse, 'r0')
  await secondsUntil(scene, () => scene.mode('r0') === 'emergency', 2 * bound.dead)
  for (let i = 1; i < 5; i++) expect(scene.seen(`r${i}`)).toEqual([])
  scene.stop()
})

const asking = { away: 'ask', home: 'ask' } as const
for (const name of of('dead'))
  test(`${name}, ask first: the question within ${bound.dead} s and once, no switch before the answer, home after one more`, async () => {
    const scene = engineScene({
      routes: [{ name: 'r0', hosts: ['mx.provider0.test'], mail: rates.busy, switching: asking }],
    })
    await scene.clock.advance(40_000)
    scene.setFault(faultOf(name))
    await secondsUntil(scene, () => scene.state('r0').memory.question !== null, bound.dead)
    await scene.clock.advance(10 * 60_000)
    expect(scene.seen('r0').map(({ mode }) => mode)).toEqual(['suspect'])
    expect(scene.asked('r0')).toHaveLength(1)
    scene.agree('r0')
    expect(scene.mode('r0')).toBe('emergency')
    expect(scene.state('r0').memory.question).toBeNull()
    scene.setFault(null)
    await secondsUntil(scene, () => scene.state('r0').memory.question?.direction === 'home', 120)
    await scene.clock.advance(60_000)
    expect(scene.mode('r0')).toBe('emergency')
    scene.agree('r0')
    expect(scene.mode('r0')).toBe('recovering')
    await comesHome(scene)
    expect(scene.mode('r0')).toBe('normal')
    expect(scene.asked('r0').map(({ direction }) => direction)).toEqual(['away', 'home'])
    scene.stop()
  })

test('ask first: the question ends by itself when the primary is well again, and nothing ever switched', async () => {
  const scene = engineScene({
    routes: [{ name: 'r0', hosts: ['mx.provider0.test'], mail: rates.busy, switching: asking }],
  })
  await scene.clock.advance(40_000)
  scene.setFault(faultTable.refuse)
  await secondsUntil(scene, () => scene.state('r0').memory.question !== null, bound.dead)
  scene.setFault(null)
  await secondsUntil(scene, () => scene.mode('r0') === 'normal', 60)
  expect(scene.state('r0').memory.question).toBeNull()
  expect(scene.seen('r0').map(({ mode }) => mode)).toEqual(['suspect', 'normal'])
  scene.stop()
})

test('our uplink goes, ask first: nobody is asked', async () => {
  const routes = providers(4, rates.quiet).map((route) => ({ ...route, switching: asking }))
  const scene = engineScene({ routes })
  await scene.clock.advance(40_000)
  scene.setFault(faultTable['uplink-silent'])
  await scene.clock.advance(10 * 60_000)
  for (const { name } of routes) expect(scene.asked(name)).toEqual([])
  scene.stop()
})
