/** A name in a filter is a value (RFC 4515 section 3), whatever it is made of. */
import fc from 'fast-check'
import { EqualityFilter, FilterParser, OrFilter } from 'ldapts'
import { expect, test } from 'vitest'
import { escapeValue, fillFilter, filterProblem, partsOf } from './filter.ts'

test('escaped as the standard says', () => {
  expect(escapeValue('a*b(c)d\\e\0')).toBe('a\\2ab\\28c\\29d\\5ce\\00')
  expect(fillFilter('(|(mail={name})(uid={local}))', partsOf('o(x)@corp.test'))).toBe(
    '(|(mail=o\\28x\\29@corp.test)(uid=o\\28x\\29))',
  )
  expect(partsOf('alice')).toEqual({ name: 'alice', local: 'alice' })
  expect(fillFilter('(mail={name})', partsOf('{local}@$&.test'))).toBe('(mail={local}@$&.test)')
})

test('any name comes out of the filter as it went in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (name) => {
      const parsed = FilterParser.parseString(fillFilter('(|(mail={name})(sn=x))', partsOf(name))) as OrFilter
      expect(parsed).toBeInstanceOf(OrFilter)
      expect(parsed.filters).toHaveLength(2)
      expect(parsed.filters[0]).toBeInstanceOf(EqualityFilter)
      expect((parsed.filters[0] as EqualityFilter).value).toBe(name)
    }),
  )
})

test('what an administrator may write', () => {
  for (const good of ['(mail={name})', '(&(objectClass=user)(|(mail={name})(sAMAccountName={local})))', 'uid={local}'])
    expect(filterProblem(good)).toBeNull()
  expect(filterProblem('(mail={name}')).toContain('RFC 4515')
  expect(filterProblem('(objectClass=*)')).toContain('needs {name}')
  expect(filterProblem('(mail={user})')).toContain('not {user}')
})
