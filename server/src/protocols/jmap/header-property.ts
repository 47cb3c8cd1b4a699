/** Properties of the form header:{name}:as{form}:all (RFC 8621 section 4.1.3), and which form is allowed for which field. */
import {
  dateText,
  headerMessageIds,
  headerText,
  headerUrls,
  parseAddresses,
  parseDate,
  parseGroups,
  type HeaderField,
} from '../mime/index.ts'

export type HeaderForm = 'Raw' | 'Text' | 'Addresses' | 'GroupedAddresses' | 'MessageIds' | 'Date' | 'URLs'
export interface HeaderProperty {
  name: string
  form: HeaderForm
  all: boolean
}

const ADDRESSES = [
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'resent-from',
  'resent-sender',
  'resent-reply-to',
  'resent-to',
  'resent-cc',
  'resent-bcc',
]
const IDS = ['message-id', 'in-reply-to', 'references', 'resent-message-id']
const DATES = ['date', 'resent-date']
const URLS = ['list-help', 'list-unsubscribe', 'list-subscribe', 'list-post', 'list-owner', 'list-archive']
const TEXT = ['subject', 'comments', 'keywords', 'list-id']
/** Defined in RFC 5322 or RFC 2369; every other field takes every form. */
const DEFINED = new Set([
  ...ADDRESSES,
  ...IDS,
  ...DATES,
  ...URLS,
  'subject',
  'comments',
  'keywords',
  'return-path',
  'received',
])
const ALLOWED: Record<HeaderForm, readonly string[] | null> = {
  Raw: null,
  Text: TEXT,
  Addresses: ADDRESSES,
  GroupedAddresses: ADDRESSES,
  MessageIds: IDS,
  Date: DATES,
  URLs: URLS,
}

/** null: not such a property, or a form that the field does not have. */
export function parseHeaderProperty(property: string): HeaderProperty | null {
  const match =
    /^header:([!-9;-~]{1,200})(?::as(Raw|Text|Addresses|GroupedAddresses|MessageIds|Date|URLs))?(:all)?$/.exec(property)
  if (!match) return null
  const form = (match[2] ?? 'Raw') as HeaderForm
  const name = match[1]!
  const allowed = ALLOWED[form]
  if (allowed && DEFINED.has(name.toLowerCase()) && !allowed.includes(name.toLowerCase())) return null
  return { name, form, all: match[3] !== undefined }
}

export function headerValue(raw: string, form: HeaderForm): unknown {
  switch (form) {
    case 'Raw':
      return raw
    case 'Text':
      return headerText(raw)
    case 'Addresses':
      return parseAddresses(raw)
    case 'GroupedAddresses':
      return parseGroups(raw)
    case 'MessageIds':
      return headerMessageIds(raw)
    case 'Date': {
      const date = parseDate(raw)
      return date && dateText(date)
    }
    case 'URLs':
      return headerUrls(raw)
  }
}

/** The last field of that name, or all of them in order. */
export function headerProperty(headers: readonly HeaderField[], { name, form, all }: HeaderProperty): unknown {
  const wanted = name.toLowerCase()
  const values = headers
    .filter((field) => field.name.toLowerCase() === wanted)
    .map((field) => headerValue(field.raw, form))
  return all ? values : (values.at(-1) ?? null)
}
