/** Everything that can be wrong with one row of a list, each with what to do about it. Codes are stored with runs. */
import type { ListProblem } from './entry.ts'

const remedies = {
  'no-id': 'Give every row the stable id it has in your directory, or leave the whole column out.',
  'id-twice': 'An id is for one person only: correct the rows that share it.',
  'no-name': 'Fill in the name.',
  'no-address': 'Fill in the e-mail address; people without one do not belong in the list.',
  'bad-address': 'Correct the address.',
  'foreign-domain': 'Add the domain to the organisation (holdfast apply), or take the address out.',
  'address-twice': 'An address is for one person only: correct the rows that share it.',
  'address-taken': 'Take the address away from its owner first, or out of this row.',
  'unknown-group': 'Add the group (holdfast apply), or correct its name.',
  'bad-sign-in-name': 'Correct the sign-in name, or leave it out.',
  'sign-in-name-taken': 'Sign-in names and addresses lead to one person only: correct this one.',
  'bad-locale': 'Say en, fr or de, or leave it out.',
  'bad-enabled': 'Say yes or no, or leave it out.',
  'too-long': 'Shorten it.',
  'bad-characters': 'Take out the characters that cannot be shown, or save the file as UTF-8.',
  'too-many-addresses': 'Leave at most 100 addresses.',
  'too-few-columns':
    'The row has fewer cells than the heading: fill it up with empty cells, or see whether the file was cut off.',
  'too-many-columns': 'The row has more cells than the heading: put cells that hold a separator into quotes.',
} as const
export type ProblemCode = keyof typeof remedies

export const problem = (row: number | null, code: ProblemCode, text: string): ListProblem => ({
  row,
  code,
  // What somebody else wrote may be long: a report is not.
  text: text.length > 400 ? `${text.slice(0, 400).toWellFormed()}…` : text,
  remedy: remedies[code],
})

/** Words of others in a sentence: short, and nothing in them that a terminal obeys or a table cannot hold. */
export function shown(text: string): string {
  const clean = text
    .slice(0, 80)
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
  return text.length > 80 ? `${clean}…` : clean
}

export const quoted = (text: string): string => `"${shown(text)}"`
