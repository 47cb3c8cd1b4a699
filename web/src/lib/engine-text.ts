/**
 * What the engine wrote beside a change of mode or into the ledger, in the reader's language. It writes English into its
 * rows, since rows are never changed; what is not one of its known sentences (a reply of the mail system) stays as it is.
 */
import type { TFunction } from 'i18next'
import { number } from './format.ts'

const end = '; no further emergency within this hour'

export function engineText(t: TFunction, text: string, locale: string): string {
  if (text.endsWith(end)) return `${engineText(t, text.slice(0, -end.length), locale)}; ${t('engine.heldDown')}`
  const failures = /^(\d+) failures in (\d+) s, no health between them(?:; last: ([^]*))?$/.exec(text)
  if (failures) {
    const said = t('engine.failures', { count: Number(failures[1]), seconds: number(Number(failures[2]), locale) })
    return failures[3] ? `${said}; ${t('engine.last', { text: failures[3] })}` : said
  }
  const successes = /^(\d+) successes over (\d+) s$/.exec(text)
  if (successes)
    return t('engine.successes', { count: Number(successes[1]), seconds: number(Number(successes[2]), locale) })
  return text === 'everything due has gone home' ? t('engine.drained') : text
}

/** A ledger row's proof; `person`: whose message it is. */
export function proofText(t: TFunction, proof: string, person: string | null): string {
  const found = /^(deleted here before it went home|taken back, owed again), by (.*)$/.exec(proof)
  if (!found) return proof
  const who = found[2]!.startsWith('person:') && person ? person : found[2]!
  return t(found[1]!.startsWith('deleted') ? 'engine.deleted' : 'engine.takenBack', { who })
}
