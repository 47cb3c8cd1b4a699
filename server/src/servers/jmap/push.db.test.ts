/** Changes pushed to clients: the event source of RFC 8620 section 7.3, its end, its bounds. */
import { get, type ClientRequest } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { streamChanges } from './eventsource.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())

const mail = (n: string, extra = '', body = `Hello ${n}`): string =>
  `From: Joe Sender <joe@outside.test>\nTo: Alice <alice@corp.test>\nSubject: Mail ${n}\nMessage-ID: <${n}@outside.test>\nDate: Mon, 2 Nov 2026 09:00:00 +0100\n${extra}\n${body}\n`

test('who comes back with the last event id hears of what was missed', async () => {
  const owner = it.owner('alice')
  const heard: string[] = []
  const wish = { types: ['Email'], closeAfterState: true, pingSeconds: 0 }
  const state = await it.mailbox.formatState('e', await it.mailbox.state(owner))
  const listen = (lastSeen: string | null) =>
    streamChanges(
      { mailbox: it.mailbox, clock: systemClock, log: silentLog, isAllowed: () => Promise.resolve(true) },
      owner,
      { ...wish, lastSeen },
      { write: (text) => heard.push(text), end: () => undefined },
    )
  const stop = listen(state)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(heard).toEqual([])
  stop()
  await it.receive(mail('missed'))
  listen(state)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(heard).toHaveLength(1)
  expect(heard[0]).toContain('event: state\nid: e1.')
})

test('a stream ends with its session: a change after signing out is not told', async () => {
  const personId = it.signIn('alice')
  const owner = { organisationId: it.org.organisationId, personId }
  const heard: string[] = []
  let isAllowed = true
  let ended = false
  streamChanges(
    { mailbox: it.mailbox, clock: systemClock, log: silentLog, isAllowed: () => Promise.resolve(isAllowed) },
    owner,
    { types: ['Email'], closeAfterState: false, pingSeconds: 0, lastSeen: null },
    { write: (text) => heard.push(text), end: () => (ended = true) },
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  isAllowed = false
  await it.receive(mail('after-sign-out'))
  await expect.poll(() => ended).toBe(true)
  expect(heard).toEqual([])
})

test('a change is pushed', async () => {
  const address = await it.app.listen({ host: '127.0.0.1', port: 0 })
  const stop = new AbortController()
  const response = await fetch(`${address}/jmap/eventsource?types=*&closeafter=state&ping=0`, { signal: stop.signal })
  const text = (async () => {
    let all = ''
    for await (const chunk of response.body!) all += Buffer.from(chunk as Uint8Array).toString()
    return all
  })()
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await it.receive(mail('pushed'))
  const events = await text
  expect(events).toContain('event: state')
  const data = JSON.parse(/^data: (.*)$/m.exec(events)![1]!)
  expect(Object.keys(data.changed[it.org.people.alice!.personId] as object)).toEqual([
    'Email',
    'EmailDelivery',
    'Mailbox',
    'Thread',
  ])
  stop.abort()
})

test('push streams of one person are bounded, and a closed one makes room', async () => {
  const { port } = it.app.server.address() as { port: number }
  const streams: ClientRequest[] = []
  const open = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = get({ port, path: '/jmap/eventsource?types=*', agent: false }, (answer) =>
        resolve(answer.resume().statusCode!),
      )
      stream.on('error', reject)
      streams.push(stream)
    })
  for (let i = 0; i < 50; i++) expect(await open()).toBe(200)
  expect(await open()).toBe(429)
  streams[0]!.destroy()
  await expect.poll(open).toBe(200)
  for (const stream of streams) stream.destroy()
})
