/** SCIM without a server: filters and paths of any kind, PATCH against a simple model, and what is shown. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../jmap/index.ts'
import { ScimError } from './error.ts'
import { comparisons, parseFilter, parsePath, type Filter } from './filter.ts'
import { keyOf, matches, membersAsked } from './match.ts'
import { applyPatch } from './patch.ts'
import { namesVersion, pageOf, selected, selectionOf } from './present.ts'
import { readResource, type Doc } from './read.ts'
import { ENTERPRISE_URN, groupKind, resourceKinds, userKind } from './schema.ts'

const carol: Doc = {
  userName: 'Carol@corp.test',
  title: 'Engineer',
  active: true,
  name: { familyName: 'O\'Malley "C"' },
  emails: [
    { type: 'work', value: 'carol@corp.test', primary: true },
    { type: 'home', value: 'carol@home.test' },
  ],
  meta: { lastModified: '2026-05-13T04:42:34Z' },
  [ENTERPRISE_URN]: { department: 'Hull' },
}

// The filters of RFC 7644 section 3.4.2.2, in words of our own.
test.each([
  ['userName eq "CAROL@CORP.TEST"', true],
  ['name.familyName co "malley \\"c\\""', true],
  ['userName sw "C"', true],
  ['urn:ietf:params:scim:schemas:core:2.0:User:userName sw "c"', true],
  ['title pr', true],
  ['nickName pr', false],
  ['meta.lastModified gt "2026-05-13T04:42:33Z"', true],
  ['meta.lastModified ge "2026-05-13T06:42:34+02:00"', true],
  ['meta.lastModified lt "2026-05-13T04:42:34Z"', false],
  ['meta.lastModified le "2026-05-13T04:42:34Z"', true],
  ['title pr and userType eq "Employee"', false],
  ['title pr or userType eq "Intern"', true],
  ['userType ne "Employee" and not (emails co "none.test" or emails.value co "none.org")', true],
  ['title eq "engineer" and (emails.type eq "work")', true],
  ['emails[type eq "home" and value co "@home.test"]', true],
  ['emails[type eq "work" and value co "@home.test"]', false],
  ['emails[type eq "work" and value co "@home.test"] or active eq true', true],
  ['active eq "True"', true],
  ['active ne false', true],
  ['userName EQ "x" OR TITLE Eq "engineer"', true],
  [`${ENTERPRISE_URN}:department eq "hull"`, true],
  ['nickName eq null', true],
  ['title eq null', false],
  ['title pr and title eq "x" or active eq true', true],
])('%s is %s', (text, is) => {
  expect(matches(parseFilter(userKind, text), carol)).toBe(is)
})

test('what an index finds is asked of it', () => {
  const key = (text: string, kind = userKind) => keyOf(parseFilter(kind, text))
  expect(key('title pr and userName eq "a"')).toEqual({ by: 'userName', value: 'a' })
  expect(key('userName eq "a" or title pr')).toBeNull()
  expect(key('not (userName eq "a")')).toBeNull()
  expect(key('userName co "a"')).toBeNull()
  const members = (text: string) => membersAsked(parseFilter(groupKind, text))
  expect(members('displayName pr or members eq "a" and (not (members[value eq "b"]))')).toEqual(['a', 'b'])
  expect(members('members pr')).toBeNull()
  expect(members('members co "a"')).toBeNull()
})

/** A filter as text, with what it means. */
const value = fc.constantFrom('a', 'b', 'A', '"', '\\', 'é')
const compared = fc
  .record({ name: fc.constantFrom('title', 'nickName', 'emails.value'), op: fc.constantFrom(...comparisons), value })
  .map(({ name, op, value: v }) => `${name} ${op} ${JSON.stringify(v)}`)
const { filter: anyFilter } = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    compared,
    fc.constantFrom('title pr', 'emails[type eq "work"]', 'active eq true'),
    tie('filter').map((one) => `not (${one})`),
    fc.tuple(tie('filter'), fc.constantFrom('and', 'or'), tie('filter')).map(([a, word, b]) => `(${a}) ${word} (${b})`),
  ),
}))
const docs = fc.record(
  {
    userName: value,
    title: value,
    nickName: value,
    active: fc.boolean(),
    emails: fc.array(fc.record({ type: fc.constantFrom('work', 'home'), value })),
  },
  { requiredKeys: ['userName'] },
) as fc.Arbitrary<Doc>

