/**
 * Keeps what is being written: at once on this device, every few seconds on the server, one save at a time (each save
 * replaces the one before, so two at once would leave a stray draft). When the server does not answer it goes on trying.
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import { destroyDraft, localCopy, saveDraft, sendDraft } from '../../actions/draft.ts'
import type { Draft } from '../../actions/draft.ts'
import { lookAgain } from '../../actions/mail.ts'
import type { Identity } from '../../data/jmap/types.ts'
import { queryClient } from '../../data/queries.ts'

export type Saving = 'clean' | 'changed' | 'saving' | 'saved' | 'kept-here'

export function useDraft(
  first: Draft,
  account: string,
  place: string,
  identities: Identity[],
  folders: { drafts: string; sent: string },
) {
  const [draft, setDraft] = useState(first)
  const [saving, setSaving] = useState<Saving>('clean')
  const [savedAt, setSavedAt] = useState<string | null>(null)
  const now = useRef(first)
  const running = useRef<Promise<unknown>>(Promise.resolve())
  const over = useRef(false)
  const dirtySince = useRef<number | null>(null)
  const copy = useRef(localCopy(account, place))
  const identityOf = useCallback(
    (each: Draft) => identities.find(({ id }) => id === each.identityId) ?? identities[0],
    [identities],
  )

  const change = useCallback((part: Partial<Draft>) => {
    now.current = { ...now.current, ...part }
    setDraft(now.current)
    setSaving('changed')
    copy.current.write(now.current)
  }, [])
  const setId = (id: string | null) => {
    now.current = { ...now.current, id }
    setDraft(now.current)
  }
  const save = useCallback((): Promise<void> => {
    const next = running.current.then(async () => {
      if (over.current) return
      const at = now.current
      dirtySince.current = null
      setSaving('saving')
      try {
        const id = await saveDraft(at, identityOf(at), folders.drafts)
        if (at.id) queryClient.removeQueries({ queryKey: ['email', at.id] })
        const same = now.current === at
        setId(id)
        setSavedAt(new Date().toISOString())
        setSaving(same ? 'saved' : 'changed')
        if (same) copy.current.drop()
        void lookAgain()
      } catch {
        setSaving('kept-here')
      }
    })
    running.current = next
    return next
  }, [folders.drafts, identityOf])

  useEffect(() => {
    if (saving !== 'changed' && saving !== 'kept-here') return undefined
    // Who types without a pause is saved all the same.
    dirtySince.current ??= Date.now()
    const pause = Math.min(2_500, Math.max(0, dirtySince.current + 8_000 - Date.now()))
    const timer = setTimeout(() => void save(), saving === 'changed' ? pause : 10_000)
    return () => clearTimeout(timer)
  }, [draft, saving, save])

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
  const send = () => finish((at) => sendDraft(at, identityOf(at), folders, setId))
  const discard = () => finish(async (at) => (at.id ? destroyDraft(at.id) : undefined))
  /** Leaving: what has changed is saved on the way. */
  const leave = () => (saving === 'changed' || saving === 'kept-here' ? save() : Promise.resolve())
  return { draft, change, saving, savedAt, send, discard, leave }
}
