/** Somebody's photo, or the letters of their name. It says nothing that the name beside it does not say. */
import './book.css'
import { Avatar } from '@mantine/core'
import { IconMailbox, IconUsers } from '@tabler/icons-react'
import { photoOf } from '../../data/book.ts'
import type { BookEntry } from '../../data/contract.ts'

const initials = (name: string): string =>
  name
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => String.fromCodePoint(word.codePointAt(0)!).toUpperCase())
    .filter((_, at, all) => at === 0 || at === all.length - 1)
    .join('')

export function Face({ entry, size }: { entry: Pick<BookEntry, 'id' | 'kind' | 'name' | 'photo'>; size: number }) {
  const Icon = entry.kind === 'list' ? IconMailbox : IconUsers
  return (
    <Avatar src={photoOf(entry)} size={size} radius="xl" alt="" aria-hidden="true" className="book-face">
      {entry.kind === 'person' ? initials(entry.name) : <Icon size={size * 0.55} />}
    </Avatar>
  )
}