const isTooMuch = (error: unknown): boolean => error instanceof ScimError && error.scimType === 'invalidFilter'
test('any filter of the grammar is understood, and follows the laws of logic', () => {
  fc.assert(
    fc.property(anyFilter, anyFilter, docs, (a, b, doc) => {
      let filter: Filter
      const is = (text: string): boolean => matches((filter = parseFilter(userKind, text)), doc)
      try {
        const [isA, isB] = [is(a), is(b)]
        expect(is(`(${a}) and (${b})`)).toBe(isA && isB)
        expect(is(`(${a}) or (${b})`)).toBe(isA || isB)
        expect(is(`not (${a})`)).toBe(!isA)
        expect(is(`not ((${a}) and (${b}))`)).toBe(is(`not (${a}) or not (${b})`))
        const key = keyOf((filter = parseFilter(userKind, `userName eq "a" and (${a})`)))
        expect(key).toEqual({ by: 'userName', value: 'a' })
        if (matches(filter, doc)) expect((doc.userName as string).toLowerCase()).toBe('a')
      } catch (error) {
        // Only for its depth or its many comparisons.
        if (!isTooMuch(error)) throw error
        expect(String(error)).toMatch(/deeper|more than/)
      }
    }),
    { numRuns: 300 },
  )
})

const scraps = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'userName',
        'emails',
        'members',
        'eq',
        'pr',
        'and',
        'or',
        'not',
        '(',
        ')',
        '[',
        ']',
        '.',
        '"x"',
        '"',
        '\\',
        ' ',
        'true',
        '1',
        '-',
        ENTERPRISE_URN,
        ':',
        '$ref',
        '__proto__',
        'constructor',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''))
test('no text whatever makes the parsers fail in another way than by a sentence', () => {
  fc.assert(
    fc.property(scraps, fc.constantFrom(...resourceKinds), (text, kind) => {
      for (const parse of [parseFilter, parsePath])
        try {
          const parsed = parse(kind, text)
          if (parse === parseFilter) matches(parsed as Filter, carol)
        } catch (error) {
          if (!(error instanceof ScimError)) throw error
          expect([error.status, error.message.length < 400]).toEqual([400, true])
        }
    }),
    { numRuns: 3000 },
  )
})

test.each([
  ['long', `userName eq "${'x'.repeat(4000)}"`],
  ['deep', `${'('.repeat(2000)}title pr`],
  ['deep in brackets', 'emails['.repeat(500)],
  ['wide', Array.from({ length: 300 }, () => 'title pr').join(' or ')],
  ['quotes', '"'.repeat(4000)],
  ['backslashes', `title eq "${'\\'.repeat(3000)}`],
  ['nots', 'not '.repeat(900)],
])('a hostile filter (%s) is refused at once', (_name, text) => {
  const began = performance.now()
  expect(() => parseFilter(userKind, text)).toThrow(ScimError)
  expect(performance.now() - began).toBeLessThan(500)
})

const anyJson = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>
const keys = fc.constantFrom(
  'userName',
  'emails',
  'name',
  'active',
  'members',
  'displayName',
  'schemas',
  ENTERPRISE_URN,
  `${ENTERPRISE_URN}:manager`,
  'emails[type eq "work"].value',
  '__proto__',
  'groups',
)
test('no body whatever fails in another way, and what is taken is only what the schema has', () => {
  const bodies = fc.dictionary(keys, anyJson)
  fc.assert(
    fc.property(
      bodies,
      fc.constantFrom(...resourceKinds),
      fc.constantFrom('add', 'Replace', 'remove'),
      (body, kind, op) => {
        const whole = { ...body, [kind.naming]: 'x' }
        for (const work of [
          () => readResource(kind, whole).doc,
          () => applyPatch(kind, { [kind.naming]: 'x' }, { Operations: [{ op, value: body }] }).doc,
          () =>
            applyPatch(
              kind,
              { [kind.naming]: 'x' },
              { Operations: Object.entries(body).map(([path, v]) => ({ op, path, value: v })) },
            ).doc,
        ])
          try {
            const doc = work()
            expect(Object.getPrototypeOf(doc)).toBe(Object.prototype)
            const names = [...kind.core.attributes.map(({ name }) => name), 'externalId', ENTERPRISE_URN]
            for (const name of Object.keys(doc)) expect(names).toContain(name)
            // Written again it is the same: nothing is lost on a client's way through GET and PUT.
            expect(readResource(kind, doc).doc).toEqual(doc)
          } catch (error) {
            if (!(error instanceof ScimError)) throw error
            expect(error.status).toBeGreaterThanOrEqual(400)
          }
      },
    ),
    { numRuns: 1500 },
  )
})

