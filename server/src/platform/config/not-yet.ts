/** Keys of parts that are planned but not in this version: whoever sets one is told so, not that it is misspelt. */
const parts: Readonly<Record<string, string>> = {
  smarthost: "the smarthost listener for the primary's outbound mail",
  imap: 'IMAP (people read by the web pages)',
  pop3: 'POP3 (people read by the web pages)',
}

/** `listen.imap` and what is below it; null: not one of them. */
export function notYet(path: readonly string[]): string | null {
  const name = path[0]?.toLowerCase() === 'listen' ? path[1]?.toLowerCase().replace(/s$/, '') : undefined
  const part = name === undefined ? undefined : parts[name]
  return part === undefined ? null : `not in this version yet: ${part}. Remove the key.`
}
