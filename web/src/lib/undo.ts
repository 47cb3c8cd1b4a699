/**
 * Messages of the page with a way back ("3 messages are in the Trash. Undo"). A small store outside React: add, take
 * back, let go; the newest undo is what the key `z` runs. Time comes in, so that tests need no waiting. A toast with an
 * undo stays longer than one without; running an undo twice is impossible.
 */
export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'good' | 'bad'
  undo: (() => Promise<void> | void) | null
  until: number
}
export interface Toasts {
  list: () => readonly Toast[]
  add(text: string, options?: { tone?: Toast['tone']; undo?: Toast['undo'] }): number
  /** Runs the undo of this toast (or of the newest that has one). False: there was none. */
  undo(id?: number): Promise<boolean>
  close(id: number): void
  /** Removes what is over; the time of the next end, or null. */
  sweep(): number | null
  subscribe: (listener: () => void) => () => void
}

const stay = { plain: 5_000, undo: 10_000, bad: 12_000 }
const most = 4

export function createToasts(now: () => number = Date.now): Toasts {
  let toasts: readonly Toast[] = []
  let last = 0
  const listeners = new Set<() => void>()
  const set = (next: readonly Toast[]) => {
    toasts = next
    for (const listener of listeners) listener()
  }
  return {
    list: () => toasts,
    add(text, { tone = 'plain', undo = null } = {}) {
      const until = now() + (undo ? stay.undo : tone === 'bad' ? stay.bad : stay.plain)
      set([...toasts, { id: ++last, text, tone, undo, until }].slice(-most))
      return last
    },
    async undo(id) {
      const toast = toasts.findLast((each) => each.undo && (id === undefined || each.id === id))
      if (!toast?.undo) return false
      set(toasts.filter((each) => each !== toast))
      await toast.undo()
      return true
    },
    close: (id) => set(toasts.filter((each) => each.id !== id)),
    sweep() {
      const at = now()
      if (toasts.some((each) => each.until <= at)) set(toasts.filter((each) => each.until > at))
      return toasts.length ? Math.min(...toasts.map((each) => each.until)) : null
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export const toasts = createToasts()
