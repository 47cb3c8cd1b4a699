/** References to results of earlier calls (RFC 8620 section 3.7): arguments whose name begins with '#'. */
import { MethodError } from './errors.ts'
import { isObject, type Arguments, type Json } from './request.ts'
import { spend, type Budget } from './weight.ts'

export interface EarlierResponse {
  name: string
  args: unknown
  callId: string
}

const MOST_VALUES = 100_000

/** RFC 6901 with '*' for every item of an array; results that are arrays themselves are joined. */
export function evaluatePointer(value: unknown, path: string): unknown {
  if (path === '') return value
  if (!path.startsWith('/')) throw new MethodError('invalidResultReference', 'the path must be empty or begin with "/"')
  const tokens = path
    .slice(1)
    .split('/')
    .map((token) => token.replace(/~1/g, '/').replace(/~0/g, '~'))
  return step(value, tokens)
}

function step(value: unknown, tokens: readonly string[]): unknown {
  const [token, ...rest] = tokens
  if (token === undefined) return value
  if (Array.isArray(value)) {
    if (token === '*') {
      const out: unknown[] = []
      for (const item of value) {
        const result = step(item, rest)
        if (Array.isArray(result)) for (const one of result) out.push(one)
        else out.push(result)
        if (out.length > MOST_VALUES)
          throw new MethodError('invalidResultReference', 'the reference has too many values')
      }
      return out
    }
    if (/^(0|[1-9]\d*)$/.test(token) && Number(token) < value.length) return step(value[Number(token)], rest)
  } else if (isObject(value) && Object.hasOwn(value, token)) return step(value[token], rest)
  throw new MethodError('invalidResultReference', `nothing is at ${JSON.stringify(token).slice(0, 100)}`)
}

/** `budget` is the request's: every reference pays for what it brings. */
export function resolveReferences(args: Arguments, earlier: readonly EarlierResponse[], budget: Budget): Arguments {
  const resolved: Arguments = {}
  for (const [name, value] of Object.entries(args)) {
    if (!name.startsWith('#')) {
      if (Object.hasOwn(args, `#${name}`))
        throw new MethodError('invalidArguments', `"${name}" is given twice, once as a reference`)
      resolved[name] = value
      continue
    }
    if (
      !isObject(value) ||
      typeof value.resultOf !== 'string' ||
      typeof value.name !== 'string' ||
      typeof value.path !== 'string'
    )
      throw new MethodError('invalidResultReference', `"${name.slice(0, 100)}" must have resultOf, name and path`)
    const response = earlier.find(({ callId }) => callId === value.resultOf)
    if (response?.name !== value.name)
      throw new MethodError('invalidResultReference', `no response of ${value.name.slice(0, 100)} with that call id`)
    const found = evaluatePointer(response.args, value.path)
    if (!spend(budget, found))
      throw new MethodError('invalidResultReference', 'the references of this request bring too much together')
    resolved[name.slice(1)] = found as Json
  }
  return resolved
}
