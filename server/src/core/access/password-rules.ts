/**
 * Which passwords are taken: ten characters or more, and not what everybody tries first (NIST SP 800-63B section 5.1.1.2:
 * length and a list, no rules of composition). The answer says what to do, never what the password was.
 */
import { WireError } from '../../platform/errors.ts'
import { isCommonPassword } from './common-passwords.ts'
import { commonWords } from './common-words.ts'

export const SHORTEST_PASSWORD = 10
export const LONGEST_PASSWORD = 256

const WORDS = [...commonWords].sort((a, b) => b.length - a.length)
const LEET: Record<string, string> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  '$': 's',
  '!': 'i',
}
const RUNS = [
  '0123456789012345678901234567890',
  '9876543210987654321',
  'abcdefghijklmnopqrstuvwxyz',
  'zyxwvutsrqponmlkjihgfedcba',
]

/** What is left when words, runs and repeats are taken away; counted in characters. */
function remainder(text: string, own: readonly string[]): number {
  let rest = text
  for (const word of own) if (word.length >= 3) rest = rest.replaceAll(word, ' ')
  for (const word of WORDS) rest = rest.replaceAll(word, ' ')
  rest = rest.replace(/(.)\1{2,}/gu, ' ')
  for (const run of RUNS)
    for (let length = 10; length >= 3; length--)
      for (let at = 0; at + length <= run.length; at++) rest = rest.replaceAll(run.slice(at, at + length), ' ')
  return Array.from(rest.replace(/[\s\d!-/:-@[-`{-~]/gu, '')).length
}

/** Throws bad-request with the reason. `own`: name and addresses of whose password it is to be. */
export function checkPasswordRules(password: string, own: readonly string[] = []): void {
  const characters = Array.from(password)
  if (characters.length < SHORTEST_PASSWORD)
    throw new WireError('bad-request', `password: at least ${SHORTEST_PASSWORD} characters are needed`)
  if (characters.length > LONGEST_PASSWORD)
    throw new WireError('bad-request', `password: at most ${LONGEST_PASSWORD} characters are taken`)
  if (new Set(characters).size < 5)
    throw new WireError('bad-request', 'password: too few different characters; take a few words, for example')
  const text = password.normalize('NFKC').toLowerCase()
  const plain = Array.from(text, (character) => LEET[character] ?? character).join('')
  const names = own.flatMap((name) => name.toLowerCase().split(/[@.\s_+-]+/))
  const onlyDigits = /^[\d\s\p{P}\p{S}]*$/u.test(text)
  const left = onlyDigits
    ? new Set(text.replace(/\D/g, '')).size - (isRun(text) ? 10 : 3)
    : Math.min(remainder(text, names), remainder(plain, names))
  if (left < 3 || isCommonPassword(text) || isCommonPassword(plain))
    throw new WireError(
      'bad-request',
      'password: this one is among the first that are tried; take a few words, for example',
    )
}

function isRun(text: string): boolean {
  return RUNS.some((run) => run.includes(text.replace(/\D/g, '').slice(0, 10)))
}
