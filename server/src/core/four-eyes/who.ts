/**
 * Who is a second person. Pure: facts in, the first objection out.
 *
 * One administrator with two accounts is one person. So an account approves nothing for a week after it was made, was given
 * its role, or had its ways in (password, codes, second factor, private address) touched by anybody but its owner; and nobody
 * approves for an account whose ways in they touched themselves within that week: they may be sitting behind it. In that week
 * whoever's account it is hears of it (core/notices) and can say so.
 *
 * An operator has no mailbox here and reads nobody's mail. They approve where an organisation has no second administrator,
 * and their accounts are made at the machine only, by whoever could read the data folder itself: no age is asked of them.
 */

/** Days in which an account that somebody else touched counts for nothing here. */
export const SETTLED_DAYS = 7

export type Objection = 'decides-own-request' | 'decides-own-mailbox' | 'not-independent'

export interface Decider {
  /** as in audit rows */
  actor: string
  isOperator: boolean
  /** of a person: made, or given the role, within SETTLED_DAYS */
  isNew: boolean
  /** of a person: others who touched their ways in within SETTLED_DAYS */
  touchedBy: readonly string[]
}

export interface About {
  askerId: string
  mailboxId: string
  /** who touched the asker's ways in within SETTLED_DAYS */
  askerTouchedBy: readonly string[]
}

/** Null: they may approve. */
export function objectionTo(decider: Decider, { askerId, mailboxId, askerTouchedBy }: About): Objection | null {
  if (decider.actor === `person:${askerId}`) return 'decides-own-request'
  if (decider.actor === `person:${mailboxId}`) return 'decides-own-mailbox'
  if (askerTouchedBy.includes(decider.actor)) return 'not-independent'
  if (!decider.isOperator && (decider.isNew || decider.touchedBy.length > 0)) return 'not-independent'
  return null
}

/** Declining keeps mail closed: only those are kept from it who would decide about themselves. */
export function objectionToDecline(decider: Pick<Decider, 'actor'>, about: About): Objection | null {
  const settled = { ...decider, isOperator: true, isNew: false, touchedBy: [] }
  return objectionTo(settled, { ...about, askerTouchedBy: [] })
}

export interface Ender {
  actor: string
  isOperator: boolean
}

/** An open access ends by who asked, who approved, or an operator. */
export const mayEnd = (
  { actor, isOperator }: Ender,
  { askerId, decidedBy }: { askerId: string; decidedBy: string | null },
): boolean => isOperator || actor === `person:${askerId}` || actor === decidedBy
