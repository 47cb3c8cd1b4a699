/** Two hosts of a primary, one of them dead: the mail arrives, and nothing of it is held against the route. */
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { startStandIn, type StandIn } from '../../testkit/stand-in/stand-in.ts'
import { EvidenceKind, Mode } from '../platform/codes.ts'

let one: OneServer
let second: StandIn
beforeEach(async () => {
  second = await startStandIn()
})
afterEach(async () => {
  await one.close()
  await second.close()
})

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
const host = (port: number, priority: number) => ({ host: '127.0.0.1', port, priority })
const kinds = async (): Promise<number[]> =>
  (await one.db.query<{ kind: number }>('SELECT DISTINCT kind FROM evidence ORDER BY kind')).map(({ kind }) => kind)
const modes = async (): Promise<number[]> =>
  (await one.db.query<{ mode: number }>('SELECT DISTINCT mode FROM route_mode')).map(({ mode }) => mode)
/** What was seen of the route, by mail and by probes, is good and nothing else. */
async function expectGood(): Promise<void> {
  await one.until('seen by a probe', async () => (await kinds()).includes(EvidenceKind.probeGood))
  await one.until('seen by mail', async () => (await kinds()).includes(EvidenceKind.good))
  expect(await kinds()).toEqual([EvidenceKind.good, EvidenceKind.probeGood])
}
const sendMany = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) expect((await one.send(`n${i}`, ['alice@corp.test'])).ok).toBe(true)
  await one.until('all delivered', async () => (await one.count('delivery WHERE state = 10')) === count)
}

test('the better host refuses connections', async () => {
  one = await oneServer({ route: { hosts: [host(await closedPort(), 1), host(second.port, 2)] } })
  await sendMany(20)
  expect(second.store.all()).toHaveLength(20)
  await expectGood()
  expect(await modes()).toEqual([Mode.normal])
  expect(await one.count('attempt WHERE outcome <> 1')).toBe(0)
}, 60_000)

test('the better host takes connections and says that its system fails', async () => {
  const first = await startStandIn()
  await first.setFault('rcpt-4xx')
  one = await oneServer({ route: { hosts: [host(first.port, 1), host(second.port, 2)] } })
  await sendMany(20)
  expect(second.store.all()).toHaveLength(20)
  expect(await modes()).toEqual([Mode.normal])
  await expectGood()
  await first.close()
}, 60_000)

test('both are dead: that is an outage', async () => {
  one = await oneServer({ route: { hosts: [host(await closedPort(), 1), host(await closedPort(), 2)] } })
  for (let i = 0; i < 3; i++) expect((await one.send(`n${i}`, ['alice@corp.test'])).ok).toBe(true)
  await one.until('an emergency', async () => (await modes()).includes(Mode.emergency), 30_000)
  expect(await kinds()).toContain(EvidenceKind.connectRefused)
}, 60_000)
