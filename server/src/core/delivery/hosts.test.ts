/** Which host is next: priorities, turns, rest after a failure, and the way back. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { createHosts, type RankedTarget } from './hosts.ts'

const target = (host: string, priority: number): RankedTarget => ({
  host,
  port: 25,
  priority,
  protocol: 'smtp',
  tls: 'none',
})
const [a, b, spare] = [target('a', 10), target('b', 10), target('spare', 20)]
const all = [spare, a, b]
const names = (targets: RankedTarget[]): string => targets.map(({ host }) => host).join(' ')

test('hosts of one priority take turns; chance decides only who is first', () => {
  for (const [chance, first, second] of [
    [[0.5, 0.1, 0.9], a, b],
    [[0.5, 0.9, 0.1], b, a],
  ] as const) {
    let n = 0
    const hosts = createHosts(fakeClock(), () => chance[n++ % 3]!)
    const used: RankedTarget[] = []
    for (let i = 0; i < 6; i++) {
      const next = hosts.inOrder(all)[0]!
      hosts.begin(next)
      used.push(next)
    }
    expect(used).toEqual([first, second, first, second, first, second])
  }
})

test('several addresses of one name are one host in turns, and rest each for itself', () => {
  const hosts = createHosts(fakeClock(), () => 0)
  const four = { ...a, address: '192.0.2.1' }
  const six = { ...a, address: '2001:db8::1' }
  hosts.begin(four)
  expect(hosts.inOrder([four, six, b])[0]).toBe(b)
  hosts.failed(six, 0)
  expect([hosts.isWell(four), hosts.isWell(six)]).toEqual([true, false])
})

test('one that failed rests, twice as long each time; one transaction tries it, the others wait for how that ends', async () => {
  const clock = fakeClock()
  const hosts = createHosts(clock, () => 0)
  for (const rest of [10, 20, 40, 80, 160, 300, 300]) {
    const begun = hosts.begin(a)
    await clock.advance(1)
    hosts.failed(a, begun)
    // Others that began before it was known to fail are the same fault.
    hosts.failed(a, begun)
    await clock.advance(rest * 1000 - 1)
    expect(names(hosts.inOrder([a, spare]))).toBe('spare a')
    await clock.advance(1)
    expect(names(hosts.inOrder([a, spare]))).toBe('a spare')
    // This one tries it.
    hosts.begin(a)
    expect(names(hosts.inOrder([a, spare]))).toBe('spare a')
  }
  hosts.worked(a)
  expect(names(hosts.inOrder([a, spare]))).toBe('a spare')
  const begun = hosts.begin(a)
  await clock.advance(1)
  hosts.failed(a, begun)
  await clock.advance(10_000)
  expect(hosts.isWell(a)).toBe(true)
})

test('what is not asked for any more is forgotten, what is stays', async () => {
  const clock = fakeClock()
  const hosts = createHosts(clock, () => 0)
  for (let i = 0; i < 300; i++) hosts.failed({ ...a, address: `192.0.2.${i}` }, 0)
  const last = { ...a, address: '192.0.2.299' }
  hosts.inOrder([last, b])
  expect(hosts.isWell(last)).toBe(false)
  expect(hosts.isWell({ ...a, address: '192.0.2.1' })).toBe(true)
})
