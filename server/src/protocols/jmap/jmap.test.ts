/** JMAP's values: requests, references (RFC 8620 section 3.7.1), patches, ids, header forms; nothing hostile gets through. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  evaluatePointer,
  folderNoOf,
  formatBlobId,
  headerProperty,
  MethodError,
  parseAnyDate,
  parseBlobId,
  parseHeaderProperty,
  parseJson,
  parsePatch,
  parseRequest,
  parseUtcDate,
  RequestError,
  resolveReferences,
  weigh,
  SetProblem,
  utcDate,
} from './index.ts'

const CAPABILITIES = ['urn:ietf:params:jmap:core']

const budget = (left = 1_000_000) => ({ left })

test('a request, and what is none', () => {
  const parsed = parseRequest(
    { using: CAPABILITIES, methodCalls: [['Core/echo', { a: 1 }, 'x']], createdIds: { k: 'id1' } },
    CAPABILITIES,
    { maxCallsInRequest: 2 },
  )
  expect(parsed.calls).toEqual([{ name: 'Core/echo', args: { a: 1 }, callId: 'x' }])
  expect(parsed.createdIds?.get('k')).toBe('id1')
  for (const bad of [
    null,
    1,
    [],
    {},
    { using: [1], methodCalls: [] },
    { using: [], methodCalls: [['a', {}]] },
    { using: [], methodCalls: [['a', [], 'c']] },
    { using: [], methodCalls: [[1, {}, 'c']] },
    { using: [], methodCalls: [], createdIds: { k: 1 } },
  ])
    expect(() => parseRequest(bad, CAPABILITIES, { maxCallsInRequest: 2 })).toThrow(RequestError)
})

test('any text and any JSON is a request or a RequestError, never anything else', () => {
  const json = fc.jsonValue({ maxDepth: 6 })
  const calls = fc.record(
    {
      using: fc.oneof(json, fc.constant(CAPABILITIES)),
      methodCalls: fc.oneof(json, fc.array(fc.tuple(fc.string(), json, fc.string()))),
      createdIds: json,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        json.map((v) => JSON.stringify(v)),
        calls.map((v) => JSON.stringify(v)),
      ),
      (text) => {
        try {
          const { calls: found } = parseRequest(parseJson(text), CAPABILITIES, { maxCallsInRequest: 5 })
          for (const { args } of found) {
            try {
              resolveReferences(args, [{ name: 'a', args: { list: [{ b: 1 }] }, callId: 'c' }], budget())
            } catch (error) {
              if (!(error instanceof MethodError)) throw error
            }
          }
        } catch (error) {
          if (!(error instanceof RequestError)) throw error
        }
      },
    ),
    { numRuns: 2000 },
  )
  expect(() => parseJson('['.repeat(1_000_000))).toThrow(RequestError)
  expect(parseJson('"[[[[\\"[["')).toBe('[[[["[[')
})

test('the example of RFC 8620 section 3.7.1', () => {
  const earlier = [
    { name: 'Foo/changes', args: { created: ['f1', 'f4'], updated: [], destroyed: [] }, callId: 't0' },
    { name: 'Email/get', args: { list: [{ threadId: 't1' }, { threadId: 't2', emailIds: ['a', 'b'] }] }, callId: 't1' },
  ]
  expect(
    resolveReferences({ '#ids': { resultOf: 't0', name: 'Foo/changes', path: '/created' } }, earlier, budget()),
  ).toEqual({
    ids: ['f1', 'f4'],
  })
  expect(
    resolveReferences({ '#ids': { resultOf: 't1', name: 'Email/get', path: '/list/*/threadId' } }, earlier, budget()),
  ).toEqual({ ids: ['t1', 't2'] })
  // RFC 6901 section 4: ~1 and ~0.
  expect(evaluatePointer({ 'a/b': { '~': [[1], [2, 3]] } }, '/a~1b/~0/*')).toEqual([1, 2, 3])
  const type = (args: object): string => {
    try {
      resolveReferences(args as never, earlier, budget())
      return 'fine'
    } catch (error) {
      return (error as MethodError).type
    }
  }
  expect(type({ '#ids': { resultOf: 't9', name: 'Foo/changes', path: '/created' } })).toBe('invalidResultReference')
  expect(type({ '#ids': { resultOf: 't0', name: 'Bar/changes', path: '/created' } })).toBe('invalidResultReference')
  expect(type({ '#ids': { resultOf: 't0', name: 'Foo/changes', path: '/nothing' } })).toBe('invalidResultReference')
  expect(type({ '#ids': { resultOf: 't0', name: 'Foo/changes', path: '/__proto__' } })).toBe('invalidResultReference')
  expect(type({ 'ids': [], '#ids': { resultOf: 't0', name: 'Foo/changes', path: '/created' } })).toBe(
    'invalidArguments',
  )
})

