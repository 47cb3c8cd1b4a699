/** What is refused at RCPT for the recipient's mail system, and what is not. */
import { describe, expect, test } from 'vitest'
import { notListed } from '../../../testkit/not-listed.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { configSchema } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import { RouteKind } from '../../platform/codes.ts'
import { routeSettingsSchema, type Recipient, type RouteBook } from '../directory/index.ts'
import type { MxEnvelope } from './door.ts'
import { createMxDoor, type IntakeDeps } from './intake.ts'
import { takenByAny, takenByRoute } from './mirror.ts'

type Offered = { size?: number; smtputf8?: boolean } | null | undefined

const recipient = (address: string): Recipient => ({ address, routeId: 'r' }) as Recipient
const routes = (offer: Offered): Pick<RouteBook, 'get'> => ({
  get: () => (offer === undefined ? undefined : ({ offer, kind: RouteKind.primary, settings: {} } as never)),
})
const envelope = (change: Partial<MxEnvelope> = {}): MxEnvelope =>
  ({ from: 's@outside.test', declaredSize: null, smtputf8: false, clientIp: '192.0.2.1', ...change }) as MxEnvelope

function answer(offer: Offered, change: Partial<MxEnvelope>, address = 'alice@corp.test'): string {
  try {
    expect(takenByRoute(routes(offer), recipient(address), envelope(change)).address).toBe(address)
    return 'taken'
  } catch (error) {
    const { smtp, enhanced } = (error as WireError).spec
    return `${smtp} ${enhanced}`
  }
}

describe('SIZE', () => {
  test.each<[Offered, number | null, string]>([
    [{ size: 100_000 }, 100_001, '552 5.3.4'],
    // what we add would make it too large
    [{ size: 100_000 }, 99_500, '552 5.3.4'],
    [{ size: 100_000 }, 90_000, 'taken'],
    [{ size: 100_000 }, null, 'taken'],
    [{ size: 0 }, 1e9, 'taken'],
    [null, 1e9, 'taken'],
    [undefined, 1e9, 'taken'],
  ])('offered %j, declared %s: %s', (offer, declaredSize, result) => {
    expect(answer(offer, { declaredSize })).toBe(result)
  })
})

describe('what came, before our 250', () => {
  const big = { size: 200_000, utf8Header: false }
  const utf8 = { size: 100, utf8Header: true }
  const here = { ...recipient('alice@corp.test'), routeId: 'near' }
  const there = { ...here, routeId: 'far' }
  const known = { size: 100_000, smtputf8: false }
  const out = { ...here, routeId: 'out' }
  const both = {
    get: (id: string) =>
      ({ kind: id === 'out' ? RouteKind.mx : RouteKind.primary, offer: id === 'near' ? known : null }) as never,
  } as Pick<RouteBook, 'get'>
  const redirectTo = (...to: Recipient[]) => ({ ...there, redirect: { to } }) as unknown as Recipient
  const listOf = (...members: Recipient[]) => ({ ...there, list: { members } }) as unknown as Recipient
  const answerTo = (to: Recipient[], what: typeof big): string => {
    try {
      takenByAny(both, to, what)
      return 'taken'
    } catch (error) {
      return (error as WireError).spec.enhanced
    }
  }
  test.each<[string, Recipient[], typeof big, string]>([
    ['too large for its only recipient', [here], big, '5.3.4'],
    ['too large for one of two', [here, there], big, 'taken'],
    ['too large, to a system never spoken to', [there], big, 'taken'],
    ['UTF-8 in its header', [here], utf8, '5.6.7'],
    ['UTF-8 in its header, for one of two', [here, out], utf8, 'taken'],
    ['UTF-8 in its header, to a system never spoken to', [there], utf8, '4.3.2'],
    ['to a redirect to both', [redirectTo(here, there)], big, 'taken'],
    ['to a redirect to one', [redirectTo(here)], big, '5.3.4'],
    ['to a list of people here', [listOf(here)], big, '5.3.4'],
    ['to a list with somebody elsewhere', [listOf(here, out)], big, 'taken'],
    ['to a list whose members were never spoken to', [listOf(there)], utf8, '4.3.2'],
    ['to a list without members', [listOf()], big, 'taken'],
    ['to a list and to somebody who takes it', [listOf(here), there], big, 'taken'],
    ['small and plain', [here], { size: 100, utf8Header: false }, 'taken'],
  ])('%s: %4$s', (_, to, what, result) => {
    expect(answerTo(to, what)).toBe(result)
  })
})

describe('REQUIRETLS (RFC 8689)', () => {
  const primary = RouteKind.primary
  const route = (change: object, settings: object = {}) =>
    ({ kind: primary, settings: routeSettingsSchema.parse(settings), offer: null, ...change }) as never
  const asked = (one: never, requireTls = true): string => {
    try {
      takenByRoute({ get: () => one }, recipient('alice@corp.test'), envelope({ requireTls }))
      return 'taken'
    } catch (error) {
      return (error as WireError).spec.enhanced
    }
  }
  test('refused at RCPT where it is known that the primary cannot keep it, and only then', () => {
    expect(asked(route({ offer: { size: 0, requireTls: false } }))).toBe('5.7.30')
    expect(asked(route({ offer: { size: 0, requireTls: true } }, { tls: 'none' }))).toBe('5.7.30')
    expect(asked(route({ offer: { size: 0, requireTls: true } }))).toBe('taken')
    expect(asked(route({}))).toBe('4.3.2')
    expect(asked(route({}, { requireTlsTrusted: true }))).toBe('taken')
    expect(asked(route({}), false)).toBe('taken')
    expect(asked(route({ offer: { size: 0, requireTls: false } }, { tls: 'none', requireTlsTrusted: true }))).toBe(
      'taken',
    )
    expect(asked(route({ kind: RouteKind.mx }))).toBe('taken')
    expect(asked(route({ offer: { size: 0, requireTls: false } }), false)).toBe('taken')
  })
})

