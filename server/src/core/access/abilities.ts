/**
 * What each role may do: the one table that authorisation, the privilege matrix of the tests and the pages read. A route
 * declares the ability it asks for; whose organisation is checked beside it (servers/admin/scope.ts).
 */
import { Role } from '../../platform/codes.ts'

export const abilities = [
  /** own session, password, app passwords, language, standing */
  'account',
  /** own mailbox: JMAP */
  'mail',
  /** the address book of the own organisation */
  'book:see',
  'organisations:see',
  'board:see',
  'board:pin',
  'queue:see',
  'queue:act',
  'parking:see',
  'parking:act',
  'returns:see',
  'trace:see',
  /** what was refused and concerned no organisation */
  'strays:see',
  'quiet:see',
  /** set, release, extend */
  'quiet:act',
  'people:see',
  /** forget what was learned of addresses; letters with emergency codes */
  'people:act',
  /** a new password for somebody, whose role decides as well (reset.ts) */
  'people:reset',
  /** who asked for whose mailbox, and what became of it */
  'mailbox:see',
  /** ask to read somebody's mailbox, and read it once a second person has approved */
  'mailbox:ask',
  /** be that second person; who exactly is independent enough is core/four-eyes/who.ts */
  'mailbox:decide',
  'audit:see',
  /** metrics from beyond loopback */
  'metrics:see',
] as const
export type Ability = (typeof abilities)[number]

const person = ['account', 'mail', 'book:see'] as const satisfies Ability[]
const seeing = [
  'organisations:see',
  'board:see',
  'returns:see',
  'trace:see',
  'quiet:see',
  'people:see',
] as const satisfies Ability[]
const acting = [
  'board:pin',
  'queue:act',
  'parking:act',
  'quiet:act',
  'people:act',
  'people:reset',
] as const satisfies Ability[]

const mailboxes = ['mailbox:see', 'mailbox:decide'] as const satisfies Ability[]

export const roleAbilities = {
  person,
  helpdesk: [...person, ...seeing, 'queue:see', 'parking:see', 'people:reset'],
  auditor: [...person, ...seeing, 'queue:see', 'parking:see', 'mailbox:see', 'audit:see'],
  admin: [...person, ...seeing, ...acting, 'queue:see', 'parking:see', ...mailboxes, 'mailbox:ask', 'audit:see'],
  /** Operators run the installation and see every organisation; they have no mailbox, and read nobody's. */
  operator: [
    ...['account', ...seeing, ...acting, 'queue:see', 'parking:see', ...mailboxes, 'audit:see'],
    ...['metrics:see', 'strays:see'],
  ],
} as const satisfies Record<keyof typeof Role | 'operator', readonly Ability[]>
export type RoleWord = keyof typeof roleAbilities

/** While a one-time password waits to be replaced, nothing but that can be done. */
export const abilitiesBeforeChange: readonly Ability[] = ['account']

export function isAbility(word: string): word is Ability {
  return (abilities as readonly string[]).includes(word)
}
