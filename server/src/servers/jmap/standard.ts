/** The frame that every /get, /set and /query shares (RFC 8620 sections 5.1, 5.3, 5.5). */
import { MethodError, SetProblem, type Json, type SetError } from '../../protocols/jmap/index.ts'
import { coreLimits } from './limits.ts'

export function checkGetSize(ids: readonly unknown[]): void {
  if (ids.length > coreLimits.maxObjectsInGet)
    throw new MethodError('requestTooLarge', `at most ${coreLimits.maxObjectsInGet} objects at once`)
}

export function checkProperties(wanted: readonly string[] | null | undefined, known: readonly string[]): string[] {
  if (!wanted) return [...known]
  const unknown = wanted.find((property) => !known.includes(property))
  if (unknown !== undefined)
    throw new MethodError('invalidArguments', `there is no property ${JSON.stringify(unknown).slice(0, 100)}`)
  return [...new Set(['id', ...wanted])]
}

export function pick(object: Record<string, unknown>, properties: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(properties.map((property) => [property, object[property] ?? null]))
}

export interface SetWork {
  create?: Record<string, Record<string, Json>> | null | undefined
  update?: Record<string, Record<string, Json>> | null | undefined
  destroy?: string[] | null | undefined
}

export function checkSetSize(work: SetWork): void {
  const n = Object.keys(work.create ?? {}).length + Object.keys(work.update ?? {}).length + (work.destroy ?? []).length
  if (n > coreLimits.maxObjectsInSet)
    throw new MethodError('requestTooLarge', `at most ${coreLimits.maxObjectsInSet} objects at once`)
}

export class SetOutcome {
  readonly created: Record<string, object> = {}
  readonly updated: Record<string, object | null> = {}
  readonly destroyed: string[] = []
  readonly notCreated: Record<string, SetError> = {}
  readonly notUpdated: Record<string, SetError> = {}
  readonly notDestroyed: Record<string, SetError> = {}

  toJSON(): object {
    const orNull = <T extends object>(map: T): T | null => (Object.keys(map).length > 0 ? map : null)
    return {
      created: orNull(this.created),
      updated: orNull(this.updated),
      destroyed: orNull(this.destroyed),
      notCreated: orNull(this.notCreated),
      notUpdated: orNull(this.notUpdated),
      notDestroyed: orNull(this.notDestroyed),
    }
  }
}

/** Runs the work on one object; what it may be told becomes its SetError, everything else fails the method. */
export async function oneByOne(
  keys: readonly string[],
  failures: Record<string, SetError>,
  work: (key: string) => Promise<void>,
): Promise<void> {
  for (const key of keys) {
    try {
      await work(key)
    } catch (error) {
      if (!(error instanceof SetProblem)) throw error
      failures[key] = error.setError
    }
  }
}

/** Properties of a creation that are not known, or that only the server sets. */
export function refuseUnknown(object: Record<string, Json>, known: (property: string) => boolean): void {
  const unknown = Object.keys(object).filter((property) => !known(property))
  if (unknown.length > 0)
    throw new SetProblem('invalidProperties', `not to be set: ${unknown.join(', ').slice(0, 300)}`, {
      properties: unknown,
    })
}

export interface Page {
  position: number
  anchor?: string | null | undefined
  anchorOffset: number
  limit?: number | null | undefined
}

/** Where a page of `ids` starts (RFC 8620 section 5.5). */
export function pageStart(ids: readonly string[], page: Page): number {
  if (page.anchor !== null && page.anchor !== undefined) {
    const index = ids.indexOf(page.anchor)
    if (index < 0) throw new MethodError('anchorNotFound', 'the anchor is not in the list')
    return Math.max(0, index + page.anchorOffset)
  }
  return page.position < 0 ? Math.max(0, ids.length + page.position) : page.position
}
