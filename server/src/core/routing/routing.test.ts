/** Recipients become deliveries, copies and placements by scope and mode; the own mark knows its own and nobody else's. */
import { expect, test } from 'vitest'
import { WireError } from '../../platform/errors.ts'
import { systemClock } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import type { Flow, ModeBoard } from '../continuity/index.ts'
import type { Recipient } from '../directory/index.ts'
import { createOwnId } from './own-id.ts'
import { receivedLine } from './received.ts'
import { threadIdOf } from './copies.ts'
import { createRouting } from './routing.ts'

const organisationId = newId(1)
const recipient = (local: string, change: Partial<Recipient> = {}): Recipient => ({
  organisationId,
  domainId: newId(2),
  address: `${local}@corp.test`,
  folded: `${local}@corp.test`,
  personId: newId(3),
  routeId: newId(4),
  filtering: true,
  rollingCopy: true,
  isProtected: true,
  retentionDays: 14,
  standing: 'known',
  ...change,
})
function routing(flow: Flow | ModeBoard['flow'], room = true, heldThemselves = false) {
  const board: ModeBoard = {
    standing: () => {
      throw new Error('not asked')
    },
    flow: typeof flow === 'string' ? () => flow : flow,
    isHeldThemselves: () => heldThemselves,
    onChange: () => undefined,
  }
  return createRouting({
    board,
    clock: systemClock,
    hasRoom: () => room,
    directory: {
      resolve: (address) =>
        address.startsWith('nobody')
          ? Promise.reject(new WireError('unknown-recipient'))
          : Promise.resolve(recipient(address.split('@')[0]!)),
      known: () => null,
      organisationOfDomain: (domain) =>
        Promise.resolve(domain === 'corp.test' ? { organisationId, domainId: newId(2), outboundRouteId: null } : null),
    },
  })
}
const input = { receivedAt: 1_790_000_000_000, threadRoot: '<root@x>' }
const of = (one: Recipient, looped = false) => [{ recipient: one, notify: 0, orcpt: null, looped }]

test.each([
  ['relay', true, { hot: true, held: false }],
  ['attempt', true, { hot: true, held: false }],
  ['relay', false, { hot: false, held: false }],
  ['wait', true, { hot: false, held: true }],
  ['paced', true, { hot: false, held: true }],
  ['keep', true, { hot: false, held: true }],
] as const)('flow %s with room %s', (flow, room, expected) => {
  const { deliveries, copies } = routing(flow, room).inbound(input, of(recipient('alice')))
  expect(deliveries[0]).toMatchObject(expected)
  expect(copies[0]).toMatchObject({
    folderNo: 1,
    policy: 'organisation:14d',
    expiresAt: input.receivedAt + 14 * 86_400_000,
  })
})

test('scopes decide copy and placement, in every mode', () => {
  const inbound = (...args: Parameters<ReturnType<typeof routing>['inbound']>) => routing('relay').inbound(...args)
  expect(inbound(input, of(recipient('a', { isProtected: false }))).copies[0]).toMatchObject({ folderNo: null })
  expect(inbound(input, of(recipient('a', { rollingCopy: false }))).copies[0]).toMatchObject({
    folderNo: 1,
    policy: 'owed',
    expiresAt: Infinity,
  })
  expect(inbound(input, of(recipient('a', { rollingCopy: false, isProtected: false }))).copies).toEqual([])
  expect(inbound(input, of(recipient('a', { personId: null }))).copies).toEqual([])
})

test('one person under two addresses: two deliveries, seen once', () => {
  const personId = newId(9)
  const routed = routing('relay').inbound(input, [
    ...of(recipient('alice', { personId })),
    ...of(recipient('a.smith', { personId })),
  ])
  expect(routed.deliveries).toHaveLength(2)
  expect(routed.copies).toHaveLength(1)
  expect(routed.copies[0]!.deliveryId).toBe(routed.deliveries[0]!.deliveryId)
})

test('a loop and an unknown recipient are parked with their reason, not tried', () => {
  const inbound = (...args: Parameters<ReturnType<typeof routing>['inbound']>) => routing('relay').inbound(...args)
  const loop = inbound(input, of(recipient('a'), true))
  expect(loop.deliveries[0]).toMatchObject({ parked: 'loop', hot: false })
  expect(loop.copies).toMatchObject([{ deliveryId: loop.deliveries[0]!.deliveryId, folderNo: 1 }])
  expect(inbound(input, of(recipient('a', { standing: 'park', personId: null }))).deliveries[0]).toMatchObject({
    parked: 'unknown-recipient-parked',
    hot: false,
  })
})

test('outbound: colleagues inside, the world by the way out, what cannot be reached is named', async () => {
  const out = newId(7)
  const author = { organisationId, personId: newId(5), routeId: newId(4), address: 'a@corp.test' }
  const routed = await routing('relay').outbound({ ...input, organisationId, outboundRouteId: out, author }, [
    'bob@corp.test',
    'x@else.test',
    'nobody@corp.test',
  ])
  expect(routed.deliveries.map((d) => [d.recipient, d.routeId === out])).toEqual([
    ['bob@corp.test', false],
    ['x@else.test', true],
  ])
  expect(routed.copies).toHaveLength(1)
  expect(routed.refused.map((r) => [r.address, r.error.code])).toEqual([['nobody@corp.test', 'unknown-recipient']])
  expect(routed.deliveries[1]).toMatchObject({ hot: true, held: false, parked: null })
  const none = await routing('relay').outbound({ ...input, organisationId, outboundRouteId: null, author }, [
    'x@else.test',
  ])
  expect(none.refused[0]!.error.code).toBe('config')
})

