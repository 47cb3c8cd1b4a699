/** A client's name holds only where its addresses say the same; what nobody could say is asked again soon. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { createClientNames } from './client-name.ts'

const none = (): never => {
  throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
}
const late = (): never => {
  throw Object.assign(new Error('late'), { code: 'ETIMEOUT' })
}
type Table = Record<string, string[] | (() => never)>

function names(table: Table) {
  const clock = fakeClock()
  const asked: string[] = []
  const ask = async (what: string): Promise<string[]> => {
    asked.push(what)
    const found = table[what] ?? none
    return typeof found === 'function' ? found() : found
  }
  const resolver = { reverse: ask, resolve4: ask, resolve6: ask }
  const { of } = createClientNames({ clock, resolver: resolver as never })
  return { of, clock, asked, table }
}

test.each<[string, string, Table, string | null | undefined]>([
  ['a name whose address it is', '192.0.2.1', { '192.0.2.1': ['mx.a.test'], 'mx.a.test': ['192.0.2.1'] }, 'mx.a.test'],
  ['as IPv6 says IPv4', '::ffff:192.0.2.1', { '192.0.2.1': ['m.test'], 'm.test': ['192.0.2.1'] }, 'm.test'],
  ['IPv6, however written', '2001:db8::1', { '2001:db8::1': ['six.test'], 'six.test': ['2001:DB8:0::1'] }, 'six.test'],
  ['the second name', '192.0.2.1', { '192.0.2.1': ['x.test', 'y.test'], 'y.test': ['192.0.2.1'] }, 'y.test'],
  ['a name of somebody else', '192.0.2.1', { '192.0.2.1': ['mx.bank.test'], 'mx.bank.test': ['198.51.100.1'] }, null],
  ['a name without an address', '192.0.2.1', { '192.0.2.1': ['gone.test'] }, null],
  ['no name', '192.0.2.1', {}, null],
  ['no address', 'unix:socket', {}, null],
  ['no answer about the address', '192.0.2.1', { '192.0.2.1': late }, undefined],
  ['no answer about the name', '192.0.2.1', { '192.0.2.1': ['mx.a.test'], 'mx.a.test': late }, undefined],
])('%s', async (_, ip, table, expected) => {
  expect(await names(table).of(ip)).toBe(expected)
})

test('an answer is kept for ten minutes, and asked for once by many', async () => {
  const { of, clock, asked } = names({ '192.0.2.1': ['a.test'], 'a.test': ['192.0.2.1'] })
  await Promise.all([of('192.0.2.1'), of('192.0.2.1')])
  await clock.advance(599_000)
  await of('192.0.2.1')
  expect(asked).toEqual(['192.0.2.1', 'a.test'])
  await clock.advance(1_000)
  await of('192.0.2.1')
  expect(asked).toHaveLength(4)
})

test('what nobody could say is asked again after half a minute', async () => {
  const { of, clock, table } = names({ '192.0.2.1': late })
  expect(await of('192.0.2.1')).toBeUndefined()
  Object.assign(table, { '192.0.2.1': ['a.test'], 'a.test': ['192.0.2.1'] })
  await clock.advance(29_000)
  expect(await of('192.0.2.1')).toBeUndefined()
  await clock.advance(1_000)
  expect(await of('192.0.2.1')).toBe('a.test')
})

test('what is remembered is bounded, the newest stay', async () => {
  const { of, asked } = names({})
  for (let i = 0; i < 10_001; i++) await of(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  const before = asked.length
  await of('10.0.39.16')
  expect(asked.length).toBe(before)
  await of('10.0.0.0')
  expect(asked.length).toBe(before + 1)
})
