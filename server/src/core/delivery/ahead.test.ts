/** A destination that is busier than its connections says the next transaction ahead; nothing waits for it, nothing is lost. */
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startNextHop, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import type { Job } from './job.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport, Runner } from './runner-ports.ts'

let hop: NextHop
let runner: Runner
afterEach(async () => {
  runner.stop()
  await hop.close()
})

const job = (name: string): Job => ({ messageId: name, recipients: [{ address: `${name}@corp.test` }] }) as never

async function start(connections: number, answer?: NextHopOptions['answer'], clock: Clock = systemClock) {
  hop = await startNextHop(answer ? { answer } : {})
  const reports: AttemptReport[] = []
  const back: string[] = []
  const closed = new Set<string>()
  runner = createRunner({
    clock,
    helo: 'mx.test',
    connections,
    slowMs: 60_000,
    findTargets: () =>
      Promise.resolve({ targets: [{ host: '127.0.0.1', port: hop.port, priority: 0, protocol: 'smtp', tls: 'none' }] }),
    mailOf: ({ messageId }) => ({
      from: 'a@outside.test',
      size: 3,
      smtputf8: false,
      eightbit: false,
      ret: null,
      envid: null,
      recipients: [{ address: `${messageId}@corp.test`, notify: null, orcpt: null }],
      body: () => [Buffer.from(`${messageId}\r\n`)],
    }),
    mayGo: ({ messageId }) => !closed.has(messageId),
    handBack: ({ messageId }) => void back.push(messageId),
    report: (report) => void reports.push(report),
    onSlow: () => undefined,
  })
  const ends = (): string[] => reports.map(({ job, results }) => `${job.messageId} ${results[0]!.outcome}`)
  return { reports, back, closed, ends }
}
const heard = (): string[] => hop.heard.map(({ line }) => line)
/** It says nothing more once a first message is there. */
const silentFromDot: NextHopOptions['answer'] = ({ connection }) =>
  hop.heard.some(({ line, connection: its }) => line === '.' && its === connection) ? '' : undefined
const said = (name: string): boolean => heard().includes(`RCPT TO:<${name}@corp.test>`)
const sent = (): string[] => heard().filter((line) => /^[a-z]$/.test(line))

test('more messages than connections: all arrive once, each is reported once', async () => {
  const { ends } = await start(2)
  const names = 'abcdefghijkl'.split('')
  for (const name of names) runner.push(job(name))
  await expect.poll(() => ends().length).toBe(names.length)
  expect(ends().sort()).toEqual(names.map((name) => `${name} delivered`))
  expect(sent().sort()).toEqual(names)
  expect(hop.connections()).toBe(2)
  expect(runner.load()).toBe(0)
})

test('said ahead and not begun: it is still taken back', async () => {
  const { ends } = await start(1, silentFromDot)
  for (const name of 'abc') runner.push(job(name))
  await expect.poll(() => said('b')).toBe(true)
  expect(runner.load()).toBe(3)
  expect(runner.takeBack().map(({ messageId }) => messageId)).toEqual(['b', 'c'])
  expect(runner.load()).toBe(1)
  runner.stop()
  await expect.poll(ends).toEqual(['a unsure'])
  expect(sent()).toEqual(['a'])
})

test('a route that closes when it was said: its body does not go', async () => {
  const { ends, back, closed } = await start(1, ({ line }) => {
    if (line === '.') closed.add('b')
    return undefined
  })
  for (const name of 'ab') runner.push(job(name))
  await expect.poll(() => back).toEqual(['b'])
  expect(ends()).toEqual(['a delivered'])
  expect(sent()).toEqual(['a'])
})

test.each([
  ['loses what comes behind the final dot', ''],
  ['takes it for commands out of place', '503 5.5.1 not now'],
])(
  'a server that %s: the message goes by another connection, and nothing is said ahead again',
  async (_, answer) => {
    const clock = fakeClock()
    const { ends } = await start(
      1,
      ({ line, connection }) => {
        const isAhead = connection === 1 && heard().includes('.') && /^(MAIL|RCPT|DATA)/.test(line)
        return isAhead ? answer : undefined
      },
      clock,
    )
    for (const name of 'abcd') runner.push(job(name))
    await expect.poll(() => ends()[0]).toBe('a delivered')
    if (answer === '') await clock.advance(20_001)
    await expect.poll(ends).toEqual('abcd'.split('').map((name) => `${name} delivered`))
    expect(sent()).toEqual('abcd'.split(''))
    expect(hop.connections()).toBe(2)
  },
  20_000,
)

test('behind a message whose answer does not come nothing waits for more than two seconds', async () => {
  const { ends } = await start(2, (heard) => (heard.connection === 1 ? silentFromDot(heard) : undefined))
  for (const name of 'abcdef') runner.push(job(name))
  await expect.poll(() => ends().length, { timeout: 6_000 }).toBe(5)
  const [stuck] = 'abcdef'.split('').filter((name) => !ends().includes(`${name} delivered`))
  expect('ab').toContain(stuck)
  expect(hop.heard.filter(({ line, connection }) => connection === 1 && /^RCPT/.test(line))).toHaveLength(2)
  expect(runner.load()).toBe(1)
})
