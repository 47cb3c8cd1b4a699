/** Where the primary is told the client, a connection carries what came from one client only, however many there are. */
import { afterEach, expect, test } from 'vitest'
import { startNextHop, type NextHop } from '../../../testkit/next-hop.ts'
import type { ClientAddress } from '../../clients/smtp/client-address.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Job } from './job.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport, Runner } from './runner-ports.ts'

let hop: NextHop
let spare: NextHop | null = null
let runner: Runner
afterEach(async () => {
  runner.stop()
  await hop.close()
  await spare?.close()
  spare = null
})

const offered = ['PIPELINING', 'XCLIENT ADDR', 'XFORWARD ADDR']

/** A runner to these ports, the first of the best priority; gives where reports go. */
function start(
  clientAddress: ClientAddress,
  connections: number,
  ports: number[],
  nameOfClient?: (ip: string) => Promise<string | null | undefined>,
): AttemptReport[] {
  const reports: AttemptReport[] = []
  runner = createRunner({
    clock: systemClock,
    helo: 'mx.test',
    connections,
    slowMs: 60_000,
    findTargets: () =>
      Promise.resolve({
        targets: ports.map((port, priority) => ({
          host: '127.0.0.1',
          port,
          priority,
          protocol: 'smtp' as const,
          tls: 'none' as const,
          clientAddress,
        })),
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
    ...(nameOfClient ? { nameOfClient } : {}),
  })
  return reports
}
function push(name: string, ip: string | null, isNamed = true): void {
  const client = ip === null ? null : { ip, helo: null, name: isNamed ? null : undefined }
  runner.push({ messageId: name, client, recipients: [{ address: `${name}@corp.test` }] } as unknown as Job)
}

async function send(clientAddress: ClientAddress, connections: number, from: (string | null)[]): Promise<string[]> {
  hop = await startNextHop({
    extensions: offered,
    answer: ({ line }) => (line.startsWith('PROXY') ? '' : undefined),
  })
  const reports = start(clientAddress, connections, [hop.port])
  for (const [i, ip] of from.entries()) push(`m${i}`, ip)
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

test.each<[ClientAddress, string[]]>([
  ['xforward', ['NAME=mx.a.test', 'NAME=[UNAVAILABLE]', 'NAME=[TEMPUNAVAIL]']],
  ['xclient', ['NAME=mx.a.test', 'NAME=[UNAVAILABLE]', 'NAME=[TEMPUNAVAIL]']],
  ['proxy', []],
])('%s: the name of a client is found before its message goes, where it is told', async (how, told) => {
  const names = new Map<string, string | null>([
    ['192.0.2.1', 'mx.a.test'],
    ['192.0.2.2', null],
  ])
  const asked = new Set<string>()
  hop = await startNextHop({
    extensions: ['XCLIENT NAME', 'XFORWARD NAME'],
    answer: ({ line }) => (line.startsWith('PROXY') ? '' : undefined),
  })
  const reports = start(how, 1, [hop.port], (ip) => {
    asked.add(ip)
    return Promise.resolve(names.get(ip))
  })
  for (const n of [1, 2, 3]) push(`m${n}`, `192.0.2.${n}`, false)
  await expect.poll(() => reports.length).toBe(3)
  const heard = hop.heard.flatMap(({ line }) => /^(?:XCLIENT|XFORWARD) (.*)/.exec(line)?.[1] ?? [])
  expect([heard, asked.size]).toEqual([told, told.length])
})

test('one client keeps its connection', async () => {
  await send('xclient', 1, ['192.0.2.1', '192.0.2.1', '192.0.2.1'])
  expect(hop.connections()).toBe(1)
})

test.each([
  [
    '421 to XCLIENT',
    (line: string) => (line === 'XCLIENT ADDR=192.0.2.66' ? '421 4.7.0 too many from you' : undefined),
  ],
  ['421 to XCLIENT without a reason', (line: string) => (line === 'XCLIENT ADDR=192.0.2.66' ? '421 no' : undefined)],
])('%s is about that client: its mail is put off, the host is well, and the others go on there', async (_, answer) => {
  hop = await startNextHop({ extensions: offered, answer: ({ line }) => answer(line) })
  spare = await startNextHop({ extensions: offered })
  const reports = start('xclient', 1, [hop.port, spare.port])
  for (const [i, ip] of ['192.0.2.1', '192.0.2.66', '192.0.2.2', '192.0.2.66', '192.0.2.1'].entries()) push(`m${i}`, ip)
  await expect.poll(() => reports.length).toBe(5)
  expect(reports.map(({ results }) => results[0]!.outcome)).toEqual([
    'delivered',
    'deferred',
    'delivered',
    'deferred',
    'delivered',
  ])
  expect(reports.every(({ host }) => host === reports[0]!.host)).toBe(true)
  expect(spare.connections()).toBe(0)
})

test('421 to EHLO in its name too; a host that says it is down is left for the next', async () => {
  let isTheirs = false
  hop = await startNextHop({
    extensions: offered,
    answer({ line }) {
      if (line.startsWith('XCLIENT')) isTheirs = line.endsWith('66')
      return isTheirs && /^(EHLO|HELO)/.test(line) ? '421 4.7.1 not you' : undefined
    },
  })
  spare = await startNextHop({ extensions: offered })
  const reports = start('xclient', 1, [hop.port, spare.port])
  push('m0', '192.0.2.66')
  await expect.poll(() => reports.length).toBe(1)
  expect(reports[0]!.results[0]).toMatchObject({ outcome: 'deferred', code: 421, stage: 'mail' })
  isTheirs = false
  push('m1', '192.0.2.1')
  await expect.poll(() => reports.length).toBe(2)
  expect(reports[1]!.results[0]!.outcome).toBe('delivered')
  expect(spare.connections()).toBe(0)

  await hop.close()
  runner.stop()
  hop = await startNextHop({
    extensions: offered,
    answer: ({ line }) => (line.startsWith('XCLIENT') ? '421 4.3.2 going down' : undefined),
  })
  const others = start('xclient', 1, [hop.port, spare.port])
  push('m2', '192.0.2.1')
  await expect.poll(() => others.length).toBe(1)
  expect(others[0]!.results[0]!.outcome).toBe('delivered')
  expect(spare.connections()).toBe(1)
})
