/**
 * One answer for all who ask the same within a moment. Pages poll, every tab of every admin asks alike, and what they ask
 * counts large tables: so it is asked once at a time, and once in `keepMs` however many look. Failures are not kept.
 */
import type { Clock } from './clock.ts'

export interface SharedAnswers<T> {
  /** What was answered for `key` less than `keepMs` ago, or is being asked just now; else `ask` is. Do not change it. */
  get(key: string, ask: () => Promise<T>, keepMs?: number): Promise<T>
  /** What is kept or under way may be out of date: the next one asks. */
  forget(key: string): void
}

/** Above it what is out of date is thrown away. */
const MANY = 500

export function sharedAnswers<T>(clock: Clock, keepMs: number): SharedAnswers<T> {
  const entries = new Map<string, { answer: Promise<T>; until: number }>()

  function tidy(): void {
    if (entries.size < MANY) return
    const now = clock.monotonic()
    for (const [key, entry] of entries) if (entry.until <= now) entries.delete(key)
  }

  return {
    get(key, ask, keep = keepMs) {
      const known = entries.get(key)
      if (known && clock.monotonic() < known.until) return known.answer
      tidy()
      const entry = { answer: ask(), until: Infinity }
      entries.set(key, entry)
      entry.answer.then(
        () => {
          entry.until = clock.monotonic() + keep
        },
        () => {
          if (entries.get(key) === entry) entries.delete(key)
        },
      )
      return entry.answer
    },
    forget: (key) => void entries.delete(key),
  }
}
