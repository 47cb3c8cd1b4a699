/** Of a field with several addresses the one that is being typed: what is looked for in the address book. */

/** Where the last piece begins: behind the last separator that is not inside quotes or angle brackets. */
export function lastPiece(text: string): { start: number; piece: string } {
  let start = 0
  let quoted = false
  let angle = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (quoted && char === '\\') {
      at++
      continue
    }
    if (char === '"') quoted = !quoted
    if (quoted) continue
    if (char === '<') angle = true
    if (char === '>') angle = false
    if (!angle && (char === ',' || char === ';' || char === '\n')) start = at + 1
  }
  return { start, piece: text.slice(start).trim() }
}

/** The text with its last piece replaced by these addresses, ready for the next one. */
export function withLast(text: string, chosen: readonly string[]): string {
  const { start } = lastPiece(text)
  const before = text.slice(0, start).trimEnd()
  return [...(before === '' ? [] : [before]), `${chosen.join(', ')}, `].join(' ')
}
