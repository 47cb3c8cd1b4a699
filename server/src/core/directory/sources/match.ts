/**
 * Whom each entry is: by its stable id, or at first sight by the primary address of somebody the source has not spoken of.
 * A name (an address, a sign-in name) leads to one person only: what somebody else has is a problem of the row, unless
 * they let it go in this very run. Whoever does not get a name keeps what they have, so refusing one row may refuse the
 * next; that ends, for each round refuses at least one.
 */
import type { Id } from '../../../platform/ids.ts'
import type { ListProblem } from './entry.ts'
import type { Candidate } from './judge.ts'
import { isGone, leads, linkOf, ownWord, type PersonState, type Present } from './present.ts'
import { problem, quoted } from './problems.ts'

const MOST_ROUNDS = 50

export interface Match {
  candidate: Candidate
  /** null: to be made */
  person: PersonState | null
  /** the source's word counts for all of them, not only for what it adds */
  isLed: boolean
  /** the sign-in name they are to have; undefined: as it is */
  upn: string | null | undefined
  /** addresses that this source takes back */
  dropped: string[]
}

export interface Matched {
  matches: Match[]
  problems: ListProblem[]
  refused: Candidate[]
  /** whose each name was that goes to somebody else */
  before: Map<string, PersonState>
}

function matchOf(candidate: Candidate, person: PersonState | null, sourceId: Id): Match {
  if (person === null) return { candidate, person, isLed: true, upn: candidate.upn ?? null, dropped: [] }
  const isLed = leads(person, sourceId)
  const said = new Set(candidate.addresses.map(({ address }) => address))
  const mayName = candidate.upn !== undefined && (isLed || (person.upn === null && candidate.upn !== null))
  return {
    candidate,
    person,
    isLed,
    upn: mayName && candidate.upn !== person.upn ? candidate.upn : undefined,
    dropped: ownWord(person, sourceId).filter((address) => !said.has(address)),
  }
}

/** What this entry needs to be its person's, beyond what they have. */
export function wanted({ candidate, upn }: Match): string[] {
  const names = candidate.addresses.map(({ address }) => address)
  return upn ? [...names, upn] : names
}

/** What their person has no more afterwards, neither as an address nor for signing in. */
function released(person: PersonState, { upn, dropped }: Match): string[] {
  const gone = new Set(dropped)
  const kept = new Set(person.addresses.map(({ address }) => address).filter((address) => !gone.has(address)))
  const name = upn === undefined ? person.upn : upn
  if (name !== null) kept.add(name)
  const before = person.upn === null ? dropped : [...dropped, person.upn]
  return before.filter((each) => !kept.has(each))
}

/** Everybody's names, an address before a sign-in name of the same text. */
function owners(people: readonly PersonState[]): Map<string, PersonState> {
  const book = new Map<string, PersonState>()
  for (const person of people) if (person.upn !== null) book.set(person.upn, person)
  for (const person of people) for (const { address } of person.addresses) book.set(address, person)
  return book
}

function firstSight({ addresses }: Candidate, book: Map<string, PersonState>, sourceId: Id): PersonState | null {
  const primary = addresses[0]!.address
  const owner = book.get(primary)
  if (owner === undefined || linkOf(owner, sourceId) !== undefined) return null
  // By an alias they would become one with whoever has that alias, say an office's.
  return owner.addresses.some((own) => own.primary && own.address === primary) ? owner : null
}

/** `leaving`: names of people who go in this run, by owner. */
export function match(candidates: readonly Candidate[], present: Present, leaving: ReadonlyMap<string, Id>): Matched {
  const { sourceId, people, taken } = present
  const book = owners(people)
  const linked = new Map<string, PersonState>()
  for (const person of people) {
    const link = linkOf(person, sourceId)
    if (link) linked.set(link.externalId, person)
  }
  let matches = candidates.map((one) =>
    matchOf(one, linked.get(one.entry.externalId) ?? firstSight(one, book, sourceId), sourceId),
  )
  const result: Matched = { matches, problems: [], refused: [], before: new Map() }
  for (let round = 0; ; round++) {
    const free = new Map(leaving)
    // A long chain of names handed on is nobody's honest list: then only what is free without it counts.
    if (round < MOST_ROUNDS)
      for (const one of matches)
        if (one.person) for (const name of released(one.person, one)) free.set(name, one.person.id)
    const refusals = new Map<Match, ListProblem>()
    const before = new Map<string, PersonState>()
    for (const one of matches)
      for (const name of wanted(one)) {
        const owner = book.get(name)
        const elsewhere = taken.get(name)
        const isFree = owner === undefined || owner === one.person || free.get(name) === owner.id
        if (isFree && elsewhere === undefined) {
          if (owner !== undefined && owner !== one.person) before.set(name, owner)
          continue
        }
        refusals.set(one, conflict(one, name, owner, elsewhere, present))
        break
      }
    result.before = before
    if (refusals.size === 0) break
    for (const [one, said] of refusals) {
      result.problems.push(said)
      result.refused.push(one.candidate)
    }
    matches = matches.filter((one) => !refusals.has(one))
  }
  return { ...result, matches }
}

function conflict(
  { candidate, upn }: Match,
  name: string,
  owner: PersonState | undefined,
  elsewhere: string | undefined,
  { sourceId }: Present,
): ListProblem {
  const link = owner && linkOf(owner, sourceId)
  const whose = elsewhere ?? owner!.name
  const since =
    link && link.missingSince !== null && !isGone(owner)
      ? `, who has been missing in the list since ${new Date(link.missingSince).toISOString().slice(0, 10)} and is still there`
      : link
        ? `, whom the list knows under the id ${quoted(link.externalId)}`
        : ''
  const code = name === upn ? 'sign-in-name-taken' : 'address-taken'
  return problem(candidate.entry.row, code, `${quoted(name)} belongs to ${quoted(whose)}${since}`)
}
