/**
 * What was refused in a session leaves no message, and yet somebody will ask where it is: a note for the organisation of the
 * recipient, else of the sender, beside the trace. Never in anybody's way: written every few seconds, from a bounded buffer, at
 * a bounded rate; the same refusal again is counted, and what a flood brings beyond that is only a number in the log.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { insertRefusals, listRefusals, type RefusalRow } from '../../store/refusals.ts'
import { foldAddress, type Directory } from '../directory/index.ts'
import { pageOf, type Page } from './views.ts'

export interface Refused {
  clientIp: string
  helo: string
  tls: string | null
  /** '' is the null sender */
  from: string
  recipient: string
  /** one line, with its code */
  reply: string
}

export interface Refusals {
  note(refused: Refused): void
  /** Writes what has gathered. Never throws. */
  flush(): Promise<void>
  start(): void
  stop(): Promise<void>
}

const EVERY_MS = 2_000
const MOST_WAITING = 2_000
/** Rows of one organisation a second in the long run, and at once: what floods one does not hide the others'. */
const RATE = 2
const BURST = 500
/** Organisations whose rate is remembered. */
const MOST_RATES = 10_000
const LONGEST = 500

const domainOf = (address: string): string | null =>
  address.includes('@') ? address.slice(address.lastIndexOf('@') + 1) : null
/** PostgreSQL takes neither NUL nor half a surrogate pair; and what strangers wrote is shown on terminals. */
const clean = (text: string): string =>
  text
    .slice(0, LONGEST)
    .toWellFormed()
    .replace(/\p{Cc}/gu, '\ufffd')

export function createRefusals(deps: {
  db: Database
  clock: Clock
  log: Log
  directory: Pick<Directory, 'organisationOfDomain'>
}): Refusals {
  const { db, clock, log, directory } = deps
  let waiting = new Map<string, { refused: Refused; at: number; times: number }>()
  let lost = 0
  const rates = new Map<Id, { tokens: number; filledAt: number }>()
  let timer: Timer | null = null
  let flushing: Promise<void> | null = null

  async function ownerOf({ from, recipient }: Refused): Promise<Id | null> {
    for (const address of [recipient, from]) {
      const domain = domainOf(address)
      const owner = domain === null ? null : await directory.organisationOfDomain(domain)
      if (owner) return owner.organisationId
    }
    return null
  }

  /** One more row of this organisation. */
  function isAllowed(organisationId: Id): boolean {
    const now = clock.monotonic()
    const { tokens, filledAt } = rates.get(organisationId) ?? { tokens: BURST, filledAt: now }
    const left = Math.min(BURST, tokens + ((now - filledAt) / 1000) * RATE)
    if (rates.size >= MOST_RATES) rates.clear()
    rates.set(organisationId, { tokens: left >= 1 ? left - 1 : left, filledAt: now })
    return left >= 1
  }

  async function write(): Promise<void> {
    const all = [...waiting.values()]
    waiting = new Map()
    const rows: RefusalRow[] = []
    for (const { refused, at, times } of all) {
      const organisationId = await ownerOf(refused).catch(() => undefined)
      // Nobody's here: strangers who try to relay are a number in the metrics.
      if (organisationId === null) continue
      if (organisationId === undefined || !isAllowed(organisationId)) {
        lost++
        continue
      }
      const { clientIp, tls, helo, from, recipient, reply } = refused
      rows.push({
        organisationId,
        refusalId: newId(at),
        at: new Date(at),
        clientIp,
        tls,
        helo: clean(helo),
        from: clean(from),
        recipient: clean(recipient),
        reply: clean(reply),
        times,
      })
    }
    if (rows.length > 0) await insertRefusals(db, rows)
    if (lost > 0) log.warn({ refusals: lost }, 'so many refusals are not in the trace')
    lost = 0
  }

  const flush = (): Promise<void> => {
    flushing ??= (waiting.size === 0 ? Promise.resolve() : write())
      .catch((error: unknown) => log.warn({ err: String(error) }, 'refusals could not be written to the trace'))
      .finally(() => {
        flushing = null
      })
    return flushing
  }

  return {
    note(refused) {
      const key = [refused.clientIp, refused.from, refused.recipient, refused.reply].join('\n')
      const known = waiting.get(key)
      if (known) known.times++
      else if (waiting.size < MOST_WAITING) waiting.set(key, { refused, at: clock.now(), times: 1 })
      else lost++
    },
    flush,
    start() {
      timer ??= clock.every(EVERY_MS, () => void flush())
    },
    async stop() {
      timer?.cancel()
      timer = null
      await flushing
      await flush()
    },
  }
}

/** Refusals newest first; `q` an address, nothing for all; what is no address finds nothing. */
export function findRefusals(
  sql: Sql,
  ask: { organisationId: Id; q: string; after: Id | null; limit: number },
): Promise<Page<RefusalRow>> {
  const text = ask.q.trim().replace(/^<|>$/g, '')
  if (text !== '' && !text.includes('@')) return Promise.resolve({ items: [], next: null })
  const address = text === '' ? null : (foldAddress(text) ?? text.toLowerCase())
  return pageOf(
    ask.limit,
    (row: RefusalRow) => row.refusalId,
    (limit) => listRefusals(sql, { organisationId: ask.organisationId, address, after: ask.after, limit }),
  )
}
