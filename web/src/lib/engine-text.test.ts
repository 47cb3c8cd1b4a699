/** The engine's own sentences are known here by their words: read from its files, so that a change of them is noticed. */
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import de from './locales/de.json'
import { engineText, proofText } from './engine-text.ts'
import { i18n } from './i18n.ts'

beforeAll(() => i18n.init({ lng: 'de', resources: { de: { translation: de } }, interpolation: { escapeValue: false } }))

test('why a mode changed, in the language of the page; the reply of the mail system stays', () => {
  expect(
    engineText(
      i18n.t,
      '6 failures in 2 s, no health between them; last: 451 4.3.2 later; no further emergency within this hour',
      'de',
    ),
  ).toBe(
    '6 Fehlschläge in 2 s, kein Erfolg dazwischen; zuletzt: 451 4.3.2 later; kein weiterer Notbetrieb innerhalb dieser Stunde',
  )
  expect(engineText(i18n.t, '3 successes over 1200 s', 'de')).toBe('3 Erfolge in 1.200 s')
  expect(engineText(i18n.t, 'everything due has gone home', 'de')).toBe('alles Geschuldete ist übergeben')
  expect(engineText(i18n.t, '421 closing', 'de')).toBe('421 closing')
})
test('the proof of a deletion names the person, not their number', () => {
  expect(proofText(i18n.t, 'deleted here before it went home, by person:0af3', 'Alice')).toBe(
    'hier gelöscht, bevor es übergeben wurde, von Alice',
  )
  expect(proofText(i18n.t, 'taken back, owed again, by person:0af3', null)).toContain('person:0af3')
  expect(proofText(i18n.t, '250 2.0.0 Ok', 'Alice')).toBe('250 2.0.0 Ok')
})
test('these are the words that the server writes', () => {
  const server = new URL('../../../server/src/core/', import.meta.url)
  const moves = readFileSync(new URL('continuity/moves.ts', server), 'utf8')
  for (const words of [
    'failures in',
    'no health between them',
    '; last: ',
    'successes over',
    'everything due has gone home',
    '; no further emergency within this hour',
  ])
    expect(moves).toContain(words)
  const owed = readFileSync(new URL('return/owed.ts', server), 'utf8')
  for (const words of ['deleted here before it went home, by ', 'taken back, owed again, by '])
    expect(owed).toContain(words)
})
