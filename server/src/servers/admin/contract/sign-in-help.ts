/** Ways back in for people who do not know their password: letters with emergency codes, and the help desk. */
import { z } from 'zod'
import { IdentityCheck } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { count, id, name, text, wordsOf } from './words.ts'

const ofOrganisation = z.strictObject({ org: id })
/** Above it letters are made on the command line, which writes a file. */
export const LETTERS_AT_ONCE = 50

const letterStanding = name(
  'LetterStanding',
  /** withCodes: people who have an unused code; used: codes of present letters that were used */
  z.strictObject({ people: count, withCodes: count, used: count }),
)
const letterWish = name('LetterWish', z.strictObject({ people: z.array(id).min(1).max(LETTERS_AT_ONCE) }))
/** pdf: base64 */
const letters = name('Letters', z.strictObject({ letters: count, pdf: z.string() }))
const passwordReset = name(
  'PasswordReset',
  z
    .strictObject({
      identity: wordsOf(IdentityCheck),
      note: text(500).default(''),
      endsSecondFactor: z.boolean().default(false),
    })
    .refine(({ identity, note }) => identity !== 'other' || note.trim() !== '', 'note: say how it was made sure'),
)

const base = { params: ofOrganisation, query: z.strictObject({}), body: null, answer: null }
export const signInHelpOperations = {
  readLetters: operation({
    ...base,
    id: 'readLetters',
    method: 'GET',
    path: '/organisations/:org/letters',
    ability: 'people:see',
    summary: 'How many people have a letter with emergency codes',
    answer: letterStanding,
  }),
  makeLetters: operation({
    ...base,
    id: 'makeLetters',
    method: 'POST',
    path: '/organisations/:org/letters',
    ability: 'people:act',
    summary: "New letters with emergency codes, as a PDF; the people's earlier ones are no longer good",
    body: letterWish,
    answer: letters,
  }),
  resetPassword: operation({
    ...base,
    id: 'resetPassword',
    method: 'POST',
    path: '/organisations/:org/people/:person/password-reset',
    ability: 'people:reset',
    summary: 'A one-time password for somebody whose identity was checked; their sessions end',
    params: z.strictObject({ org: id, person: id }),
    body: passwordReset,
    answer: name('OneTimePassword', z.strictObject({ password: z.string() })),
  }),
}
