/**
 * The copy of a draft on this device, for the seconds between two saves and for the time without an answer. A copy
 * belongs to the window it is written in: two that write about the same do not share one. What a closed window left
 * behind is found by the next one that starts to write about the same.
 */
import type { Draft } from './draft.ts'

/** A copy that nobody has touched for so long has no window: an open writer that cannot save tries every ten seconds. */
export const ABANDONED_MS = 60_000

/** As it may stand there, written by an older page. */
interface StoredCopy {
  at?: number
  saved?: boolean
  draft?: Omit<Draft, 'messageId' | 'blind' | 'tried'> & Partial<Draft>
}
interface Kept {
  at: number
  /** the server has the same: kept only for a reload of its window */
  saved: boolean
  draft: Draft
}

const keyOf = (account: string, place: string): string => `holdfast.draft.${account}.${place}`

function readKept(key: string): Kept | null {
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? 'null') as StoredCopy | null
    const { draft, at, saved = false } = found ?? {}
    return draft && typeof draft.text === 'string' && Array.isArray(draft.files) && typeof at === 'number'
      ? {
          at,
          saved,
          draft: {
            ...draft,
            messageId: draft.messageId ?? '',
            blind: draft.blind ?? false,
            tried: draft.tried ?? null,
          },
        }
      : null
  } catch {
    return null
  }
}

export const localCopy = (account: string, place: string) => {
  const key = keyOf(account, place)
  return {
    read: (): Draft | null => readKept(key)?.draft ?? null,
    write(draft: Draft, saved = false): void {
      try {
        localStorage.setItem(key, JSON.stringify({ at: Date.now(), saved, draft } satisfies Kept))
      } catch {
        // A full or forbidden storage: the server's copy is the one that counts.
      }
    },
    drop: () => localStorage.removeItem(key),
    dropSaved(): void {
      if (readKept(key)?.saved) localStorage.removeItem(key)
    },
  }
}

/** The name of this window; it stays over a reload. */
export function windowName(): string {
  const name = 'holdfast.window'
  try {
    const kept = sessionStorage.getItem(name)
    if (kept) return kept
    const made = [...crypto.getRandomValues(new Uint32Array(3))].map((part) => part.toString(36)).join('')
    sessionStorage.setItem(name, made)
    return made
  } catch {
    return ''
  }
}

/** Takes over what another window left behind unsaved at `about`: it moves here, so that it is offered once. */
export function adoptAbandoned(account: string, about: string, place: string): Draft | null {
  const prefix = keyOf(account, about)
  for (const key of Object.keys(localStorage).filter((each) => each.startsWith(prefix))) {
    const kept = readKept(key)
    if (kept && Date.now() - kept.at < ABANDONED_MS) continue
    localStorage.removeItem(key)
    if (!kept || kept.saved) continue
    localCopy(account, place).write(kept.draft)
    return kept.draft
  }
  return null
}
