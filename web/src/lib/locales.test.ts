/**
 * The catalogues: same keys, same placeholders, same marks in the three languages; nothing left in English; a sentence for
 * every reason and every error of the server (read from its files, not imported: the pages know only the contract).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import de from './locales/de.json'
import en from './locales/en.json'
import fr from './locales/fr.json'

type Tree = { [key: string]: string | Tree }
const flat = (tree: Tree, at = ''): [string, string][] =>
  Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[at + key, value] as [string, string]] : flat(value, `${at}${key}.`),
  )
const catalogues = { en: flat(en), fr: flat(fr), de: flat(de) }
const holes = (text: string) => [...text.matchAll(/\{\{\s*(\w+)\s*\}\}|<(\w+)\/>/g)].map(([whole]) => whole).sort()
const source = new Map(catalogues.en)

for (const [name, list] of Object.entries(catalogues)) {
  test(`${name}: the same keys in the same order`, () =>
    expect(list.map(([key]) => key)).toEqual(catalogues.en.map(([key]) => key)))
  test(`${name}: no sentence is empty, has stray blanks, or a bracket that is not closed`, () => {
    for (const [key, text] of list) {
      expect(text.trim(), key).toBe(text)
      expect(text.length, key).toBeGreaterThan(0)
      expect(text.replace(/\{\{\s*\w+\s*\}\}/g, ''), key).not.toMatch(/[{}]/)
    }
  })
  test(`${name}: the same placeholders`, () => {
    for (const [key, text] of list) {
      // A singular may leave its number out.
      const mine = holes(text)
      const wanted = holes(source.get(key) ?? '')
      if (key.endsWith('_one')) expect(wanted, key).toEqual(expect.arrayContaining(mine))
      else expect(mine, key).toEqual(wanted)
    }
  })
}

test('what is longer than two words is translated', () => {
  for (const [name, list] of Object.entries({ fr: catalogues.fr, de: catalogues.de }))
    for (const [key, text] of list)
      if (text.split(' ').length > 2 && !/^[\W\d]*(\{\{.*\}\}|<.*\/>)[\W\d]*s?$/.test(text))
        expect(text, `${name} ${key}`).not.toBe(source.get(key))
})

test('French says vous and German says Sie', () => {
  for (const [key, text] of catalogues.fr) expect(text, key).not.toMatch(/(?:^|\s)(?:tu|ton|ta|tes|toi)(?=[\s.,])/i)
  for (const [key, text] of catalogues.de)
    expect(text, key).not.toMatch(/(?:^|\s)(?:du|dein|deine|deinen|dir|dich)(?=[\s.,])/i)
})

/** Keys that are put together from a word of the server or of a list; everything else stands in the source as it is. */
const puttingTogether = [
  /^directory\.(states|acts|done)\./,
  /^alarms\.(kind\.|acknowledgeDone|answerDone)/,
  /^(reason|error|delivery|evidence|mode|sendError|folder|keys|sensitivity|act|auditDetail|thing|bookPhone)\./,
  /^banner\.\w+(What|Means|Do)$/,
  /^parking\.\w+Done$/,
  /^trace\.(inbound|outbound|dsn|draft|notice)$/,
  /^board\.(reachKind|reachIs)\.\w+$/,
  /^disk\.(minutes|hours|days)_(one|other)$/,
  /^(pins\.of|people\.decided)\.\w+$/,
  /^board\.(suspectAfter|emergencyAfter|recoverAfter|probeEvery)$/,
  /^admin\.(board|queue|parking|returns|trace|quiet|people|audit)$/,
  /^password\.(short|differ|same)$/,
  /^compose\.(to|cc|bcc|bold|italic|list|quote)$/,
]

test('every sentence is used', () => {
  const folder = new URL('../', import.meta.url)
  const source = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !/\.(test|gen)\./.test(name))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')
  const named = new Set([...source.matchAll(/['"`]([\w-]+(?:\.[\w-]+)+)['"`]/g)].map(([, key]) => key))
  const unused = catalogues.en
    .map(([key]) => key)
    .filter((key) => !named.has(key.replace(/_(one|other)$/, '')) && !puttingTogether.some((one) => one.test(key)))
  expect(unused).toEqual([])
})

const platform = new URL('../../../server/src/platform/', import.meta.url)
const codesOf = (file: string, from: string, to: string, entry: RegExp) => {
  const text = readFileSync(new URL(file, platform), 'utf8')
  const start = text.indexOf(from)
  const part = text.slice(start, text.indexOf(to, start))
  return [...part.matchAll(entry)].map(([, code]) => code!)
}

test('a sentence for every reason of the server, and none too many', () => {
  const reasons = codesOf('codes.ts', 'export const reasons', '] as const', /^\s*'([a-z-]+)',/gm)
  expect(reasons.length).toBeGreaterThan(30)
  expect(Object.keys(en.reason).sort()).toEqual(reasons.sort())
})
test('a sentence for every error of the server, and none too many (but our own "offline")', () => {
  const errors = codesOf(
    'errors.ts',
    'export const errorSpecs',
    '} as const satisfies',
    /^\s*'?([a-z-]+[a-z0-9-]*)'?: spec\(/gm,
  )
  expect(errors.length).toBeGreaterThan(40)
  expect(
    Object.keys(en.error)
      .filter((code) => code !== 'offline')
      .sort(),
  ).toEqual(errors.sort())
})
test('a word for every mode, state and kind of evidence', () => {
  const set = (name: string) => codesOf('codes.ts', `export const ${name} = `, '} as const', /^\s*([a-zA-Z]+): \d+,/gm)
  expect(Object.keys(en.mode)).toEqual(expect.arrayContaining(set('Mode')))
  expect(Object.keys(en.delivery)).toEqual(expect.arrayContaining(set('DeliveryState')))
  expect(Object.keys(en.evidence)).toEqual(expect.arrayContaining(set('EvidenceKind')))
  expect(set('Mode').length + set('DeliveryState').length + set('EvidenceKind').length).toBe(35)
})
test('a word for every act of the audit, and none too many', () => {
  const acts = codesOf('../core/audit/actions.ts', 'export const auditActions', '] as const', /^\s*'([a-z-]+)',/gm)
  expect(acts.length).toBeGreaterThan(40)
  expect(Object.keys(en.act).sort()).toEqual(acts.sort())
})
test('a word for every sensitivity', () => {
  const [list] = codesOf('../core/continuity/sensitivity.ts', 'sensitivityNames', 'as const', /\[(.*)\]/g)
  expect(Object.keys(en.sensitivity)).toEqual(list?.match(/\w+/g))
})
