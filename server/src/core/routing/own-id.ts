/**
 * The mark by which Holdfast knows its own mail again: `Holdfast-Trace: <installation id> <message id> <mac> …`. A
 * message that comes back for a recipient it was already accepted for is in a loop; one that a person's own rule sent on
 * to somebody else is not, though it bears our mark. The mac (64 bits) is another one in every message, so nobody learns
 * from it who was in Bcc, and nobody can make one up: a message has a key of its own for each organisation (HMAC-SHA-256 over
 * both ids: what one organisation here writes to another passes through us twice and is no loop), and a
 * recipient's mac is a hash of the address between that key twice (the envelope method: one cheap hash for each of a
 * thousand recipients).
 */
import { hash } from 'node:crypto'
import type { Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { TRACE_HEADER } from '../../protocols/smtp/header-scanner.ts'

export interface OwnId {
  /** Header lines of a message for these recipients (folded addresses). */
  header(owner: Id, messageId: Id, recipients: readonly string[]): string
  /** Was the message that bears these trace values accepted here for this recipient, in this organisation's name, before? */
  seen(owner: Id, traces: readonly string[], recipient: string): boolean
}

/** Stands among the recipients of a canary, of which nobody can be called so: by it intake knows one again. */
export const CANARY_MARK = '<canary>'

const PER_LINE = 4
const PER_FIELD = 40
/** Passes through us that are looked at: each leaves one salt, and the hop limit (RFC 5321 section 6.3) ends the rest. */
const MOST_PASSES = 30

export function createOwnId(keys: Keys, installationId: Id): OwnId {
  /** what a message's traces hold, by the id it had then: read once, asked for each of a thousand recipients */
  const read = new WeakMap<readonly string[], Map<string, Set<string>>>()
  const keyOf = (owner: Id, messageId: string): string =>
    keys.hmac('own-id', `${installationId} ${owner} ${messageId}`).toString('hex')
  const mac = (key: string, recipient: string): string => hash('sha256', `${key} ${recipient} ${key}`).slice(0, 16)

  function passesOf(traces: readonly string[]): Map<string, Set<string>> {
    const passes = new Map<string, Set<string>>()
    for (const trace of traces) {
      const [installation, messageId, ...macs] = trace.split(/\s+/)
      if (installation !== installationId || messageId === undefined) continue
      const known = passes.get(messageId)
      if (!known && passes.size >= MOST_PASSES) continue
      const all = known ?? new Set()
      for (const one of macs) all.add(one)
      passes.set(messageId, all)
    }
    return passes
  }

  return {
    header(owner, messageId, recipients) {
      let out = ''
      const key = keyOf(owner, messageId)
      for (let at = 0; at < recipients.length; at += PER_FIELD) {
        out += `${TRACE_HEADER}: ${installationId} ${messageId}`
        recipients.slice(at, at + PER_FIELD).forEach((recipient, i) => {
          out += (i % PER_LINE === 0 ? '\r\n ' : ' ') + mac(key, recipient)
        })
        out += '\r\n'
      }
      return out
    },
    seen(owner, traces, recipient) {
      let passes = read.get(traces)
      if (!passes) read.set(traces, (passes = passesOf(traces)))
      for (const [messageId, macs] of passes) if (macs.has(mac(keyOf(owner, messageId), recipient))) return true
      return false
    },
  }
}