/** One address of each type at most, as the large clients keep them; `null`: it is removed. */
const acts = fc.array(
  fc.record({
    type: fc.constantFrom('work', 'home', 'other'),
    value: fc.option(fc.constantFrom('a@x.test', 'b@x.test', 'c@x.test')),
    way: fc.constantFrom('path', 'key', 'whole'),
    op: fc.constantFrom('Add', 'replace'),
  }),
  { maxLength: 30 },
)
test('any stream of PATCHes ends in what a map says', () => {
  fc.assert(
    fc.property(acts, (all) => {
      const model = new Map<string, string>()
      let doc: Doc = { userName: 'x' }
      for (const { type, value: v, way, op } of all) {
        const path = `emails[type eq "${type}"].value`
        if (v === null) model.delete(type)
        else model.set(type, v)
        const operation =
          v === null
            ? way === 'whole'
              ? { op: 'Remove', path: `emails[type eq "${type}"]` }
              : { op: 'remove', path }
            : way === 'path'
              ? { op, path, value: v }
              : way === 'key'
                ? { op, value: { [path]: v } }
                : { op, path: `emails[type eq "${type}"]`, value: { type, value: v } }
        const before = JSON.stringify(doc)
        const next = applyPatch(userKind, doc, { Operations: [operation] }).doc
        expect(JSON.stringify(doc)).toBe(before)
        doc = next
      }
      const found = ((doc.emails ?? []) as { type: string; value: string }[]).map(({ type, value: v }) => [type, v])
      expect(new Map(found as [string, string][])).toEqual(model)
      expect(found.length).toBe(model.size)
    }),
  )
})

test('of addresses one is the primary one, whoever was it before', () => {
  const before = {
    userName: 'x',
    emails: [
      { type: 'work', value: 'a', primary: true },
      { type: 'home', value: 'b' },
    ],
  }
  const after = (operation: object) => applyPatch(userKind, before, { Operations: [operation as Json] }).doc.emails
  const expected = [
    { type: 'work', value: 'a', primary: false },
    { type: 'home', value: 'b', primary: true },
  ]
  expect(after({ op: 'replace', path: 'emails[type eq "home"].primary', value: 'True' })).toEqual(expected)
  expect(after({ op: 'add', path: 'emails', value: [{ value: 'c', primary: true }] })).toEqual([
    ...[{ ...before.emails[0], primary: false }, before.emails[1]],
    { value: 'c', primary: true },
  ])
  expect(after({ op: 'add', path: 'emails', value: [{ type: 'home', value: 'b' }] })).toEqual(before.emails)
  expect(after({ op: 'remove', path: 'emails', value: [{ value: 'a' }] })).toEqual([before.emails[1]])
  expect(
    readResource(userKind, {
      userName: 'x',
      emails: [
        { value: 'a', primary: true },
        { value: 'b', primary: 'true' },
      ],
    }).doc.emails,
  ).toEqual([
    { value: 'a', primary: true },
    { value: 'b', primary: false },
  ])
})

test('a name is filled in part by part, an extension as a whole or by one of its own', () => {
  const patched = (...Operations: Json[]) =>
    applyPatch(userKind, { userName: 'x', name: { givenName: 'A' } }, { Operations }).doc
  expect(patched({ op: 'replace', path: 'name', value: { familyName: 'B' } }).name).toEqual({
    givenName: 'A',
    familyName: 'B',
  })
  expect(patched({ op: 'remove', path: 'name.givenName' }).name).toBeUndefined()
  const boss = { department: 'D', manager: { value: 'm', displayName: 'M' } }
  const made = patched(
    { op: 'add', path: ENTERPRISE_URN, value: boss },
    { op: 'replace', path: `${ENTERPRISE_URN}:manager.value`, value: 'n' },
  )
  expect(made[ENTERPRISE_URN]).toEqual({ department: 'D', manager: { value: 'n', displayName: 'M' } })
  expect(patched({ op: 'add', value: { [ENTERPRISE_URN]: boss } })[ENTERPRISE_URN]).toEqual(boss)
  expect(
    patched({ op: 'add', value: { [ENTERPRISE_URN]: boss } }, { op: 'remove', path: ENTERPRISE_URN })[ENTERPRISE_URN],
  ).toBeUndefined()
})

test('attributes are chosen, and what is always there is', () => {
  const resource: Doc = { schemas: ['s'], id: 'i', ...carol }
  const chosen = (only?: string, without?: string) => selected(resource, selectionOf(userKind, only, without))
  expect(chosen('EMAILS.type, name.familyName,unknown')).toEqual({
    ...{ schemas: ['s'], id: 'i', emails: [{ type: 'work' }, { type: 'home' }] },
    name: { familyName: 'O\'Malley "C"' },
  })
  expect(
    chosen(undefined, `id,schemas,meta,emails.primary,name,title,active,userName,${ENTERPRISE_URN}:department`),
  ).toEqual({
    ...{ schemas: ['s'], id: 'i', [ENTERPRISE_URN]: {} },
    emails: [
      { type: 'work', value: 'carol@corp.test' },
      { type: 'home', value: 'carol@home.test' },
    ],
  })
  expect(pageOf({ startIndex: '0', count: '9999' })).toEqual({ startIndex: 1, count: 500 })
  expect(pageOf({ count: '-1' })).toEqual({ startIndex: 1, count: 0 })
  expect([
    namesVersion('W/"3"', 3),
    namesVersion('"2", "3"', 3),
    namesVersion('*', 3),
    namesVersion('W/"33"', 3),
  ]).toEqual([true, true, true, false])
})
