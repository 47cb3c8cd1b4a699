/** What the address book shows of an entry. What it has not got is said to be none, but for what was not asked. */
import type { Card, Phone, PhoneKind } from '../../card.ts'
import { MOST_PHOTO_BYTES } from '../../photo.ts'
import { sameDn } from './dn.ts'
import type { AttributeNames, RawEntry } from './read.ts'
import { textsOf } from './values.ts'

/** Of all photos of a list; who comes after that has none said of them. */
const MOST_PHOTOS_BYTES = 64 * 1024 * 1024
const PHONES = { phone: 'work', mobile: 'mobile', homePhone: 'home', fax: 'fax' } as const satisfies Partial<
  Record<keyof AttributeNames, PhoneKind>
>

export interface CardReading {
  names: AttributeNames
  photos: boolean
  /** ids by DN, as sameDn has it */
  idsByDn: ReadonlyMap<string, string>
}

export function createCardReader({ names, photos, idsByDn }: CardReading): (raw: RawEntry) => Card {
  let left = MOST_PHOTOS_BYTES
  function photoOf(raw: RawEntry): Buffer | null | undefined {
    const [bytes] = raw.values.get(names.photo) ?? []
    if (bytes === undefined) return null
    if (bytes.length > MOST_PHOTO_BYTES || bytes.length > left) return undefined
    left -= bytes.length
    return bytes
  }
  return (raw) => {
    const card: Card = {}
    for (const field of ['title', 'department', 'office'] as const)
      if (names[field] !== '') card[field] = textsOf(raw, names[field])[0] ?? null
    card.phones = (Object.keys(PHONES) as (keyof typeof PHONES)[]).flatMap((field) =>
      textsOf(raw, names[field]).map((number): Phone => ({ kind: PHONES[field], number })),
    )
    const [manager] = textsOf(raw, names.manager)
    // Somebody who is not in this list is not said, and not that there is nobody.
    const id = manager === undefined ? null : idsByDn.get(sameDn(manager))
    if (id !== undefined) card.manager = id
    if (names.hidden !== '') card.hidden = textsOf(raw, names.hidden)[0]?.toUpperCase() === 'TRUE'
    const photo = photos ? photoOf(raw) : undefined
    if (photo !== undefined) card.photo = photo
    return card
  }
}
