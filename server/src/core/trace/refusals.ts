/**
 * What was refused in a session leaves no message, and yet somebody will ask where it is: a note beside the trace, for the
 * organisation of the recipient, else of the sender, of the address that tried to sign in, of the system that sent it; what
 * concerned nobody here is for operators. Never in anybody's way: written every few seconds, from a bounded buffer, at a
 * bounded rate; the same refusal again is counted, and what a flood brings beyond that is only a number in the log.
 */
import ipaddr from 'ipaddr.js'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { isId, newId, NIL_ID, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { insertRefusals, listRefusals, type RefusalKey, type RefusalRow } from '../../store/refusals.ts'
import { foldAddress, type Directory, type Proof, type SourceBook } from '../directory/index.ts'
import { pageOf, type Page } from './views.ts'

export interface Refused {
  clientIp: string
  helo: string
  tls: string | null
  /** `connect`, the command, or `message`: at its end */
  during: string
  /** '' is the null sender; null: nothing was said of one */
  from: string | null
  /** null: it was about none */
  recipient: string | null
  /** the name that tried to sign in, or has */
  signIn: string | null
  /** of the message's header, where as much was read */
  messageIdHeader: string | null
  /** of the person who has signed in to send; null: nobody has */
  organisationId: Id | null
  /** what the client has proved to be */
  proof: Proof | null
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
/** Of them about no recipient: a swarm that connects or guesses passwords does not hide mail that was refused. */
const MOST_ABOUT_NOBODY = 500
/** Rows of one organisation a second in the long run, and at once: what floods one does not hide the others'. */
const RATE = 2
/** The same for what is about no recipient: a swarm goes on for weeks. */
const RATE_ABOUT_NOBODY = 0.2
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
  sources: Pick<SourceBook, 'of'>
}): Refusals {
  const { db, clock, log, directory, sources } = deps
  let waiting = new Map<string, { refused: Refused; at: number; times: number }>()
  let aboutNobody = 0
  let lost = 0
  const rates = new Map<string, { tokens: number; filledAt: number }>()
  let timer: Timer | null = null
  let flushing: Promise<void> | null = null

  const ownerOf = async (address: string | null): Promise<Id | null> => {
    const domain = address === null ? null : domainOf(address)
    return (domain === null ? null : await directory.organisationOfDomain(domain))?.organisationId ?? null
  }
  /**
   * Whom it concerned, and the name that was to sign in: kept only where it is an address of a domain here, for in the place
   * of a name people type passwords.
   */
  async function concerned(refused: Refused): Promise<{ organisationId: Id; signIn: string | null }> {
    const { recipient, from, clientIp, proof } = refused
    const [ofRecipient, ofSender, ofName] = await Promise.all([recipient, from, refused.signIn].map(ownerOf))
    // Of several organisations behind one address, or where strangers are behind it too, nobody can say whose it is.
    const own = sources.of({ clientIp, proof }).filter(({ tenant }) => tenant === null)
    const systems = new Set(own.map(({ organisationId }) => organisationId))
    const ofSystem = systems.size === 1 ? [...systems][0]! : null
    const organisationId = refused.organisationId ?? ofRecipient ?? ofSender ?? ofName ?? ofSystem ?? NIL_ID
    return { organisationId, signIn: ofName === organisationId ? refused.signIn : null }
  }

  /** One more row of this organisation; what is about nobody has a room of its own. */
  function isAllowed(organisationId: Id, isAboutNobody: boolean): boolean {
    const now = clock.monotonic()
    const key = isAboutNobody ? `${organisationId} nobody` : organisationId
    const { tokens, filledAt } = rates.get(key) ?? { tokens: BURST, filledAt: now }
    const rate = isAboutNobody ? RATE_ABOUT_NOBODY : RATE
    const left = Math.min(BURST, tokens + ((now - filledAt) / 1000) * rate)
    if (rates.size >= MOST_RATES) rates.clear()
    rates.set(key, { tokens: left >= 1 ? left - 1 : left, filledAt: now })
    return left >= 1
  }

  async function write(): Promise<void> {
    const all = [...waiting.values()]
    waiting = new Map()
    aboutNobody = 0
    const rows: RefusalRow[] = []
    for (const { refused, at, times } of all) {
      const known = await concerned(refused).catch(() => null)
      if (known === null || !isAllowed(known.organisationId, refused.recipient === null)) {
        lost++
        continue
      }
      const { clientIp, tls, helo, during, from, recipient, messageIdHeader, reply } = refused
      rows.push({
        organisationId: known.organisationId,
        refusalId: newId(at),
        at: new Date(at),
        clientIp,
        tls,
        helo: clean(helo),
        during,
        from: from && clean(from),
        recipient: recipient && clean(recipient),
        signIn: known.signIn && clean(known.signIn),
        messageIdHeader: messageIdHeader && clean(messageIdHeader),
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
      const { clientIp, from, recipient, signIn, messageIdHeader, reply } = refused
      const key = [clientIp, from, recipient, signIn, messageIdHeader, reply].join('\n')
      const known = waiting.get(key)
      if (known) {
        known.times++
        return
      }
      const isFull = waiting.size >= MOST_WAITING || (recipient === null && aboutNobody >= MOST_ABOUT_NOBODY)
      if (isFull) {
        lost++
        return
      }
      if (recipient === null) aboutNobody++
      waiting.set(key, { refused, at: clock.now(), times: 1 })
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

/**
 * Refusals newest first. `q`: an address, a Message-ID, the sending server's address, a refusal's id; nothing for all, and
 * anything else finds nothing.
 */
export function findRefusals(
  sql: Sql,
  ask: { organisationId: Id; q: string; after: Id | null; limit: number },
): Promise<Page<RefusalRow>> {
  const { organisationId, after } = ask
  const text = ask.q.trim()
  const key = text === '' ? null : keyOf(text)
  if (key === undefined) return Promise.resolve({ items: [], next: null })
  return pageOf(
    ask.limit,
    (row: RefusalRow) => row.refusalId,
    (limit) => listRefusals(sql, { organisationId, key, after, limit }),
  )
}

function keyOf(text: string): RefusalKey | undefined {
  const bare = text.replace(/^<|>$/g, '')
  if (isId(bare.toLowerCase())) return { by: 'id', text: bare.toLowerCase() }
  // As the kernel writes them, and so the sessions.
  if (/[.:]/.test(bare) && ipaddr.isValid(bare)) return { by: 'client', text: ipaddr.process(bare).toString() }
  return bare.includes('@')
    ? { by: 'address', text: foldAddress(bare) ?? bare.toLowerCase(), messageId: `<${bare}>` }
    : undefined
}
