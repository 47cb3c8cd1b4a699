/** The header fields of a list's mail: List-Id (RFC 2919), List-Post, List-Help and List-Unsubscribe (RFC 2369). */
export interface ListFields {
  /** folded */
  address: string
  name: string
  /** somebody else than its own few may post */
  isOpen: boolean
  help: string | null
  unsubscribe: string | null
}

/** RFC 2047 section 2: a word has at most 75 characters, of which base64 leaves 45 octets. */
const WORD_OCTETS = 45

/** RFC 5322 section 3.2.5: a quoted string, or encoded words where there is more than ASCII. */
function phrase(name: string): string {
  const text = name.replace(/\p{Cc}+/gu, ' ').trim()
  if (text === '') return ''
  if (/^[\x20-\x7e]*$/.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}" `
  const words = ['']
  for (const letter of text)
    if (Buffer.byteLength(words.at(-1)! + letter) > WORD_OCTETS) words.push(letter)
    else words.push(words.pop()! + letter)
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=\r\n `).join('')
}

/** RFC 2919 section 3: a label below the domain; what is no name of its own kind there is spelled in hex. */
function listId(address: string): string {
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  const isName = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(local)
  return `${isName ? local : Buffer.from(local).toString('hex')}.${address.slice(at + 1)}`
}

/** RFC 6068 section 2. */
const mailto = (address: string): string => `mailto:${encodeURIComponent(address).replaceAll('%40', '@')}`

/** Lines that end in CRLF. What a list has not is not said; where nobody else may post, List-Post says so. */
export function listFields({ address, name, isOpen, help, unsubscribe }: ListFields): string {
  const lines = [`List-Id: ${phrase(name)}<${listId(address)}>`]
  lines.push(isOpen ? `List-Post: <${mailto(address)}>` : 'List-Post: NO (only a few may)')
  if (help !== null) lines.push(`List-Help: <${help}>`)
  if (unsubscribe !== null) lines.push(`List-Unsubscribe: <${unsubscribe}>`)
  return lines.map((line) => `${line}\r\n`).join('')
}
