/** A list as it is kept while somebody is asked: JSON, packed; the bytes of photos in base64. */
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Entry, SourceList } from './entry.ts'

type Kept = Omit<Entry, 'card'> & { card?: Omit<NonNullable<Entry['card']>, 'photo'> & { photo?: string | null } }

export function packList(list: SourceList): Buffer {
  const entries = list.entries.map(({ card, ...entry }): Kept => {
    if (card === undefined) return entry
    const { photo, ...rest } = card
    return { ...entry, card: photo === undefined ? rest : { ...rest, photo: photo && photo.toString('base64') } }
  })
  return gzipSync(JSON.stringify({ ...list, entries }))
}

export function unpackList(packed: Buffer): SourceList {
  const kept = JSON.parse(gunzipSync(packed).toString()) as Omit<SourceList, 'entries'> & { entries: Kept[] }
  const entries = kept.entries.map(({ card, ...entry }): Entry => {
    if (card === undefined) return entry
    const { photo, ...rest } = card
    return {
      ...entry,
      card: photo === undefined ? rest : { ...rest, photo: photo === null ? null : Buffer.from(photo, 'base64') },
    }
  })
  return { ...kept, entries }
}
