/** A JMAP request (RFC 8620 section 3.3): checked for its shape, its capabilities and our limits before anything runs. */
import { RequestError } from './errors.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Arguments = Record<string, Json>

export interface Invocation {
  name: string
  args: Arguments
  callId: string
}

export interface JmapRequest {
  using: string[]
  calls: Invocation[]
  createdIds: Map<string, string> | null
}

export interface RequestLimits {
  maxCallsInRequest: number
}

export const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 8620 section 1.2: 1 to 255 of the URL-safe base64 alphabet. */
export const isJmapId = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{1,255}$/.test(value)

/** RFC 8620 section 3.6.1 and RFC 7493: nesting deeper than this is not a request of ours. */
const MOST_DEPTH = 64

export function parseJson(text: string): Json {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > MOST_DEPTH) throw new RequestError('notJSON', `nested deeper than ${MOST_DEPTH}`)
    } else if (c === 0x5d || c === 0x7d) depth--
  }
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new RequestError('notJSON', 'the request is not JSON')
  }
}

export function parseRequest(body: unknown, capabilities: readonly string[], limits: RequestLimits): JmapRequest {
  const no = (detail: string): RequestError => new RequestError('notRequest', detail)
  if (!isObject(body)) throw no('the request must be an object')
  const { using, methodCalls, createdIds } = body
  if (!Array.isArray(using) || !using.every((one) => typeof one === 'string'))
    throw no('"using" must be a list of strings')
  const unknown = using.find((one) => !capabilities.includes(one))
  if (unknown !== undefined)
    throw new RequestError(
      'unknownCapability',
      `the capability ${JSON.stringify(unknown).slice(0, 200)} is not offered here`,
    )
  if (!Array.isArray(methodCalls)) throw no('"methodCalls" must be a list')
  if (methodCalls.length > limits.maxCallsInRequest)
    throw new RequestError(
      'limit',
      `at most ${limits.maxCallsInRequest} method calls in one request`,
      'maxCallsInRequest',
    )
  const calls = methodCalls.map((call, i) => {
    if (!Array.isArray(call) || call.length !== 3) throw no(`method call ${i} must be a list of three`)
    const [name, args, callId] = call
    if (typeof name !== 'string' || !isObject(args) || typeof callId !== 'string')
      throw no(`method call ${i} must be [name, arguments, call id]`)
    return { name, args, callId }
  })
  if (createdIds === undefined) return { using, calls, createdIds: null }
  if (!isObject(createdIds)) throw no('"createdIds" must be an object')
  const known = new Map<string, string>()
  for (const [id, real] of Object.entries(createdIds)) {
    if (!isJmapId(id) || !isJmapId(real)) throw no('"createdIds" must map ids to ids')
    known.set(id, real)
  }
  return { using, calls, createdIds: known }
}
