/**
 * Cards of people in a declaration. What the file says of somebody is by hand: no source changes it. What it says no more
 * is empty again, until a source brings it.
 */
import { z } from 'zod'
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { readCards, writeCards, type CardWrite } from '../../../store/cards.ts'
import { refreshCollections, refreshPeople } from '../book/refresh.ts'
import { MOST_PHONES, MOST_TEXT, phoneKinds, tidyCard, type TidyCard } from '../card.ts'
import { foldAddress } from '../fold.ts'
import { MOST_PHOTO_BYTES, safePhoto } from '../photo.ts'
import type { PlanItem } from './diff.ts'

const text = z
  .string()
  .max(MOST_TEXT)
  .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must not hold NUL or broken characters')

export const cardSchema = z
  .strictObject({
    title: text.optional().describe('What they are, such as "Head of sales".'),
    department: text.optional(),
    office: text.optional().describe('Where they sit.'),
    phones: z
      .array(z.strictObject({ kind: z.enum(phoneKinds).default('work'), number: text.min(3).max(50) }))
      .max(MOST_PHONES)
      .optional(),
    manager: z
      .string()
      .max(254)
      .refine((value) => foldAddress(value) !== null, 'is not an e-mail address')
      .optional()
      .describe('Address of whom they report to.'),
    photo: z
      .base64()
      .max(Math.ceil(MOST_PHOTO_BYTES / 3) * 4)
      .refine(
        (value) => safePhoto(Buffer.from(value, 'base64')) !== null,
        'is not a plain JPEG or PNG of at most 100 KB',
      )
      .optional()
      .describe('JPEG or PNG in base64, at most 100 KB; what is in it besides the picture is left out.'),
    hidden: z.boolean().optional().describe('true: not in the address book.'),
  })
  .optional()
  .describe('What the address book shows of them; of what is left out, what a directory source says.')
type DeclaredCard = z.output<typeof cardSchema>

const FIELDS = ['title', 'department', 'office', 'phones', 'manager', 'photo', 'hidden'] as const
const EMPTY: Omit<CardWrite, 'id' | 'photo' | 'photoDigest' | 'byHand'> = {
  title: null,
  department: null,
  office: null,
  phones: [],
  manager: null,
  hidden: false,
}

const tidyOf = (declared: NonNullable<DeclaredCard>): TidyCard =>
  tidyCard({
    ...(declared as Omit<typeof declared, 'photo'>),
    ...(declared.photo === undefined ? { photo: undefined } : { photo: Buffer.from(declared.photo, 'base64') }),
  } as Parameters<typeof tidyCard>[0])

function cardRow(id: Id, declared: DeclaredCard, before: CardWrite | undefined): CardWrite | null {
  const byHand = FIELDS.filter((field) => declared?.[field] !== undefined)
  if (byHand.length === 0 && (before?.byHand ?? []).length === 0) return null
  const { photo, ...said } = tidyOf(declared ?? {})
  const row: CardWrite = { ...EMPTY, photoDigest: null, photo: null, ...before, id, byHand }
  for (const field of before?.byHand ?? [])
    if (field === 'photo') row.photoDigest = null
    else Object.assign(row, { [field]: EMPTY[field as keyof typeof EMPTY] })
  Object.assign(row, said)
  if (photo) {
    row.photo =
      photo.digest === before?.photoDigest ? null : { type: photo.type, base64: photo.bytes.toString('base64') }
    row.photoDigest = photo.digest
  }
  return row
}

const differing = (before: CardWrite | undefined, { photo: _, ...after }: CardWrite): string[] =>
  (Object.keys(after) as (keyof typeof after)[]).filter(
    (key) =>
      key !== 'id' &&
      JSON.stringify(after[key]) !==
        JSON.stringify(before?.[key] ?? (key in EMPTY ? EMPTY[key as keyof typeof EMPTY] : null)),
  )

export interface CardPlan {
  items: PlanItem[]
  /** `changed`: people whose names or addresses were written, or who were removed */
  carryOut(changed: readonly Id[], collectionsChanged: boolean): Promise<void>
}

export async function planCards(
  sql: Sql,
  organisationId: Id,
  people: ReadonlyMap<Id, { name: string; card?: DeclaredCard }>,
): Promise<CardPlan> {
  const before = new Map((await readCards(sql, organisationId)).map((row) => [row.id, { ...row, photo: null }]))
  const items: PlanItem[] = []
  const rows: CardWrite[] = []
  for (const [id, { name, card }] of people) {
    const old = before.get(id)
    const row = cardRow(id, card, old)
    const changes = row === null ? [] : differing(old, row)
    if (row === null || changes.length === 0) continue
    rows.push(row)
    const shown = changes.filter((key) => key !== 'byHand').map((key) => (key === 'photoDigest' ? 'photo' : key))
    items.push({ act: 'change', thing: 'person', name, detail: `card: ${shown.join(', ') || 'by hand now'}` })
  }
  return {
    items,
    async carryOut(changed, collectionsChanged) {
      if (rows.length > 0) await writeCards(sql, organisationId, rows)
      await refreshPeople(sql, organisationId, [...new Set([...changed, ...rows.map(({ id }) => id)])])
      if (collectionsChanged) await refreshCollections(sql, organisationId)
    },
  }
}
