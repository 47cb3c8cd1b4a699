/** The columns of a row that the address book shows. */
import type { Card, Phone, PhoneKind } from '../../card.ts'
import type { Columns, Field } from './headings.ts'

const PHONES = { phone: 'work', mobile: 'mobile', homePhone: 'home', fax: 'fax' } as const satisfies Partial<
  Record<Field, PhoneKind>
>
/** Anything else says that they are shown. */
const HIDDEN = new Set('yes y true 1 x oui vrai ja wahr'.split(' '))

/** What the file has a column for; undefined: it has none of them. */
export function cardOf(value: (field: Field) => string, { at }: Columns): Card | undefined {
  const card: Card = {}
  for (const field of ['title', 'department', 'office', 'manager'] as const)
    if (at.has(field)) card[field] = value(field) || null
  const columns = (Object.keys(PHONES) as (keyof typeof PHONES)[]).filter((field) => at.has(field))
  if (columns.length > 0)
    card.phones = columns.flatMap((field) =>
      // Several in a cell.
      value(field)
        .split(/[;,|\n]/)
        .map((number): Phone => ({ kind: PHONES[field], number }))
        .filter(({ number }) => number.trim() !== ''),
    )
  if (at.has('hidden')) card.hidden = HIDDEN.has(value('hidden').toLowerCase())
  return Object.keys(card).length === 0 ? undefined : card
}
