/**
 * Which attempts ended unsure, by asking the product's own trace as a help desk would. Only the trace counts: a duplicate
 * without an unsure attempt on record is a broken promise.
 */
import { countKey } from './messages.ts'
import { listAll, primaryRoute } from './operator.ts'
import { addTo } from './tally.ts'
import type { Counts } from './tally.ts'
import type { Web } from './web.ts'

/** Looked for in the subject, and in the Message-ID where `domain` says what follows the nonce there. */
export async function unsureAttempts(web: Web, nonces: ReadonlySet<string>, domain?: string): Promise<Counts> {
  const found: Counts = new Map()
  if (nonces.size === 0) return found
  const { organisation } = await primaryRoute(web)
  const trace = `/organisations/${organisation.id}/trace`
  for (const nonce of nonces) {
    const messages = new Set<string>()
    // a nonce is the beginning of others
    const whole = new RegExp(`(^|[\\s<])${nonce}($|[\\s@])`)
    for (const query of [nonce, ...(domain === undefined ? [] : [`${nonce}@${domain}`])])
      for (const one of await listAll(web, `${trace}?q=${encodeURIComponent(query)}`))
        if (whole.test(`${one.subject} ${one.messageIdHeader}`)) messages.add(one.messageId)
    for (const messageId of messages)
      for (const delivery of (await web.get(`${trace}/${messageId}`)).deliveries)
        for (const attempt of delivery.attemptRows)
          if (attempt.outcome === 'unsure') addTo(found, countKey(nonce, delivery.recipient))
  }
  return found
}
