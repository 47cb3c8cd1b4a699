/**
 * What a list would do to an organisation: pure, from what is and what the list says. Carrying a plan out and planning
 * again finds nothing to do. Nobody is removed but after the grace, nobody by hand ever, and no name has two owners;
 * what cannot be done is a problem with its row, and changes nothing for that row.
 */
import { createHash } from 'node:crypto'
import type { Id } from '../../../platform/ids.ts'
import { canonicalJson } from '../../audit/index.ts'
import type { TidyCard } from '../card.ts'
import type { ListProblem, Said, SaidCard, SourceList } from './entry.ts'
import { judge, type Candidate } from './judge.ts'
import { isWhole, leavingNames, leaversOf, mentioned, type Leaver } from './leavers.ts'
import { match, wanted, type Match } from './match.ts'
import { hasOffice, isGone, linkOf, type Present } from './present.ts'
import { leaverWrite, writeOf, type PersonWrite } from './changes.ts'
import { overLimits, type OverLimit } from './settings.ts'

const DAY_MS = 86_400_000

export type ItemAct = 'create' | 'change' | 'disable' | 'missing' | 'unlink' | 'remove' | 'keep'

export interface Item {
  act: ItemAct
  externalId: string
  name: string
  row: number | null
  /** what changes, each as an admin reads it; why, for keep */
  words: string[]
}

/** What the source says of whom: kept for everybody it names. */
export interface LinkWrite {
  externalId: string
  /** null: of a person who is made, found by the id */
  personId: Id | null
  said: Said
  /** of a new one: after all others of its person, for the first one leads */
  linkedAt: number
}

export interface Counts {
  /** rows of the list */
  entries: number
  creations: number
  changes: number
  removals: number
  /** as they are */
  same: number
  /** would be removed, but for mail that is owed */
  kept: number
  problems: number
  /** gone from the list, but there are rows that name nobody */
  withheld: number
}

export interface Plan {
  items: Item[]
  counts: Counts
  problems: ListProblem[]
  over: OverLimit[]
  /** whose sign-in it touches in a way that nobody should wake up to: never done unasked */
  delicate: string[]
  /** nothing in the list can be used: never done unasked */
  isEmpty: boolean
  digest: string
  people: PersonWrite[]
  links: LinkWrite[]
  /** ids of people it spoke of that the list names, also in rows that cannot be used */
  seen: string[]
  leavers: Leaver[]
}

const saidCard = ({ photo, ...card }: TidyCard): SaidCard =>
  photo === undefined ? card : { ...card, photo: photo?.digest ?? null }

const saidOf = ({ entry, addresses, upn, card }: Candidate): Said => ({
  addresses: addresses.map(({ address }) => address),
  name: entry.name,
  upn: upn ?? null,
  group: entry.group ?? null,
  locale: entry.locale ?? null,
  enabled: entry.enabled,
  ...(card === undefined ? {} : { card: saidCard(card) }),
})

const leaverWords = ({ act, why, person, isClosed }: Leaver, { settings }: Present): string[] => {
  if (isClosed)
    return [
      `taken away at the source: may not sign in any more, and is removed after ${settings.graceDays} days of that`,
    ]
  if (act === 'missing') return [`not in the list any more; removed after ${settings.graceDays} days of that`]
  if (act === 'unlink') return ['not in the list any more; stays, because others speak of them']
  return act === 'keep'
    ? [why]
    : [`gone from the list for ${settings.graceDays} days: ${person.addresses.map((a) => a.address).join(', ')}`]
}

