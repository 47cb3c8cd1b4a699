/**
 * Address lists of header fields (RFC 5322 section 3.4): groups, comments, quoted strings, routes of old, encoded words
 * in display names (RFC 2047), UTF-8 (RFC 6532). Lenient: what cannot be an address comes back as one with the text as
 * it stands, so that a person sees what the sender wrote. Linear in the input.
 */
import { addressTokens, type Token } from './address-tokens.ts'
import { LONGEST_FIELD } from './limits.ts'
import { composed, decodeWords, unfold } from './words.ts'

export interface MailAddress {
  name: string | null
  email: string
}

export interface AddressGroup {
  /** null: addresses outside a group */
  name: string | null
  addresses: MailAddress[]
}

export interface AddressList {
  groups: AddressGroup[]
  /** there was more than we read */
  cut: boolean
}

/** Groups and addresses, in all. */
const MOST_ENTRIES = 5000
/** More of them than a quarter of the octets: nobody's list of addresses. */
const OCTETS_PER_TOKEN = 4

const needsQuotes = (local: string): boolean => !/^[^\s"(),:;<>@[\]\\]+$/.test(local)

/** Tokens of an addr-spec as text; a quoted local part keeps its quotes where they are needed. */
function specOf(list: readonly Token[]): string {
  let out = ''
  for (const token of list) {
    if (token.kind === 'space' || token.kind === 'comment') continue
    if (token.kind === 'quoted')
      out += needsQuotes(token.text) ? `"${token.text.replace(/["\\]/g, '\\$&')}"` : token.text
    else out += token.text
  }
  // RFC 5322 section 4.4: a route before the address is ignored.
  return out.replace(/^@[^:]*:/, '')
}

function phraseOf(list: readonly Token[]): string | null {
  let out = ''
  for (const token of list) {
    if (token.kind === 'comment') continue
    out += token.text
  }
  const name = composed(decodeWords(out.replace(/\s+/g, ' ').trim())).trim()
  return name === '' ? null : name
}

function addressOf(list: readonly Token[]): MailAddress | null {
  const open = list.findIndex((token) => token.kind === '<')
  if (open >= 0) {
    const close = list.findIndex((token, i) => i > open && token.kind === '>')
    const email = specOf(list.slice(open + 1, close < 0 ? undefined : close))
    const name = phraseOf(list.slice(0, open))
    return email === '' && name === null ? null : { name, email }
  }
  const solid = list.filter((token) => token.kind !== 'space')
  if (solid.length === 0) return null
  const email = specOf(list)
  if (email === '') return null
  const comment = list.filter((token) => token.kind === 'comment').map((token) => token.text)
  return { name: comment.length > 0 ? decodeWords(comment.join(' ')).trim() || null : null, email }
}

/**
 * RFC 8621 section 4.1.2.4, asGroupedAddresses. `most`: octets of it that are read. Who decides by it must not act on a
 * list that was cut.
 */
export function readAddressList(raw: string, most = LONGEST_FIELD): AddressList {
  const list: AddressList = { groups: [], cut: raw.length > most }
  let group: AddressGroup | null = null
  let loose: AddressGroup | null = null
  let piece: Token[] = []
  let inAngle = false
  let entries = 0
  let tokens = 0
  const end = (): void => {
    const address = addressOf(piece)
    piece = []
    if (!address) return
    entries++
    if (group) group.addresses.push(address)
    else {
      if (!loose) list.groups.push((loose = { name: null, addresses: [] }))
      loose.addresses.push(address)
    }
  }
  for (const token of addressTokens(unfold(raw, most))) {
    if (entries >= MOST_ENTRIES || ++tokens * OCTETS_PER_TOKEN > most) {
      list.cut = true
      break
    }
    if (token.kind === '<') inAngle = true
    if (token.kind === '>') inAngle = false
    if (!inAngle && token.kind === ',') end()
    else if (!inAngle && token.kind === ':' && !group) {
      entries++
      group = { name: phraseOf(piece), addresses: [] }
      list.groups.push(group)
      loose = null
      piece = []
    } else if (!inAngle && token.kind === ';') {
      end()
      group = null
    } else piece.push(token)
  }
  // Half an address is somebody else's.
  if (!list.cut || entries === 0) end()
  return list
}

export const parseGroups = (raw: string): AddressGroup[] => readAddressList(raw).groups

export function parseAddresses(raw: string): MailAddress[] {
  return parseGroups(raw).flatMap((group) => group.addresses)
}
