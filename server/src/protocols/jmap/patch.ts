/** PatchObject (RFC 8620 section 5.3): paths into an object with new values; null takes away or sets the default. */
import { SetProblem } from './errors.ts'
import { isObject, type Json } from './request.ts'

/** A flat view of an update: what is set whole, and what is patched one level below (keywords/$seen, mailboxIds/m1). */
export interface Patch {
  whole: Map<string, Json>
  inner: Map<string, Map<string, Json>>
}

export function parsePatch(update: unknown): Patch {
  if (!isObject(update)) throw new SetProblem('invalidPatch', 'the update must be an object')
  const patch: Patch = { whole: new Map(), inner: new Map() }
  for (const [path, value] of Object.entries(update)) {
    const tokens = path.split('/').map((token) => token.replace(/~1/g, '/').replace(/~0/g, '~'))
    const [property = '', key, ...more] = tokens
    if (more.length > 0)
      throw new SetProblem('invalidPatch', `${JSON.stringify(path).slice(0, 200)}: there is nothing so deep`)
    if (key === undefined) patch.whole.set(property, value)
    else {
      const inner = patch.inner.get(property) ?? new Map<string, Json>()
      inner.set(key, value)
      patch.inner.set(property, inner)
    }
  }
  for (const property of patch.inner.keys())
    if (patch.whole.has(property)) throw new SetProblem('invalidPatch', `${property} is set and patched at once`)
  return patch
}

/** A set of ids or keywords as JMAP writes it: {"a": true}. Throws for anything else. */
export function parseIdSet(value: Json | undefined, property: string): string[] {
  if (!isObject(value) || !Object.values(value).every((one) => one === true))
    throw new SetProblem('invalidProperties', `${property} must map each to true`, { properties: [property] })
  return Object.keys(value)
}
