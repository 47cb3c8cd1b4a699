/** Rows as entries. What a row cannot say is left to whoever judges entries of any source. */
import type { Entry, ListProblem, Mention } from '../entry.ts'
import { foldAddress } from '../../fold.ts'
import { problem, quoted } from '../problems.ts'
import { cardOf } from './card.ts'
import type { Row } from './cells.ts'
import type { Columns, Field } from './headings.ts'

const YES = new Set('yes y true 1 x oui vrai ja wahr active enabled actif aktiv'.split(' '))
const NO = new Set('no n false 0 non faux nein falsch inactive disabled inactif inaktiv'.split(' '))
const LANGUAGES: Record<string, 'en' | 'fr' | 'de'> = {
  en: 'en', english: 'en', anglais: 'en', englisch: 'en',
  fr: 'fr', french: 'fr', français: 'fr', francais: 'fr', französisch: 'fr',
  de: 'de', german: 'de', allemand: 'de', deutsch: 'de',
} // prettier-ignore

/** Several in a cell; directories write `smtp:` before mail addresses, and other kinds of names among them. */
const addressesIn = (cell: string): string[] =>
  cell
    .split(/[\s;,|]+/)
    .filter((each) => each !== '' && !/^(?!smtp:)[a-z0-9]+:/i.test(each))
    .map((each) => each.replace(/^smtp:/i, ''))

function nameOf(value: (field: Field) => string, { at }: Columns): string {
  // "Name; Vorname" and "Nom; Prénom" mean the family name by the first.
  const last = value('lastName') || (at.has('firstName') && !at.has('lastName') ? value('name') : '')
  const whole = at.has('firstName') && !at.has('lastName') ? '' : value('name')
  return whole || `${value('firstName')} ${last}`.trim()
}

function localeOf(cell: string): 'en' | 'fr' | 'de' | null {
  const word = cell.toLowerCase()
  const found = Object.hasOwn(LANGUAGES, word) ? LANGUAGES[word] : undefined
  const short = /^([a-z]{2})[-_]/.exec(word)?.[1] ?? ''
  return found ?? (Object.hasOwn(LANGUAGES, short) ? LANGUAGES[short]! : null)
}

/** What the file has a column for; an empty cell says that there is none. */
function optional(value: (field: Field) => string, { at }: Columns, problems: ListProblem[], row: number) {
  const said: Pick<Entry, 'upn' | 'group' | 'locale' | 'enabled'> = { enabled: true }
  if (at.has('upn')) said.upn = value('upn') || null
  if (at.has('group')) said.group = value('group') || null
  const language = value('locale')
  if (language !== '') {
    const locale = localeOf(language)
    if (locale === null) problems.push(problem(row, 'bad-locale', `${quoted(language)} is not a language of the pages`))
    else said.locale = locale
  }
  const enabled = value('enabled').toLowerCase()
  if (NO.has(enabled)) said.enabled = false
  else if (enabled !== '' && !YES.has(enabled))
    problems.push(problem(row, 'bad-enabled', `${quoted(enabled)} says neither yes nor no`))
  return said
}

/** `problems`: why it is no entry, and then the mention says whom it is about. */
export function entryOf(
  { row, cells }: Row,
  columns: Columns,
): { entry: Entry } | { problems: ListProblem[]; mention: Mention } {
  const { at, width } = columns
  // Cells may be anywhere then, the id too.
  const unknown = { externalId: null, addresses: [] }
  if (cells.length < width)
    return { problems: [problem(row, 'too-few-columns', `has ${cells.length} cells of ${width}`)], mention: unknown }
  if (cells.slice(width).some((cell) => cell !== ''))
    return {
      problems: [problem(row, 'too-many-columns', `has ${cells.length} cells, the heading ${width}`)],
      mention: unknown,
    }
  const value = (field: Field): string => {
    const index = at.get(field)
    return index === undefined ? '' : (cells[index] ?? '')
  }
  const email = value('email').replace(/^smtp:/i, '')
  const addresses = [...new Set([...(email === '' ? [] : [email]), ...addressesIn(value('aliases'))])]
  // Without stable ids an address is all that tells people apart.
  const externalId = at.has('id') ? value('id') : (foldAddress(email) ?? email.toLowerCase())
  const problems: ListProblem[] = []
  const said = optional(value, columns, problems, row)
  if (email === '') problems.push(problem(row, 'no-address', `${quoted(nameOf(value, columns))} has no address`))
  if (problems.length > 0)
    return { problems, mention: { externalId: externalId === '' ? null : externalId, addresses } }
  const card = cardOf(value, columns)
  const entry = { row, externalId, name: nameOf(value, columns), addresses, ...said }
  return { entry: card === undefined ? entry : { ...entry, card } }
}