test('patches', () => {
  const { whole, inner } = parsePatch({ 'keywords/$seen': true, 'keywords/a~1b': null, 'mailboxIds': { m1: true } })
  expect([...inner.get('keywords')!]).toEqual([
    ['$seen', true],
    ['a/b', null],
  ])
  expect(whole.get('mailboxIds')).toEqual({ m1: true })
  for (const bad of [null, [], { 'a/b/c': 1 }, { 'a': 1, 'a/b': 2 }]) expect(() => parsePatch(bad)).toThrow(SetProblem)
})

test('ids and dates', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057'
  for (const ref of [
    { kind: 'message', messageId: id },
    { kind: 'part', messageId: id, partId: '2.1.3' },
    { kind: 'upload', uploadId: id },
  ] as const) {
    const text = formatBlobId(ref)
    expect(text).toMatch(/^[A-Za-z0-9_-]{1,255}$/)
    expect(parseBlobId(text)).toEqual(ref)
  }
  fc.assert(fc.property(fc.string(), (any) => parseBlobId(any) === null && (folderNoOf(any) ?? 1) > 0))
  expect(parseUtcDate(utcDate(1_700_000_000_000))).toBe(1_700_000_000_000)
  expect(parseUtcDate('2014-10-30T14:12:00+08:00')).toBeNull()
  expect(parseAnyDate('2014-10-30T14:12:00+08:00')).toBe(Date.UTC(2014, 9, 30, 6, 12))
  expect(parseUtcDate('2014-13-30T14:12:00Z')).toBeNull()
})

test('header properties (RFC 8621 section 4.1.3)', () => {
  const headers = [
    { name: 'X-A', raw: ' one' },
    { name: 'x-a', raw: ' =?utf-8?Q?zw=C3=B6lf?=' },
    { name: 'List-Post', raw: ' <mailto:a@b>' },
  ]
  const get = (property: string): unknown => headerProperty(headers, parseHeaderProperty(property)!)
  expect(get('header:X-A')).toBe(' =?utf-8?Q?zw=C3=B6lf?=')
  expect(get('header:X-A:asText:all')).toEqual(['one', 'zwölf'])
  expect(get('header:List-Post:asURLs')).toEqual(['mailto:a@b'])
  expect(get('header:X-B:asText')).toBeNull()
  expect(get('header:X-B:all')).toEqual([])
  for (const bad of [
    'header:',
    'header:From:asDate',
    'header:Subject:asAddresses',
    'header:A:all:asText',
    'header:A B',
    'header:Date:asText',
  ])
    expect(parseHeaderProperty(bad)).toBeNull()
})

test('references that refer to each other pay for what they bring: kilobytes never become gigabytes', () => {
  const began = performance.now()
  const responses = [{ name: 'Core/echo', args: { x: 'A'.repeat(20) } as object, callId: 'c0' }]
  const all = budget()
  let refused = 0
  for (let k = 1; k < 32; k++) {
    const wish = { resultOf: `c${k - 1}`, name: 'Core/echo', path: '' }
    const args = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`#k${i}`, wish]))
    try {
      responses.push({ name: 'Core/echo', args: resolveReferences(args, responses, all), callId: `c${k}` })
    } catch (error) {
      refused++
      expect(error).toMatchObject({ type: 'invalidResultReference' })
      responses.push({ name: 'error', args: {}, callId: `c${k}` })
    }
  }
  expect(refused).toBeGreaterThan(20)
  expect(performance.now() - began).toBeLessThan(2000)
})

test('the weight of a value is about its length as JSON, and counting stops', () => {
  const value = { list: Array.from({ length: 100 }, (_, i) => ({ id: `id-${i}`, n: i, t: null })) }
  const octets = JSON.stringify(value).length
  expect(weigh(value, 1e9)).toBeGreaterThan(octets / 2)
  expect(weigh(value, 1e9)).toBeLessThan(octets * 3)
  expect(weigh(value, 100)).toBe(Infinity)
})
