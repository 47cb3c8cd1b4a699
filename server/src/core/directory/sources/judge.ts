/**
 * Each entry by itself, and beside the others of its list: what cannot be used becomes a problem with its row. Where two
 * rows claim the same, none of them is believed.
 */
import type { Id } from '../../../platform/ids.ts'
import { nearest } from '../../../platform/nearest.ts'
import { tidyCard, type TidyCard } from '../card.ts'
import { foldAddress } from '../fold.ts'
import type { Entry, ListProblem, Mention } from './entry.ts'
import type { Present } from './present.ts'
import { problem, quoted } from './problems.ts'

/** An entry that can be used, as far as it alone says. */
export interface Candidate {
  entry: Entry
  /** folded, each once, the primary one first */
  addresses: { address: string; display: string; domainId: Id }[]
  /** folded */
  upn: string | null | undefined
  groupId: Id | null | undefined
  card: TidyCard | undefined
}

export interface Judged {
  candidates: Candidate[]
  problems: ListProblem[]
  /** whom the others are about */
  unusable: Mention[]
}

const MOST_ADDRESSES = 100
const LOCAL = /^[^\s"(),:;<>@[\]\\]+$/u
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f]/

const isStorable = (text: string): boolean => !UNSHOWN.test(text) && text.isWellFormed()

/** What is not plainly one address is none: lists come from programs that put all kinds of things there. */
function plainAddress(written: string): string | null {
  const at = written.lastIndexOf('@')
  return at > 0 && at <= 64 && written.length <= 254 && LOCAL.test(written.slice(0, at)) ? foldAddress(written) : null
}

function* textProblems({ row, externalId, name, upn, group }: Entry): Generator<ListProblem> {
  if (externalId.trim() === '') yield problem(row, 'no-id', 'has no id')
  if (name.trim() === '') yield problem(row, 'no-name', 'has no name')
  for (const [what, text, most] of [
    ['id', externalId, 300],
    ['name', name, 200],
    ['sign-in name', upn ?? '', 254],
    ['group', group ?? '', 100],
  ] as const) {
    if (text.length > most) yield problem(row, 'too-long', `its ${what} is longer than ${most} characters`)
    if (!isStorable(text)) yield problem(row, 'bad-characters', `its ${what} has characters that cannot be shown`)
  }
}

function addressesOf(entry: Entry, present: Present, problems: ListProblem[]): Candidate['addresses'] {
  const { row } = entry
  const found = new Map<string, Candidate['addresses'][number]>()
  if (entry.addresses.length === 0) problems.push(problem(row, 'no-address', `${quoted(entry.name)} has no address`))
  if (entry.addresses.length > MOST_ADDRESSES)
    problems.push(problem(row, 'too-many-addresses', `has ${entry.addresses.length} addresses`))
  for (const display of entry.addresses.slice(0, MOST_ADDRESSES)) {
    const address = isStorable(display) ? plainAddress(display) : null
    if (address === null) {
      problems.push(problem(row, 'bad-address', `${quoted(display)} is not an e-mail address`))
      continue
    }
    const domain = address.slice(address.lastIndexOf('@') + 1)
    const domainId = present.domains.get(domain)
    if (domainId === undefined)
      problems.push(
        problem(row, 'foreign-domain', `${quoted(display)}: ${domain} is not a domain of this organisation`),
      )
    else if (!found.has(address)) found.set(address, { address, display, domainId })
  }
  return [...found.values()]
}

/** Groups by name, and without case where that is enough. */
function groupBook({ groups }: Present): Map<string, Id> {
  const book = new Map<string, Id>()
  for (const { id, name } of groups) if (!book.has(name.toLowerCase())) book.set(name.toLowerCase(), id)
  for (const { id, name } of groups) book.set(name, id)
  return book
}

function groupOf(
  { row, group }: Entry,
  book: Map<string, Id>,
  { groups }: Present,
  problems: ListProblem[],
): Id | null | undefined {
  if (group === undefined || group === null) return group
  const found = book.get(group) ?? book.get(group.toLowerCase())
  if (found !== undefined) return found
  const near = nearest(
    group,
    groups.slice(0, 200).map(({ name }) => name),
  )
  const hint = near ? `; did you mean ${quoted(near)}?` : ''
  problems.push(problem(row, 'unknown-group', `there is no group ${quoted(group)}${hint}`))
  return undefined
}

function upnOf({ row, upn }: Entry, problems: ListProblem[]): string | null | undefined {
  if (upn === undefined || upn === null) return upn
  const trimmed = upn.trim()
  if (trimmed === '' || /\s/.test(trimmed)) {
    problems.push(problem(row, 'bad-sign-in-name', `${quoted(upn)} cannot be a sign-in name`))
    return undefined
  }
  return foldAddress(trimmed) ?? trimmed.toLowerCase()
}

/** Every name an entry leads to a person by. */
export const namesOf = ({ addresses, upn }: Candidate): Set<string> => {
  const names = new Set(addresses.map(({ address }) => address))
  if (upn) names.add(upn)
  return names
}

function claims(
  candidates: readonly Candidate[],
  keysOf: (one: Candidate) => Iterable<string>,
): Map<string, Candidate[]> {
  const claimed = new Map<string, Candidate[]>()
  for (const one of candidates)
    for (const key of keysOf(one)) {
      const list = claimed.get(key)
      if (list) list.push(one)
      else claimed.set(key, [one])
    }
  return claimed
}

const place = ({ entry }: Candidate): string => (entry.row === null ? quoted(entry.name) : `row ${entry.row}`)

/** Whom somebody reports to, by address; who is not in the list is not said. */
function withManagers(candidates: readonly Candidate[]): Candidate[] {
  const byId = new Map(candidates.map(({ entry, addresses }) => [entry.externalId, addresses[0]!.address]))
  return candidates.map((one) => {
    const said = one.card?.manager
    if (one.card === undefined || said === undefined || said === null) return one
    const { manager: _, ...card } = one.card
    const manager = byId.get(said) ?? foldAddress(said)
    return { ...one, card: manager === null ? card : { ...card, manager } }
  })
}

export function judge(entries: readonly Entry[], present: Present): Judged {
  const problems: ListProblem[] = []
  const unusable: Mention[] = []
  const mention = ({ externalId, addresses }: Entry) =>
    unusable.push({ externalId: externalId.trim() === '' ? null : externalId, addresses })
  const able: Candidate[] = []
  const book = groupBook(present)
  for (const entry of entries) {
    const found = [...textProblems(entry)]
    const one: Candidate = {
      entry,
      addresses: addressesOf(entry, present, found),
      upn: upnOf(entry, found),
      groupId: groupOf(entry, book, present, found),
      card: entry.card && tidyCard(entry.card),
    }
    problems.push(...found)
    if (found.length === 0) able.push(one)
    else mention(entry)
  }
  const refused = new Set<Candidate>()
  const twice = (code: 'id-twice' | 'address-twice', keysOf: (one: Candidate) => Iterable<string>, what: string) => {
    for (const [key, list] of claims(able, keysOf))
      if (list.length > 1)
        for (const one of list) {
          const others = list.slice(0, 6).filter((each) => each !== one)
          problems.push(
            problem(one.entry.row, code, `${what} ${quoted(key)} is also in ${others.map(place).join(', ')}`),
          )
          refused.add(one)
        }
  }
  twice('id-twice', (one) => [one.entry.externalId], 'its id')
  twice('address-twice', namesOf, 'its address')
  for (const { entry } of refused) mention(entry)
  const candidates = able.filter((one) => !refused.has(one))
  return { candidates: withManagers(candidates), problems, unusable }
}
