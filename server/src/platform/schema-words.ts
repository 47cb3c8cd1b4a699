/** What a schema (zod) objects to, in words for somebody who wrote the file and does not know the schema. */
import type { z } from 'zod'

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  null: 'nothing',
  nan: 'no number',
}
const kind = (word: string): string => KINDS[word] ?? word

function bound(origin: string, limit: string, which: 'most' | 'least', inclusive: boolean): string {
  if (origin === 'string') return limit === '1' ? 'must not be empty' : `must have at ${which} ${limit} characters`
  if (origin === 'array') return `must have at ${which} ${limit} ${limit === '1' ? 'entry' : 'entries'}`
  if (inclusive) return `must be at ${which} ${limit}`
  return `must be ${which === 'most' ? 'less' : 'more'} than ${limit}`
}

export function schemaWords(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_big':
      return bound(issue.origin, String(issue.maximum), 'most', issue.inclusive ?? true)
    case 'too_small':
      return bound(issue.origin, String(issue.minimum), 'least', issue.inclusive ?? true)
    case 'invalid_type': {
      const found = /received (\w+)/.exec(issue.message)?.[1]
      if (found === 'undefined') return 'is needed, and missing'
      return `must be ${kind(issue.expected)}${found === undefined ? '' : `, not ${kind(found)}`}`
    }
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`
    default:
      return issue.message
  }
}
