import { expect, test } from 'vitest'
import { checkText, readIndex } from './check-rfc.mjs'

const known = new Map([['5321', 'yes']])
const name = (rest: string): string => `// RFC${rest}`

test.each([
  [name(' 5321 section 4.1.2: paths'), []],
  [name(' 5321 says so'), []],
  [name(' 5321 section 4.5.3.2.7).'), []],
  [name(' 9999'), [[1, 'RFC 9999 is not in rfc/index.tsv']]],
  [name(' 5321 4.1.2'), [[1, 'write "RFC 5321 section ..."']]],
  [name(' 5321 §4.1'), [[1, 'write "RFC 5321 section ..."']]],
  [name(' 5321 section four'), [[1, 'section of RFC 5321 is not a number: four']]],
  [name('5321'), [[1, 'write "RFC 5321", with a space']]],
])('%s', (text, problems) => {
  expect(checkText(text, known)).toEqual(problems)
})

test('the index is sorted, has no double rows, and knows its words', () => {
  const row = (...fields: string[]): string => fields.join('\t')
  expect(readIndex([row('1', 'yes', 'A'), row('2', 'no', 'B')].join('\n')).problems).toEqual([])
  const bad = readIndex(
    [row('2', 'yes', 'A'), row('1', 'maybe', 'B'), row('1', 'no', ''), row('x', 'no', 'C')].join('\n'),
  )
  expect(bad.problems.map(([, text]) => text)).toEqual([
    'RFC 1 is not in order',
    'status is yes, partial or no, not "maybe"',
    'RFC 1 is there twice',
    'no title',
    'not a number: x',
  ])
})
