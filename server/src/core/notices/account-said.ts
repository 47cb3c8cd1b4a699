/** What the three languages of account-words.ts are made of. */
import type { AccountNoticeKind } from '../../platform/codes.ts'

/** The pieces that a language puts its sentences together from. */
export interface Said {
  organisation: string
  address: string
  /** a fact as text; '' where there is none */
  fact: (name: string) => string
  /** a fact that is a time, in words, UTC */
  time: (name: string) => string
  isHandOver: boolean
  isOperator: boolean
  contact: string | null
}

export interface PersonWords {
  dear(person: string): string
  /** what to do if it should not have been */
  doubt(said: Said): string
  automatic: string
  /** who acted by the command line */
  atTheServer: string
  bodies: Record<AccountNoticeKind, (said: Said) => { subject: string; lines: string[] }>
}

/** A reason may have lines of its own; each is shown as somebody's words. */
export const quoted = (text: string): string[] => text.split(/\r\n|\r|\n/).map((line) => `  ${line}`)
