/** What all hosts of a route take together, and that nothing stored there can stop a process. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCapabilities } from '../../protocols/smtp/ehlo.ts'
import { commonOffer, offerOf, readOffers, type Offer } from './route-offer.ts'

const offer = (size: number, extensions = ''): Offer => ({
  size,
  smtputf8: extensions.includes('u'),
  eightBitMime: extensions.includes('8'),
  dsn: extensions.includes('d'),
  requireTls: extensions.includes('r'),
})

test.each([
  [[], null],
  [[offer(0, 'u8d')], offer(0, 'u8d')],
  [[offer(500, 'u8'), offer(0, '8d')], offer(500, '8')],
  [[offer(0, 'r'), offer(0, 'rd')], offer(0, 'r')],
  [[offer(0, 'r'), offer(0)], offer(0)],
  [[offer(500, 'u'), offer(300, 'u'), offer(900, 'u')], offer(300, 'u')],
])('%j together', (all, together) => {
  expect(commonOffer(Object.fromEntries(all.map((one, i) => [String(i), one])))).toEqual(together)
})

test('from EHLO', () => {
  expect(offerOf(parseCapabilities(['hop', 'SIZE 1000', 'SMTPUTF8', '8BITMIME']))).toEqual(offer(1000, 'u8'))
  expect(offerOf(parseCapabilities(['hop', 'DSN', 'REQUIRETLS']))).toEqual(offer(0, 'dr'))
})

test('hosts that the route has no more are left out; what cannot be read was never seen', () => {
  const stored = { 'a:25': offer(1), 'b:25': offer(2), 'a:26': offer(3) }
  expect(readOffers(stored, [{ host: 'A', port: 25 }])).toEqual({ 'a:25': offer(1) })
  // Stored before we knew of REQUIRETLS: nobody promised it.
  const { requireTls: _, ...old } = offer(1)
  expect(readOffers({ 'a:25': old }, [{ host: 'a', port: 25 }])).toEqual({ 'a:25': offer(1) })
  expect(readOffers({ ...stored, 'b:25': { size: -1 } }, [{ host: 'a', port: 25 }])).toEqual({})
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(Object.keys(readOffers(value, [{ host: 'a', port: 25 }])).length).toBeLessThanOrEqual(1)
    }),
  )
})
