/** "Did you mean": the known word that a misspelt one most likely stands for. Bounded: only the first 60 letters count. */

/** The known word most like `word`, or null when none is near. Case does not count. */
export function nearest(word: string, known: readonly string[]): string | null {
  const meant = word.slice(0, 60).toLowerCase()
  let best: string | null = null
  let least = Math.max(2, Math.floor(meant.length / 2)) + 1
  for (const candidate of known) {
    const edits = distance(meant, candidate.toLowerCase())
    if (edits < least) [best, least] = [candidate, edits]
  }
  return best
}

/** Edits (insert, delete, replace) between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
