/** What becomes of a person's card by what a source says: the leading one decides, others fill in, and neither overrules what was written by hand. */
import type { TidyCard } from '../card.ts'
import type { Photo } from '../photo.ts'
import type { Match } from './match.ts'
import type { CardState } from './present.ts'

export interface CardChange {
  card: CardState
  /** null: the one that is there stays */
  photo: Photo | null
}

const NONE: CardState = {
  title: null,
  department: null,
  office: null,
  phones: [],
  manager: null,
  hidden: false,
  photoDigest: null,
  byHand: [],
}
const isEmpty = (value: unknown): boolean =>
  value === null || value === false || (Array.isArray(value) && value.length === 0)
const plain = ({ photo, ...card }: TidyCard): Partial<CardState> =>
  photo === undefined ? card : { ...card, photoDigest: photo?.digest ?? null }

/** null: as it is. `isNew`: made by this source. */
export function cardAfter({ candidate, person, isLed }: Match): CardChange | null {
  if (candidate.card === undefined) return null
  const before = person?.card ?? NONE
  const after: CardState = { ...before }
  const byHand = new Set(before.byHand)
  let isChanged = false
  for (const [key, value] of Object.entries(plain(candidate.card)) as [keyof CardState, never][]) {
    if (byHand.has(key === 'photoDigest' ? 'photo' : key) || (!isLed && !isEmpty(before[key]))) continue
    if (JSON.stringify(before[key]) === JSON.stringify(value)) continue
    after[key] = value
    isChanged = true
  }
  if (!isChanged) return null
  const photo = after.photoDigest === before.photoDigest ? null : (candidate.card.photo ?? null)
  return { card: after, photo }
}

const LABELS = { title: 'title', department: 'department', office: 'office', manager: 'manager' } as const

/** As an admin reads it in the report; numbers and photos are only named. */
export function cardWords(before: CardState | null, { card }: CardChange): string[] {
  const old = before ?? NONE
  const words: string[] = []
  for (const key of Object.keys(LABELS) as (keyof typeof LABELS)[])
    if (old[key] !== card[key]) words.push(`${LABELS[key]}: ${old[key] ?? 'none'} -> ${card[key] ?? 'none'}`)
  if (JSON.stringify(old.phones) !== JSON.stringify(card.phones))
    words.push(`phones: ${old.phones.length} -> ${card.phones.length}, with changes`)
  if (old.photoDigest !== card.photoDigest)
    words.push(card.photoDigest === null ? 'photo taken away' : `photo ${card.photoDigest.slice(0, 8)}`)
  if (old.hidden !== card.hidden) words.push(card.hidden ? 'not in the address book' : 'in the address book')
  return words
}