describe('SMTPUTF8', () => {
  const lacks = { size: 0, smtputf8: false }
  test.each<[Offered, Partial<MxEnvelope>, string, string]>([
    [lacks, {}, 'grüße@corp.test', '550 5.6.7'],
    [lacks, { from: 'ü@outside.test' }, 'alice@corp.test', '550 5.6.7'],
    [lacks, {}, 'alice@corp.test', 'taken'],
    [{ size: 0, smtputf8: true }, { from: 'ü@outside.test' }, 'grüße@corp.test', 'taken'],
    [null, {}, 'grüße@corp.test', '450 4.3.2'],
    [null, {}, 'alice@corp.test', 'taken'],
    [undefined, {}, 'grüße@corp.test', 'taken'],
  ])('offered %j, %j to %s: %s', (offer, change, address, result) => {
    expect(answer(offer, { smtputf8: true, ...change }, address)).toBe(result)
  })
})

test('an address that stands for several is refused where none of them takes it', () => {
  const to = ['near', 'far', 'out'].map((routeId) => ({ ...recipient('a@corp.test'), routeId }))
  const offers: Record<string, object> = {
    near: { kind: RouteKind.primary, offer: { size: 100_000, smtputf8: false }, settings: {} },
    far: { kind: RouteKind.primary, offer: null, settings: {} },
    out: { kind: RouteKind.mx, offer: null, settings: {} },
  }
  const book = { get: (id: string) => offers[id] as never }
  const ask = (names: string[], change: Partial<MxEnvelope>): string => {
    const redirect = { to: to.filter(({ routeId }) => names.includes(routeId)) }
    try {
      takenByRoute(book, { ...recipient('all@corp.test'), redirect } as unknown as Recipient, envelope(change))
      return 'taken'
    } catch (error) {
      return (error as WireError).code
    }
  }
  expect(ask(['near'], { declaredSize: 200_000 })).toBe('message-too-large')
  expect(ask(['near', 'far'], { declaredSize: 200_000 })).toBe('taken')
  const international = { smtputf8: true, from: 'ü@outside.test' }
  expect(ask(['near'], international)).toBe('smtputf8-not-taken')
  expect(ask(['near', 'far'], international)).toBe('recipient-system-unknown')
  expect(ask(['near', 'far', 'out'], international)).toBe('taken')
})

test('a list is refused where none of its members takes it, in its own name and whoever posts', () => {
  const offers: Record<string, object> = {
    near: { kind: RouteKind.primary, offer: { size: 100_000, smtputf8: false }, settings: {} },
    out: { kind: RouteKind.mx, offer: null, settings: {} },
  }
  const asked: string[] = []
  const book = {
    get: (id: string) => {
      asked.push(id)
      return offers[id] as never
    },
  }
  const member = (address: string, routeId: string) => ({ ...recipient(address), routeId })
  const many = Array.from({ length: 5_000 }, (_, n) => member(`m${n}@corp.test`, 'near'))
  const ask = (members: Recipient[], change: Partial<MxEnvelope>, address = 'all@corp.test'): string => {
    const list = { address, members }
    try {
      takenByRoute(book, { ...recipient(address), list } as unknown as Recipient, envelope(change))
      return 'taken'
    } catch (error) {
      return (error as WireError).code
    }
  }
  expect(ask(many, { declaredSize: 200_000 })).toBe('message-too-large')
  // Of each way one is asked, not of each member.
  expect(asked).toEqual(['near'])
  expect(ask([...many, member('far@elsewhere.test', 'out')], { declaredSize: 200_000 })).toBe('taken')
  const international = { smtputf8: true, from: 'ü@outside.test' }
  expect(ask(many, international)).toBe('taken')
  expect(ask(many, international, 'größe@corp.test')).toBe('smtputf8-not-taken')
  expect(ask([member('ü@corp.test', 'near')], international)).toBe('smtputf8-not-taken')
  expect(ask([member('ü@corp.test', 'near'), member('a@corp.test', 'near')], international)).toBe('taken')
})

describe('at the door', () => {
  const door = (known: Recipient | null) =>
    createMxDoor({
      clock: fakeClock(),
      config: configSchema.parse({}),
      directory: { known: () => known, resolve: (address: string) => Promise.resolve(recipient(address)) },
      routes: routes({ size: 10, smtputf8: false }),
      outbound: notListed,
      checkDisk: () => undefined,
    } as unknown as IntakeDeps)

  test('a known recipient is answered at once, either way', () => {
    const alice = recipient('alice@corp.test')
    expect(door(alice).checkRecipient(alice.address, envelope())).toBe(alice)
    expect(() => door(alice).checkRecipient(alice.address, envelope({ declaredSize: 11 }))).toThrow(WireError)
  })
  test('one that must be looked up as well', async () => {
    expect(await door(null).checkRecipient('alice@corp.test', envelope())).toMatchObject({ address: 'alice@corp.test' })
    await expect(
      Promise.resolve(door(null).checkRecipient('alice@corp.test', envelope({ declaredSize: 11 }))),
    ).rejects.toMatchObject({ code: 'message-too-large' })
  })
})
