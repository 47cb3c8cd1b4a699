/**
 * The state of a mailbox as a string: the epoch and every folder's change number, e.g. `e1.1:12_2:7`. A folder read only
 * in part carries the UID it was read up to and the change number it was last read to the end at (`1:12+345-9`): what was
 * made since then may or may not have been told. A new epoch (restore, import) makes all older states unknown,
 * so that clients start afresh (promise 13).
 */
import type { FolderState } from '../../store/mailbox-changes.ts'

/** "all of this change": larger than any UID. */
export const WHOLE = Number.MAX_SAFE_INTEGER

export interface Point {
  modseq: number
  uid: number
  /** the last number read to the end; equal to modseq where uid is WHOLE */
  base: number
}
export type MailState = ReadonlyMap<number, Point>

/** Emails (and threads) and mailboxes have states of their own letter, so that one is never taken for the other. */
export type StateKind = 'e' | 'b'

export function formatState(kind: StateKind, epoch: number, state: MailState): string {
  const parts = [...state]
    .sort((a, b) => a[0] - b[0])
    .map(([no, { modseq, uid, base }]) => `${no}:${modseq}${uid === WHOLE ? '' : `+${uid}-${base}`}`)
  return `${kind}${epoch}.${parts.join('_')}`
}

/** null: not a state of this kind and epoch. */
export function parseState(kind: StateKind, epoch: number, text: string): MailState | null {
  const match = /^([eb])(\d{1,10})\.(.{0,100000})$/.exec(text)
  if (!match || match[1] !== kind || Number(match[2]) !== epoch) return null
  const state = new Map<number, Point>()
  for (const part of match[3] === '' ? [] : match[3]!.split('_')) {
    const found = /^(\d{1,9}):(\d{1,15})(?:\+(\d{1,15})-(\d{1,15}))?$/.exec(part)
    if (!found) return null
    const [, no, modseq, uid, base] = found
    const isWhole = uid === undefined
    state.set(Number(no), {
      modseq: Number(modseq),
      uid: isWhole ? WHOLE : Number(uid),
      base: Number(isWhole ? modseq : base),
    })
  }
  return state
}

export const wholePoint = (modseq: number): Point => ({ modseq, uid: WHOLE, base: modseq })

export const stateOf = (folders: readonly FolderState[]): MailState =>
  new Map(folders.map(({ folderNo, modseq }) => [folderNo, wholePoint(modseq)]))
