/**
 * Those the source spoke of and does not name any more: missing at first, removed only after the grace, and never while
 * they are owed mail. Whoever is here by hand, or known to another source, stays; only this source's word goes.
 */
import type { Id } from '../../../platform/ids.ts'
import type { Mention } from './entry.ts'
import { foldAddress } from '../fold.ts'
import { isByHand, isGone, leads, linkOf, ownWord, type Link, type PersonState, type Present } from './present.ts'

export interface Leaver {
  act: 'missing' | 'unlink' | 'remove' | 'keep'
  person: PersonState
  link: Link
  /** addresses that go */
  dropped: string[]
  /** why they are kept */
  why: string
  /** taken away by name and not only missing: they may not sign in any more */
  isClosed: boolean
}

export const DAY_MS = 86_400_000

/** Ids that the list names in any way. */
export function mentioned(present: Present, ids: Iterable<string>, unusable: readonly Mention[]): Set<string> {
  const found = new Set(ids)
  const byAddress = new Map<string, string>()
  for (const person of present.people) {
    const link = linkOf(person, present.sourceId)
    if (!link) continue
    for (const { address } of person.addresses) byAddress.set(address, link.externalId)
    for (const address of link.said.addresses) byAddress.set(address, link.externalId)
  }
  for (const { externalId, addresses } of unusable) {
    if (externalId !== null) found.add(externalId)
    for (const written of addresses) {
      const folded = foldAddress(written)
      const id = folded === null ? undefined : byAddress.get(folded)
      if (id !== undefined) found.add(id)
    }
  }
  return found
}

/** A row that names nobody may be anybody's: then nobody is missing. */
export const isWhole = (unusable: readonly Mention[]): boolean =>
  unusable.every(
    ({ externalId, addresses }) => externalId !== null || addresses.some((written) => foldAddress(written) !== null),
  )

export function leaversOf(present: Present, names: ReadonlySet<string>, gone: ReadonlySet<string>): Leaver[] {
  const { sourceId, now, settings, owed } = present
  const leavers: Leaver[] = []
  for (const person of present.people) {
    const link = linkOf(person, sourceId)
    if (!link || names.has(link.externalId) || isGone(person)) continue
    const leaver = { person, link, dropped: [], why: '', isClosed: false }
    if (link.missingSince === null) {
      const isClosed = gone.has(link.externalId) && leads(person, sourceId) && !person.disabled
      leavers.push({ ...leaver, act: 'missing', isClosed })
      continue
    }
    if (now - link.missingSince < settings.graceDays * DAY_MS) continue
    if (isByHand(person) || person.links.length > 1) {
      leavers.push({ ...leaver, act: 'unlink', dropped: ownWord(person, sourceId) })
      continue
    }
    const why = owed.get(person.id)
    leavers.push(
      why === undefined
        ? { ...leaver, act: 'remove', dropped: person.addresses.map(({ address }) => address) }
        : { ...leaver, act: 'keep', why },
    )
  }
  return leavers
}

/** Names that are free when they have gone. */
export function leavingNames(leavers: readonly Leaver[]): Map<string, Id> {
  const free = new Map<string, Id>()
  for (const { act, person, dropped } of leavers) {
    for (const address of dropped) if (act === 'remove' || address !== person.upn) free.set(address, person.id)
    if (act === 'remove' && person.upn !== null) free.set(person.upn, person.id)
  }
  return free
}
