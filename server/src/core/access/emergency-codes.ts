/**
 * Printed one-time codes: what signs a person in when nobody remembers a password and nothing that sends one works. A code is
 * typed where the password is asked for, spaces, hyphens and case do not matter, and each is good once.
 *
 * 79 bits, made by us: a fast hash is enough, for no list of guesses contains them; the person's id in it keeps equal codes apart.
 */
import { createHash, randomInt } from 'node:crypto'
import type { Id } from '../../platform/ids.ts'

/** Read aloud and typed off paper without mistakes: no 0 o 1 l i. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'
const GROUPS = 4
const GROUP = 4
export const CODES_EACH = 4

const FORM = new RegExp(`^[${LETTERS}]{${GROUPS * GROUP}}$`)

export function newCode(): string {
  const group = (): string => Array.from({ length: GROUP }, () => LETTERS[randomInt(LETTERS.length)]!).join('')
  return Array.from({ length: GROUPS }, group).join('-')
}

/** What was typed, as a code; null: it cannot be one. */
export function codeOf(typed: string): string | null {
  if (typed.length > 100) return null
  const plain = typed.toLowerCase().replaceAll(/[\s\p{Pd}]/gu, '')
  return FORM.test(plain) ? plain : null
}

export const hashOfCode = (personId: Id, plain: string): Buffer =>
  createHash('sha256').update(`emergency code\n${personId}\n${plain}`).digest()
