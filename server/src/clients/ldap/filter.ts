/** Search filters (RFC 4515): a name is put into the administrator's own, and can never be more than a value there. */
import { FilterParser } from 'ldapts'

export interface NameParts {
  /** {name}: the UPN, or the address */
  name: string
  /** {local}: what stands before its @ */
  local: string
}

export const partsOf = (name: string): NameParts => ({
  name,
  local: name.slice(0, (name.lastIndexOf('@') + 1 || name.length + 1) - 1),
})

/** RFC 4515 section 3: these five must be escaped; letters of other scripts stay as they are. */
export const escapeValue = (value: string): string =>
  value.replaceAll(/[\\*()\0]/g, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`)

export const fillFilter = (filter: string, parts: NameParts): string =>
  filter.replaceAll(/\{(name|local)\}/g, (_, key: keyof NameParts) => escapeValue(parts[key]))

/** What is wrong with a filter; null: nothing. */
export function filterProblem(filter: string): string | null {
  const odd = [...filter.matchAll(/\{([^}]*)\}/g)].find(([, key]) => key !== 'name' && key !== 'local')
  if (odd) return `knows {name} and {local}, not {${odd[1]}}`
  if (!/\{(name|local)\}/.test(filter))
    return 'needs {name} or {local}, or it would find the same entries for everybody'
  return searchFilterProblem(fillFilter(filter, partsOf('name@example.com')))
}

/** The same of one that is asked as it stands. */
export function searchFilterProblem(filter: string): string | null {
  try {
    FilterParser.parseString(filter)
    return null
  } catch (error) {
    return `is no search filter (RFC 4515): ${(error as Error).message}`
  }
}
