/**
 * Keeps what is being written: at once on this device, every few seconds on the server, one save at a time (each save
 * replaces the one before, so two at once would leave a stray draft). When the server does not answer it goes on trying.
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import type { Draft } from '../../actions/draft.ts'
import { localCopy } from '../../actions/local-copy.ts'
import { destroyDraft, hasLeft, saveDraft, sendDraft, toldError } from '../../actions/send.ts'
import { lookAgain } from '../../actions/mail.ts'
import type { Hold } from '../../data/jmap/later.ts'
import type { Identity } from '../../data/jmap/types.ts'
import { queryClient } from '../../data/queries.ts'

export type Saving = 'clean' | 'changed' | 'saving' | 'saved' | 'kept-here'

/** Each save stores the whole message anew, and takes room of the person's own: with large files it is done seldom. */
const LARGE_BYTES = 1_000_000
const paceOf = ({ files }: Draft): { pauseMs: number; longestMs: number } =>
  files.reduce((sum, { size }) => sum + size, 0) < LARGE_BYTES
    ? { pauseMs: 2_500, longestMs: 8_000 }
    : { pauseMs: 60_000, longestMs: 60_000 }

interface Wish {
  first: Draft
  /** from the copy on this device: the server may not have it */
  restored: boolean
  account: string
  place: string
  identities: Identity[]
  folders: { drafts: string; sent: string }
  /** something the person should know of the draft, found by a save */
  told: (error: Error) => void
}

export function useDraft({ first, restored, account, place, identities, folders, told }: Wish) {
  const [draft, setDraft] = useState(first)
  const [saving, setSaving] = useState<Saving>(restored ? 'changed' : 'clean')
  const [savedAt, setSavedAt] = useState<string | null>(null)
  const now = useRef(first)
  const running = useRef<Promise<unknown>>(Promise.resolve())
  const over = useRef(false)
  const dirtySince = useRef<number | null>(null)
  const copy = useRef(localCopy(account, place))
  const tell = useRef(told)
  tell.current = told
  const identityOf = useCallback(
    (each: Draft) => identities.find(({ id }) => id === each.identityId) ?? identities[0],
    [identities],
  )

  const change = useCallback((part: Partial<Draft>) => {
    // Nothing is written while it is being sent (the fields are read-only then).
    if (over.current) return
    const tried = now.current.tried && 'before-changes'
    now.current = { ...now.current, tried, ...part }
    setDraft(now.current)
    setSaving('changed')
    copy.current.write(now.current)
  }, [])
  /** What the server said about it: no change of the text. The copy here knows it too, for the time after a reload. */
  const keep = useCallback((part: Partial<Draft>) => {
    now.current = { ...now.current, ...part }
    setDraft(now.current)
    copy.current.write(now.current, part.id !== undefined)
    if (part.id === undefined) return
    setSavedAt(new Date().toISOString())
    setSaving('saved')
  }, [])
  const save = useCallback((): Promise<void> => {
    const next = running.current.then(async () => {
      // What may have left must not be replaced by a save: the next send is about the same draft.
      if (over.current || now.current.tried === 'as-is') return
      const at = now.current
      dirtySince.current = null
      setSaving('saving')
      try {
        const { part, before } = await saveDraft(at, identityOf(at), folders.drafts)
        if (at.id) queryClient.removeQueries({ queryKey: ['email', at.id] })
        const same = now.current === at
        keep(part)
        if (before !== 'ours') tell.current(toldError(before))
        if (!same) {
          setSaving('changed')
          copy.current.write(now.current)
        }
        void lookAgain()
      } catch {
        keep({ blind: true })
        setSaving('kept-here')
      }
    })
    running.current = next
    return next
  }, [folders.drafts, identityOf, keep])

  useEffect(() => {
    if (saving !== 'changed' && saving !== 'kept-here') return undefined
    // Who types without a pause is saved all the same.
    dirtySince.current ??= Date.now()
    const { pauseMs, longestMs } = paceOf(draft)
    const pause = Math.min(pauseMs, Math.max(0, dirtySince.current + longestMs - Date.now()))
    const timer = setTimeout(() => void save(), saving === 'changed' ? pause : 10_000)
    return () => clearTimeout(timer)
  }, [draft, saving, save])

  // A closed writer leaves no copy of what the server has; one that is reloaded goes on with it.
  useEffect(() => () => copy.current.dropSaved(), [])

  /** After this nothing is saved any more. */
  const finish = async <T>(work: (at: Draft) => Promise<T>): Promise<T> => {
    over.current = true
    await running.current
    try {
      const result = await work(now.current)
      copy.current.drop()
      void lookAgain()
      return result
    } catch (thrown) {
      over.current = false
      throw thrown
    }
  }
  const send = (hold: Hold | null) => finish((at) => sendDraft(at, identityOf(at), folders, keep, hold))
  const discard = () => finish(async (at) => (at.id ? destroyDraft(at.id) : undefined))
  /** After a reload: the send whose answer was lost has been taken after all. Nothing is left to write then. */
  const leftAfterAll = async (): Promise<boolean> => {
    const { id, tried } = now.current
    if (tried !== 'as-is' || id === null || !(await hasLeft(id).catch(() => false))) return false
    over.current = true
    copy.current.drop()
    void lookAgain()
    return true
  }
  /** Leaving: what has changed is saved on the way. */
  const leave = () => (saving === 'changed' || saving === 'kept-here' ? save() : Promise.resolve())
  const mayHaveLeft = () => now.current.tried === 'as-is'
  return { draft, change, saving, savedAt, send, discard, leave, leftAfterAll, mayHaveLeft }
}