export function planList(present: Present, list: SourceList): Plan {
  const judged = judge(list.entries, present)
  const unusable = [...list.unusable, ...judged.unusable]
  const ids = judged.candidates.map(({ entry }) => entry.externalId)
  const names = mentioned(present, ids, unusable)
  const absent = leaversOf(present, names, new Set(list.gone))
  const leavers = isWhole(unusable) ? absent : []
  const leaving = leavingNames(leavers)
  const matched = match(judged.candidates, present, leaving)
  /** A name that somebody who stays has now: their mail and their sign-in by the directory would go with it. */
  const takes = (one: Match): boolean => wanted(one).some((name) => matched.before.has(name) && !leaving.has(name))

  const items: Item[] = []
  const people: PersonWrite[] = []
  const delicate: string[] = []
  for (const one of matched.matches) {
    const write = writeOf(one, present, matched.before)
    if (write === null) continue
    people.push(write)
    if (isDelicate(one) || takes(one)) delicate.push(one.person?.name ?? write.name)
    items.push(itemOf(one, write))
  }
  for (const leaver of leavers) {
    const { act, person, link } = leaver
    items.push({ act, externalId: link.externalId, name: person.name, row: null, words: leaverWords(leaver, present) })
    if (leaver.isClosed || (act === 'unlink' && leaver.dropped.length > 0)) people.push(leaverWrite(leaver))
    if (leaver.isClosed && hasOffice(person)) delicate.push(person.name)
  }
  const problems = [...list.problems, ...judged.problems, ...matched.problems]
  const count = (...acts: ItemAct[]) => items.filter(({ act }) => acts.includes(act)).length
  const counts: Counts = {
    entries: list.entries.length + list.unusable.length,
    creations: count('create'),
    changes: count('change'),
    removals: count('disable', 'missing', 'unlink', 'remove'),
    same: matched.matches.length - count('create', 'change', 'disable'),
    kept: count('keep'),
    problems: problems.length,
    withheld: absent.length - leavers.length,
  }
  return {
    items,
    counts,
    problems,
    over: overOf(present, counts),
    delicate,
    isEmpty: matched.matches.length === 0,
    digest: digestOf(items),
    people,
    links: [
      ...matched.matches.map((one) => linkWrite(one, present)),
      ...leavers.filter((one) => one.isClosed).map(closedLink),
    ],
    seen: seenOf(present, names, matched.matches),
    leavers,
  }
}

function linkWrite({ candidate, person }: Match, { now, sourceId }: Present): LinkWrite {
  const said = saidOf(candidate)
  // Shut out by somebody else: that this source would do it too gives it no right to let them in.
  const isOthers =
    person !== null && person.disabled && !isGone(person) && (linkOf(person, sourceId)?.said.enabled ?? true)
  return {
    externalId: candidate.entry.externalId,
    personId: person?.id ?? null,
    said: isOthers ? { ...said, enabled: true } : said,
    linkedAt: Math.max(now, ...(person?.links ?? []).map((link) => link.linkedAt + 1)),
  }
}

/** That the source shut them out is remembered: it may let them in again, if they come back. */
const closedLink = ({ person, link }: Leaver): LinkWrite => ({
  externalId: link.externalId,
  personId: person.id,
  said: { ...link.said, enabled: false },
  linkedAt: link.linkedAt,
})

/** What is more than the source may do unasked; of one that comes change by change with what it did within a day already. */
function overOf(present: Present, counts: Counts): OverLimit[] {
  const { base, lately } = spokenOf(present)
  const before = present.spent ?? { creations: 0, changes: 0, removals: lately }
  const withBefore = (what: keyof typeof before): number => counts[what] && counts[what] + before[what]
  const asked = { creations: withBefore('creations'), changes: withBefore('changes'), removals: withBefore('removals') }
  return overLimits(present.settings, asked, base + lately)
}

/**
 * A directory says who somebody is; where anybody there may write their own line, a line with an administrator's address, or
 * with a sign-in name for somebody who had none, would be the way into their account.
 */
const isDelicate = ({ person, isLed, upn }: Match): boolean =>
  person !== null && (hasOffice(person) || (!isLed && upn !== undefined))

/** Those it speaks of now, and those it stopped to speak of within a day: many small runs are not believed more than one. */
function spokenOf({ people, sourceId, now }: Present): { base: number; lately: number } {
  let [base, lately] = [0, 0]
  for (const person of people) {
    const link = linkOf(person, sourceId)
    if (link === undefined || isGone(person)) continue
    if (link.missingSince === null) base++
    else if (link.missingSince > now - DAY_MS) lately++
  }
  return { base, lately }
}

function seenOf({ people, sourceId }: Present, names: ReadonlySet<string>, matches: readonly Match[]): string[] {
  const seen = new Set(matches.map(({ candidate }) => candidate.entry.externalId))
  for (const person of people) {
    const link = linkOf(person, sourceId)
    if (link && names.has(link.externalId)) seen.add(link.externalId)
  }
  return [...seen]
}

function itemOf({ candidate, person }: Match, write: PersonWrite): Item {
  const { externalId, row } = candidate.entry
  const act = person === null ? 'create' : write.isDisabled && !person.disabled ? 'disable' : 'change'
  return { act, externalId, name: person?.name ?? write.name, row, words: write.words }
}

/** Rows may be in another order tomorrow: it is the same plan. */
function digestOf(items: readonly Item[]): string {
  const lines = items.map(({ act, externalId, name, words }) => canonicalJson({ act, externalId, name, words })).sort()
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}
