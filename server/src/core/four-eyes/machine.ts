/**
 * The way of a request for somebody's mailbox, as a total table and a pure step. Time comes first: a request that nobody
 * answered in time has lapsed and an access whose time is over has expired, whatever else arrives in that moment; so a late
 * approval, or a reading behind the end, finds nothing open although no timer has run yet.
 */
import { MailboxAccessState, type AccountNoticeKind } from '../../platform/codes.ts'
import type { AuditAction } from '../audit/index.ts'

export type State = keyof typeof MailboxAccessState
/** `time`: it has passed; `open`: the mail is read, or the mailbox handed over */
export const events = ['approve', 'decline', 'withdraw', 'open', 'end', 'time'] as const
export type Event = (typeof events)[number]

const over = { approve: null, decline: null, withdraw: null, open: null, end: null, time: null } as const

export const table = {
  asked: { approve: 'open', decline: 'declined', withdraw: 'withdrawn', open: null, end: null, time: 'lapsed' },
  open: { approve: null, decline: null, withdraw: null, open: 'open', end: 'ended', time: 'expired' },
  declined: over,
  withdrawn: over,
  lapsed: over,
  expired: over,
  ended: over,
} as const satisfies Record<State, Record<Event, State | null>>

export interface Position {
  state: State
  /** milliseconds, as everything here */
  answerBy: number
  expiresAt: number | null
  isOpened: boolean
}

export interface Step {
  state: State
  /** null: nothing that is written down (read again) */
  act: AuditAction | null
  /** what the person whose mailbox it is hears */
  tells: AccountNoticeKind | null
}

const acts: Record<Exclude<State, 'asked' | 'open'>, AuditAction> = {
  declined: 'mailbox-access-declined',
  withdrawn: 'mailbox-access-withdrawn',
  lapsed: 'mailbox-access-lapsed',
  expired: 'mailbox-access-expired',
  ended: 'mailbox-access-ended',
}

export const isTimeOver = ({ state, answerBy, expiresAt }: Position, now: number): boolean =>
  state === 'asked' ? now >= answerBy : state === 'open' && now >= (expiresAt ?? answerBy)

/** Null: that cannot happen to it now. */
export function step(position: Position, event: Event, now: number): Step | null {
  if (isTimeOver(position, now) !== (event === 'time')) return null
  const state: State | null = table[position.state][event]
  if (state === null) return null
  if (event === 'approve') return { state, act: 'mailbox-access-approved', tells: 'access-approved' }
  if (event === 'open')
    return position.isOpened
      ? { state, act: null, tells: null }
      : { state, act: 'mailbox-access-opened', tells: 'access-opened' }
  const ends = state as keyof typeof acts
  // Of what was never open there is nothing to tell.
  return { state, act: acts[ends], tells: position.state === 'open' ? 'access-over' : null }
}
