/**
 * The tokens of address lists (RFC 5322 section 3.2): runs of text, quoted strings and comments without their quoting,
 * separators. By character codes and slices, for a stranger decides how much of it there is.
 */
export type Separator = ',' | ';' | ':' | '<' | '>'

export interface Token {
  kind: 'text' | 'quoted' | 'comment' | 'space' | Separator
  text: string
}

const QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const BACKSLASH = 0x5c

const SPACE: Token = { kind: 'space', text: ' ' }
/** One for all: a token is never changed. */
const SEPARATORS: readonly (Token | undefined)[] = Array.from({ length: 128 }, (_, c) => {
  const kind = ([',', ';', ':', '<', '>'] as const).find((one) => one.charCodeAt(0) === c)
  return kind && { kind, text: kind }
})

const isSpace = (c: number): boolean =>
  c <= 0x20
    ? c === 0x20 || (c >= 0x09 && c <= 0x0d)
    : c >= 0xa0 &&
      (c === 0xa0 ||
        c === 0x1680 ||
        (c >= 0x2000 && c <= 0x200a) ||
        c === 0x2028 ||
        c === 0x2029 ||
        c === 0x202f ||
        c === 0x205f ||
        c === 0x3000 ||
        c === 0xfeff)

const isText = (c: number): boolean => !isSpace(c) && c !== QUOTE && c !== OPEN && c !== CLOSE && !SEPARATORS[c]

/** What stands between `open` at `from` and its end, backslashes resolved; and where it goes on. */
function enclosed(input: string, from: number, close: number, nests: number): { text: string; next: number } {
  let depth = 1
  let text = ''
  let start = from + 1
  let i = start
  for (; i < input.length; i++) {
    const c = input.charCodeAt(i)
    if (c === BACKSLASH) {
      text += input.slice(start, i)
      // The character behind it stands for itself.
      start = ++i
    } else if (c === nests) depth++
    else if (c === close && --depth === 0) return { text: text + input.slice(start, i), next: i + 1 }
  }
  return { text: text + input.slice(start), next: input.length }
}

/** One after the other: who has read enough of them has not paid for the rest. */
export function* addressTokens(input: string): Generator<Token, void, void> {
  let i = 0
  while (i < input.length) {
    const c = input.charCodeAt(i)
    const separator = SEPARATORS[c]
    if (separator) {
      i++
      yield separator
    } else if (c === QUOTE || c === OPEN) {
      const isQuote = c === QUOTE
      const { text, next } = enclosed(input, i, isQuote ? QUOTE : CLOSE, isQuote ? -1 : OPEN)
      i = next
      yield { kind: isQuote ? 'quoted' : 'comment', text }
    } else if (isSpace(c)) {
      do i++
      while (i < input.length && isSpace(input.charCodeAt(i)))
      yield SPACE
    } else {
      const start = i
      // At least one: a ')' without its '(' is text.
      do i++
      while (i < input.length && isText(input.charCodeAt(i)))
      yield { kind: 'text', text: input.slice(start, i) }
    }
  }
}
