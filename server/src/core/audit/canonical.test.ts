import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalContent, canonicalJson } from './canonical.ts'

test('keys are sorted at every depth and undefined fields are left out', () => {
  expect(canonicalJson({ b: 1, a: { z: [2, { y: 1, x: null }], c: undefined } })).toBe(
    '{"a":{"z":[2,{"x":null,"y":1}]},"b":1}',
  )
})

test('what PostgreSQL cannot store becomes U+FFFD', () => {
  expect(canonicalJson({ text: 'a\0b\uD800c' })).toBe('{"text":"a\uFFFDb\uFFFDc"}')
})

test('reading the JSON back and writing it again changes nothing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const once = canonicalJson(value)
      expect(canonicalJson(JSON.parse(once))).toBe(once)
    }),
  )
})

test('the order of keys never matters, every field does', () => {
  const content = { organisationId: 'o', actor: 'a', action: 'applied', subject: 's', detail: { k: 1 } }
  const { actor, ...rest } = content
  expect(canonicalContent({ ...rest, actor })).toBe(canonicalContent(content))
  for (const key of ['organisationId', 'actor', 'action', 'subject', 'detail'] as const)
    expect(canonicalContent({ ...content, [key]: 'other' })).not.toBe(canonicalContent(content))
})

test('a detail that is nested without end is refused', () => {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  expect(() => canonicalJson(loop)).toThrow(/nested/)
})
