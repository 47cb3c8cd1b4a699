import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSrs, dayOf, isReturnForm, MOST_LOCAL, VALID_DAYS } from './codec.ts'

const srs = createSrs((text) => createHmac('sha256', 'key').update(text).digest())
const others = createSrs((text) => createHmac('sha256', 'another key').update(text).digest())
const today = dayOf(Date.parse('2026-11-27T12:00:00Z'))
const OURS = 'corp.test'

const localOf = (address: string): string => address.slice(0, address.lastIndexOf('@'))
const back = (address: string, day = today, domain = OURS) => srs.read(localOf(address), domain, day)

const domain = fc.stringMatching(/^[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,2}$/)
const atoms = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\.[A-Za-z0-9=+-]{1,8})?$/)
const quoted = fc.stringMatching(/^[A-Za-z0-9 @=,.]{1,10}[ @,][A-Za-z0-9 @=,.]{0,8}$/).map((text) => `"${text}"`)
const local = fc.oneof(atoms, quoted, fc.constantFrom('ünïcode', 'Bob', 'srs0', 'SRS0=short', 'srs1+odd'))

test('the form everybody knows, made and read', () => {
  const address = srs.forward('Bob@outside.test', OURS, today)!
  expect(address).toMatch(/^SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=outside\.test=Bob@corp\.test$/)
  expect(back(address)).toEqual({ kind: 'sender', address: 'Bob@outside.test' })
  for (const other of ['bob', 'srs', 'SRS0', 'srs2', 'SRS3=a', 'team']) expect(srs.read(other, OURS, today)).toBeNull()
  expect(isReturnForm('srs0+whatever') && isReturnForm('"SRS0=a b"')).toBe(true)
})

test('any sender comes back as it was, whatever letters a relay has folded, or is too long', () => {
  fc.assert(
    fc.property(local, domain, fc.integer({ min: 0, max: VALID_DAYS }), (name, host, age) => {
      const sender = `${name}@${host}`
      const address = srs.forward(sender, OURS, today - age)
      if (address === null) return expect(Buffer.byteLength(`SRS0=12345678=12=${host}=${name}`)).toBeGreaterThan(62)
      expect(Buffer.byteLength(localOf(address))).toBeLessThanOrEqual(MOST_LOCAL)
      expect(back(address)).toEqual({ kind: 'sender', address: sender })
      for (const folded of [address.toLowerCase(), address.toUpperCase()]) {
        const found = back(folded)
        expect(found?.kind).toBe('sender')
        expect((found as { address: string }).address.toLowerCase()).toBe(
          folded === address.toLowerCase() ? sender.toLowerCase() : sender.toUpperCase().toLowerCase(),
        )
      }
    }),
  )
})

test('what was changed, made by somebody else or for another domain is refused', () => {
  fc.assert(
    fc.property(
      atoms,
      domain,
      fc.nat(),
      fc.constantFrom(...'A B C x y z 2 3 7 = . - @'.split(' ')),
      (name, host, where, letter) => {
        const address = srs.forward(`${name}@${host}`, OURS, today)
        if (address === null) return
        const text = localOf(address)
        const at = 5 + (where % (text.length - 5))
        const changed = text.slice(0, at) + letter + text.slice(at + 1)
        if (changed.toLowerCase() !== text.toLowerCase())
          expect(srs.read(changed, OURS, today)).toEqual({ kind: 'forged' })
        expect(srs.read(text, 'corp2.test', today)).toEqual({ kind: 'forged' })
        expect(others.read(text, OURS, today)).toEqual({ kind: 'forged' })
      },
    ),
  )
})

test('three weeks, and one day for other clocks, also over the turn of the count', () => {
  for (const day of [today, 1023, 1024, 2047, 5]) {
    for (const address of [
      srs.forward('bob@outside.test', OURS, day)!,
      srs.stored('01930000-0000-7000-8000-00000000abcd', OURS, day),
    ]) {
      expect(back(address, day + VALID_DAYS)?.kind).not.toBe('old')
      expect(back(address, day - 1)?.kind).not.toBe('old')
      expect(back(address, day + VALID_DAYS + 1)).toEqual({ kind: 'old' })
      expect(back(address, day - 2)).toEqual({ kind: 'old' })
    }
  }
})

test('what somebody rewrote before us goes back to the first who did (SRS1), however many there are', () => {
  const first = 'SRS0=abcd=QY=outside.test=bob'
  const once = srs.forward(`${first}@one.test`, OURS, today)!
  expect(once).toMatch(/^SRS1=[A-Z2-7]{8}=[A-Z2-7]{2}=one\.test==abcd=QY=outside\.test=bob@corp\.test$/)
  expect(back(once)).toEqual({ kind: 'sender', address: `${first}@one.test` })
  // Made by another forwarder from a third one's: only the first stays in it.
  const twice = srs.forward('SRS1=wxyz=one.test==abcd=QY=outside.test=bob@two.test', OURS, today)!
  expect(back(twice)).toEqual({ kind: 'sender', address: `${first}@one.test` })
  expect(back(twice.replace('one.test', 'own.test'))).toEqual({ kind: 'forged' })
  expect(back(once, today + VALID_DAYS + 1)).toEqual({ kind: 'old' })
})

test('a local part over 64 octets is kept here instead', () => {
  expect(srs.forward(`${'a'.repeat(60)}@outside.test`, OURS, today)).toBeNull()
  expect(srs.forward(`SRS0=abcd=QY=${'d'.repeat(30)}.test=b@one.test`, OURS, today)).toBeNull()
  const id = '01930000-0000-7000-8000-00000000abcd'
  const address = srs.stored(id, OURS, today)
  expect(Buffer.byteLength(localOf(address))).toBeLessThanOrEqual(MOST_LOCAL)
  expect(back(address.toLowerCase())).toEqual({ kind: 'stored', id })
  expect(back(address.replace('abcd', 'abce'))).toEqual({ kind: 'forged' })
})

test('whatever is asked, reading ends with a word', () => {
  const piece = fc.constantFrom(
    'SRS0',
    'srs1',
    'SRS2',
    '=',
    '+',
    '-',
    '==',
    'ABCDEFGH',
    'QY',
    '"',
    '\\',
    '@',
    'a.b',
    '\0',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
      ),
      (text) => {
        expect([null, 'forged', 'old']).toContain(srs.read(text, OURS, today)?.kind ?? null)
        srs.forward(text, OURS, today)
        srs.forward(`${text}@b.test`, OURS, today)
      },
    ),
  )
})
