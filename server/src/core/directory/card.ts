/**
 * What the address book shows of a person beyond name and addresses. Sources and the declaration bring it as they have it;
 * `tidyCard` makes of it what may be kept: no value of somebody else's directory keeps a person out of the list.
 */
import { foldAddress } from './fold.ts'
import { safePhoto, type Photo } from './photo.ts'

export const phoneKinds = ['work', 'mobile', 'home', 'fax', 'other'] as const
export type PhoneKind = (typeof phoneKinds)[number]
export interface Phone {
  kind: PhoneKind
  number: string
}

/** Of each: left out, nothing is said of it; null (or none): there is none. */
export interface Card {
  title?: string | null
  department?: string | null
  office?: string | null
  phones?: readonly Phone[]
  /** whom they report to: an address, or the id of an entry of the same list */
  manager?: string | null
  /** JPEG or PNG as the source has it */
  photo?: Buffer | null
  /** not shown in the address book */
  hidden?: boolean
}

/** The same, as it is kept. */
export interface TidyCard {
  title?: string | null
  department?: string | null
  office?: string | null
  phones?: Phone[]
  manager?: string | null
  photo?: Photo | null
  hidden?: boolean
}

export const MOST_TEXT = 200
export const MOST_PHONES = 10
const MOST_NUMBER = 50
const MOST_MANAGER = 300
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/g
const NUMBER = /^(?=.*\d)[\d+()./ x#*;=a-z-]+$/i

function tidyText(text: string | null, most: number): string | null {
  const clean =
    text
      ?.slice(0, most * 4)
      .toWellFormed()
      .replace(UNSHOWN, ' ')
      .replace(/\s+/g, ' ')
      .trim() ?? ''
  return clean === '' ? null : clean.slice(0, most).toWellFormed().trim()
}

function tidyPhones(phones: readonly Phone[]): Phone[] {
  const kept = new Map<string, Phone>()
  for (const { kind, number } of phones) {
    if (kept.size === MOST_PHONES) break
    const clean = tidyText(number, MOST_NUMBER)
    if (clean === null || !NUMBER.test(clean) || !phoneKinds.includes(kind)) continue
    const key = `${kind} ${clean}`
    if (!kept.has(key)) kept.set(key, { kind, number: clean })
  }
  return [...kept.values()]
}

/** What does not fit is cut or left out; a photo that is none counts as not said. */
export function tidyCard(card: Card): TidyCard {
  const tidy: TidyCard = {}
  for (const field of ['title', 'department', 'office'] as const)
    if (card[field] !== undefined) tidy[field] = tidyText(card[field], MOST_TEXT)
  if (card.phones !== undefined) tidy.phones = tidyPhones(card.phones)
  if (card.manager !== undefined) {
    const written = tidyText(card.manager, MOST_MANAGER)
    tidy.manager = written === null ? null : (foldAddress(written) ?? written)
  }
  if (card.hidden !== undefined) tidy.hidden = card.hidden
  if (card.photo === null) tidy.photo = null
  else if (card.photo !== undefined) {
    const photo = safePhoto(card.photo)
    if (photo !== null) tidy.photo = photo
  }
  return tidy
}