test("a hold over the author's mail system keeps what goes outside; colleagues go on; a notice goes", async () => {
  const author = { organisationId, personId: newId(5), routeId: newId(6), address: 'a@corp.test' }
  const asked: Parameters<ModeBoard['flow']>[] = []
  const flow: ModeBoard['flow'] = (...question) => {
    asked.push(question)
    return question[1] === 'fromPeople' ? 'keep' : 'relay'
  }
  const to = ['bob@corp.test', 'x@else.test']
  const outbound = { ...input, organisationId, outboundRouteId: newId(7), writtenHere: true }
  const { deliveries, copies } = await routing(flow).outbound({ ...outbound, author }, to)
  expect(deliveries.map(({ recipient, hot, held, parked }) => [recipient, hot, held, parked])).toEqual([
    ['bob@corp.test', true, false, null],
    ['x@else.test', false, false, 'pinned-hold'],
  ])
  expect(copies).toHaveLength(1)
  expect(asked).toContainEqual([author, 'fromPeople'])
  const notice = await routing(flow).outbound({ ...outbound, author: null }, to)
  expect(notice.deliveries.map(({ hot, parked }) => [hot, parked])).toEqual([
    [true, null],
    [true, null],
  ])
})

test.each([
  ['what a held person writes here', true, true],
  ['what a held mail system hands over', false, false],
])('%s is kept from colleagues too, out of their sight', (_, writtenHere, heldThemselves) => {
  const author = { organisationId, personId: newId(5), routeId: newId(6), address: 'a@corp.test' }
  const flow: ModeBoard['flow'] = (_whose, traffic) => (traffic === 'fromPeople' ? 'keep' : 'relay')
  const at = routing(flow, true, heldThemselves)
  const { deliveries, copies } = at.inbound({ ...input, author, writtenHere }, of(recipient('bob')))
  expect(deliveries[0]).toMatchObject({ hot: false, held: false, parked: 'pinned-hold' })
  expect(copies).toMatchObject([{ folderNo: null, policy: 'organisation:14d' }])
  const theirs = at.inbound({ ...input, author: null }, of(recipient('bob')))
  expect(theirs.deliveries[0]).toMatchObject({ hot: true, parked: null })
  expect(theirs.copies[0]!.folderNo).toBe(1)
})

test('threads: the same root is the same thread for a person, another for another', () => {
  const [a, b] = [newId(1), newId(2)]
  expect(threadIdOf(a, '<r@x>', a)).toBe(threadIdOf(a, '<r@x>', b))
  expect(threadIdOf(a, '<r@x>', a)).not.toBe(threadIdOf(b, '<r@x>', a))
  expect(threadIdOf(a, null, b)).toBe(b)
})

test('own mark: knows the same recipient again, not another, not another installation, not a made-up one', () => {
  const keys = keysFrom(Buffer.alloc(32, 1))
  const own = createOwnId(keys, 'installation-one')
  const people = Array.from({ length: 95 }, (_, i) => `p${i}@corp.test`)
  const values = own
    .header('org', 'message-one', people)
    .split(/\r\n(?! )/)
    .filter(Boolean)
    .map((field) =>
      field
        .replace(/^[^:]*:/, '')
        .replace(/\r\n/g, '')
        .trim(),
    )
  expect(values.length).toBe(3)
  for (const person of people) expect(own.seen('org', values, person)).toBe(true)
  expect(own.seen('org', values, 'other@corp.test')).toBe(false)
  // In another organisation's name it is another way, and no loop.
  expect(own.seen('another', values, people[0]!)).toBe(false)
  expect(createOwnId(keys, 'installation-two').seen('org', values, people[0]!)).toBe(false)
  expect(own.seen('org', ['installation-one message-one 0000000000000000'], people[0]!)).toBe(false)
  // Another message, other marks: one that was learned from a message tells nothing about the next.
  expect(own.header('org', 'message-two', ['p0@corp.test']).split(' ').at(-1)).not.toBe(
    own.header('org', 'message-one', ['p0@corp.test']).split(' ').at(-1),
  )
  expect(
    own.seen(
      'org',
      values.map((value) => value.replace('message-one', 'message-two')),
      people[0]!,
    ),
  ).toBe(false)
  for (const line of own.header('org', 'message-one', people).split('\r\n')) expect(line.length).toBeLessThan(120)
})

test('Received: what a peer calls itself cannot break the header', () => {
  const line = receivedLine({
    helo: 'evil\r\nSubject: x) (',
    clientIp: '2001:db8::1',
    esmtp: true,
    tls: 'TLSv1.3 TLS_AES_256',
    signedIn: true,
    smtputf8: false,
    hostname: 'mx.test',
    messageId: newId(1),
    recipient: null,
    at: Date.UTC(2026, 0, 2, 3, 4, 5),
  })
  expect(line.split('\r\n').filter((l) => l !== '' && !l.startsWith('\t'))).toHaveLength(1)
  expect(line).toContain('[IPv6:2001:db8::1]')
  expect(line).toContain('with ESMTPSA id')
  expect(line).toContain('Fri, 2 Jan 2026 03:04:05 +0000')
})
