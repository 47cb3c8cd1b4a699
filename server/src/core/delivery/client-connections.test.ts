/** Where the primary is told the client, a connection carries what came from one client only, however many there are. */
import { afterEach, expect, test } from 'vitest'
import { startNextHop, type NextHop } from '../../../testkit/next-hop.ts'
import type { ClientAddress } from '../../clients/smtp/client-address.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Job } from './job.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport, Runner } from './runner-ports.ts'

let hop: NextHop
let runner: Runner
afterEach(async () => {
  runner.stop()
  await hop.close()
})

async function send(clientAddress: ClientAddress, connections: number, from: (string | null)[]): Promise<string[]> {
  hop = await startNextHop({
    extensions: ['PIPELINING', 'XCLIENT ADDR', 'XFORWARD ADDR'],
    answer: ({ line }) => (line.startsWith('PROXY') ? '' : undefined),
  })
  const reports: AttemptReport[] = []
  runner = createRunner({
    clock: systemClock,
    helo: 'mx.test',
    connections,
    slowMs: 60_000,
    findTargets: () =>
      Promise.resolve({
        targets: [{ host: '127.0.0.1', port: hop.port, priority: 0, protocol: 'smtp', tls: 'none', clientAddress }],
      }),
    mailOf: ({ client, messageId }) => ({
      from: `${client?.ip ?? 'own'}@x`,
      size: 3,
      smtputf8: false,
      eightbit: false,
      ret: null,
      envid: null,
      client,
      recipients: [{ address: `${messageId}@corp.test`, notify: null, orcpt: null }],
      body: () => [Buffer.from('x\r\n')],
    }),
    mayGo: () => true,
    handBack: () => undefined,
    report: (report) => void reports.push(report),
    onSlow: () => undefined,
  })
  for (const [i, ip] of from.entries()) {
    const client = ip === null ? null : { ip, helo: null, name: null }
    runner.push({ messageId: `m${i}`, client, recipients: [{ address: `m${i}@corp.test` }] } as unknown as Job)
  }
  await expect.poll(() => reports.length).toBe(from.length)
  expect(reports.every(({ results }) => results[0]!.outcome === 'delivered')).toBe(true)
  // Each message with what was last said about its client on its connection.
  const last = new Map<number, string>()
  return hop.heard.flatMap(({ line, connection }) => {
    const about = /^(?:XCLIENT|XFORWARD) ADDR=(\S+)|^PROXY TCP4 (?:127\.0\.0\.1|(\S+))/.exec(line)
    if (about) last.set(connection, about[1] ?? about[2] ?? 'own')
    const mail = /^MAIL FROM:<(.*)@x>/.exec(line)
    const known = last.get(connection) ?? 'own'
    if (line === '.' && clientAddress === 'xforward') last.delete(connection)
    return mail ? [`${mail[1]!} as ${known}`] : []
  })
}
const clients = ['192.0.2.1', '192.0.2.2', null, '192.0.2.1', '192.0.2.1', '192.0.2.2', null, '192.0.2.1']
const right = clients.map((ip) => `${ip ?? 'own'} as ${ip ?? 'own'}`).sort()

test.each<[ClientAddress, number]>([
  ['xclient', 1],
  ['xclient', 3],
  ['proxy', 1],
  ['proxy', 3],
  ['xforward', 1],
  ['xforward', 3],
])('%s over %i connections', async (how, connections) => {
  expect((await send(how, connections, clients)).sort()).toEqual(right)
})

test('one client keeps its connection', async () => {
  await send('xclient', 1, ['192.0.2.1', '192.0.2.1', '192.0.2.1'])
  expect(hop.connections()).toBe(1)
})
