import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MOST_LOCAL } from './codec.ts'
import { createVerp, isBounceForm } from './verp.ts'

const verp = createVerp((text) => createHmac('sha256', 'key').update(text).digest())
const others = createVerp((text) => createHmac('sha256', 'another key').update(text).digest())
const id = '01930000-0000-7000-8000-00000000abcd'
const localOf = (address: string): string => address.slice(0, address.lastIndexOf('@'))
const list = 'news@corp.test'

test('the form everybody knows, made and read', () => {
  const sender = verp.sender(list, 'bob@outside.test', id)
  expect(sender).toMatch(/^news-bounces\+[A-Z2-7]{8}=bob=outside\.test@corp\.test$/)
  expect(verp.read(localOf(sender), 'corp.test')).toEqual({ kind: 'member', list, member: 'bob@outside.test' })
  for (const other of ['news', 'news-bounces', 'news-bounces+bob', 'srs3'])
    expect(verp.read(other, 'corp.test')).toBeNull()
})

const local = fc.oneof(
  fc.stringMatching(/^[a-z0-9+=_'-]{1,20}(\.[a-z0-9=+-]{1,8})?$/),
  fc.stringMatching(/^[a-z @=]{1,8}[ @][a-z=]{0,6}$/).map((text) => `"${text}"`),
)
test('any list and member come back, whatever letters were folded; what was changed is refused', () => {
  fc.assert(
    fc.property(
      local,
      local,
      fc.stringMatching(/^[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){1,2}$/),
      fc.nat(),
      (name, who, host, at) => {
        const [of, member] = [`${name}@corp.test`, `${who}@${host}`]
        const text = localOf(verp.sender(of, member, id))
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MOST_LOCAL)
        expect(isBounceForm(text)).toBe(true)
        const found = verp.read(text.toUpperCase(), 'corp.test')
        if (/^srs3=/.test(text)) expect(found).toEqual({ kind: 'delivery', id })
        else expect(found).toEqual({ kind: 'member', list: of, member })
        expect(others.read(text, 'corp.test')).toEqual({ kind: 'forged' })
        expect(verp.read(text, 'corp2.test')).toEqual({ kind: 'forged' })
        const where = at % text.length
        const changed = text.slice(0, where) + (text[where]!.toLowerCase() === 'q' ? 'x' : 'q') + text.slice(where + 1)
        expect([null, 'forged']).toContain(verp.read(changed, 'corp.test')?.kind ?? null)
      },
    ),
  )
})

test('letters beyond ASCII stay out of it', () => {
  for (const [of, member] of [
    ['nachrichtenfür@corp.test', 'bob@outside.test'],
    [list, 'jürgen@outside.test'],
  ] as const)
    expect(verp.sender(of, member, id)).toMatch(/^srs3=/)
})

test('whatever is asked, reading ends with a word', () => {
  const piece = fc.constantFrom('news', '-bounces+', 'ABCDEFGH', 'srs3=', '=', '"', '\\', '0'.repeat(32), '\0')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 20 }).map((all) => all.join('')),
      ),
      (text) => {
        expect([null, 'forged']).toContain(verp.read(text, 'corp.test')?.kind ?? null)
      },
    ),
  )
})
