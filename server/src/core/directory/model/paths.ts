/**
 * Where in a declaration a problem is, as its author thinks of it: `organisations[harbour].people[alice@harbour.example]`
 * instead of `organisations.0.people.3`. An entry is called by its slug, addresses, name or host; by its number where
 * it has none of these, or where two are called the same.
 */
import type { Problem } from './problems.ts'

const LONGEST = 60

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Not what would break the line or the brackets. */
const readable = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length <= LONGEST &&
  /^[^\p{C}\p{Zl}\p{Zp}[\]]*\S[^\p{C}\p{Zl}\p{Zp}[\]]*$/u.test(value)

function labelOf(entry: unknown): string | null {
  if (readable(entry)) return entry
  if (!isObject(entry)) return null
  const addresses = entry['addresses']
  const first: unknown = Array.isArray(addresses) ? addresses[0] : undefined
  return [entry['slug'], first, entry['address'], entry['name'], entry['host']].find(readable) ?? null
}

function nameOf(list: readonly unknown[], index: number): string {
  const label = labelOf(list[index])
  if (label === null) return `#${index + 1}`
  const same = list.filter((entry) => labelOf(entry)?.toLowerCase() === label.toLowerCase())
  return same.length > 1 ? `${label} #${index + 1}` : label
}

/** `path` with dots, as zod gives it; `value` is what it leads through. */
export function namedPath(path: string, value: unknown): string {
  let at = value
  let shown = ''
  for (const step of path.split('.')) {
    if (Array.isArray(at) && /^\d+$/.test(step)) shown += `[${nameOf(at, Number(step))}]`
    else shown += shown === '' ? step : `.${step}`
    at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined
  }
  return shown
}

export function nameProblems(problems: readonly Problem[], value: unknown): Problem[] {
  return problems.map(({ path, text, first }) => ({
    path: namedPath(path, value),
    text: first === undefined ? text : `${text} ${namedPath(first, value)}`,
  }))
}
