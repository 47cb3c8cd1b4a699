/**
 * The directory as a running part: lookUp behind a bounded cache keyed by the address as written. Cached answers are
 * dropped when directory_generation has moved (polled at least each second; LISTEN 'holdfast_directory' is a hint), so a
 * change is seen everywhere within about a second. Concurrent questions about one address share one look-up. While the
 * database is away what is cached goes on being answered; anything else fails as temporary.
 */
import { KnownSource } from '../../platform/codes.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { addressesOfPerson, domainByName, readGeneration, upsertKnown, writeCallout } from '../../store/directory.ts'
import type { DomainRow, Learned, PersonAddress } from '../../store/directory.ts'
import { openHints } from '../../store/hints.ts'
import { foldAddress, foldDomain, splitAddress } from './fold.ts'
import { boundedCache } from './generations.ts'
import type { Expansion } from './expand.ts'
import { lookUp, USUAL_AGES, type Expansions } from './lookup.ts'
import { RefusedThere, type AnswerAges, type Directory, type Recipient } from './recipient.ts'

/** Answers that learning can change (450, park) are asked again after this. */
const UNSURE_FOR_MS = 2_000
const RELEARN_AFTER_MS = 3_600_000
const MOST_ANSWERS = 10_000

function standsFor(error: WireError): number {
  if (error instanceof RefusedThere) return error.lastsMs
  return error.code === 'recipient-unverified' ? UNSURE_FOR_MS : Infinity
}

export interface AcceptedRecipient {
  organisationId: Id
  /** as it was sent to the primary */
  address: string
  routeId: Id
  /** people are known by the directory: nothing to learn */
  personId: Id | null
}

export interface LiveDirectory extends Directory {
  addressesOf(organisationId: Id, personId: Id): Promise<PersonAddress[]>
  /** The address a person may send as (one of their own, with or without subaddress or through an alias domain), or null. */
  senderFor(sender: {
    organisationId: Id
    personId: Id
    address: string
  }): Promise<{ address: string; domainId: Id } | null>
  /** Notes recipients a primary has accepted. Off the hot path; those of routes that take everybody are left out. */
  learn(accepted: readonly AcceptedRecipient[]): Promise<void>
  /** Notes what a mail system said when it was asked about an address (folded), of a bounded number for each domain. */
  noteAnswer(said: Learned, written: string): Promise<void>
  /** Drops every cached answer of this process if the directory has changed. */
  refresh(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

export interface DirectoryDeps {
  db: Database
  clock: Clock
  log: Log
  /** most answers kept of each kind */
  cacheSize?: number
  /** how long the answers of mail systems count, and how many of each kind are kept for a domain */
  ages?: AnswerAges
  mostAnswers?: number
  pollMs?: number
}

interface Refusal {
  error: WireError
  /** monotonic; Infinity = as long as the generation stands */
  until: number
}

export function createDirectory(deps: DirectoryDeps): LiveDirectory {
  const { db, clock, log } = deps
  const size = deps.cacheSize ?? 50_000
  const answers = boundedCache<Recipient>(size)
  // Strangers have a cache of their own: a flood of guesses does not push out the people.
  const refusals = boundedCache<Refusal>(size)
  const passing = boundedCache<{ recipient: Recipient; until: number }>(size)
  const domains = boundedCache<Promise<DomainRow | null>>(20_000)
  const expansions = boundedCache<Promise<Expansion>>(Math.ceil(size / 10))
  const learned = boundedCache<number>(size)
  const underWay = new Map<string, Promise<Recipient>>()
  /** counts the drops: an answer whose question is older than the last drop is not kept */
  let drops = 0
  let generation = -1
  let listener: DedicatedSql | null = null
  let poll: Timer | null = null
  let polling: Promise<void> | null = null
  let stopped = false

  const drop = (): void => {
    drops++
    answers.clear()
    refusals.clear()
    passing.clear()
    // What a route that took everybody said was not stored; when it refuses again, it is told anew.
    learned.clear()
    domains.clear()
    expansions.clear()
    underWay.clear()
  }

  const findDomain = (name: string): Promise<DomainRow | null> => {
    const cached = domains.get(name)
    if (cached) return cached
    const asked = domainByName(db, name)
    domains.set(name, asked)
    asked.catch(() => domains.delete(name))
    return asked
  }

  /** Failures are asked again; what a look-up finds that began before the last drop is not kept. */
  const lasting = (startedAt: number): Expansions => ({
    get: (id) => (startedAt === drops ? expansions.get(id) : undefined),
    set(id, found) {
      if (startedAt !== drops) return
      expansions.set(id, found)
      found.catch(() => {
        if (expansions.get(id) === found) expansions.delete(id)
      })
    },
  })

  async function ask(address: string, startedAt: number): Promise<Recipient> {
    try {
      const recipient = Object.freeze(
        await lookUp(db, address, findDomain, lasting(startedAt), deps.ages ?? USUAL_AGES),
      )
      if (startedAt === drops) {
        // What stands for others is kept by one spelling: many of them, with thousands of members each, would be much.
        const isKept = !(recipient.redirect ?? recipient.list) || address === recipient.folded
        const lastsMs = recipient.standing === 'known' ? recipient.lastsMs : UNSURE_FOR_MS
        if (lastsMs !== undefined) passing.set(address, { recipient, until: clock.monotonic() + lastsMs })
        else if (isKept) answers.set(address, recipient)
      }
      return recipient
    } catch (error) {
      if (startedAt === drops && error instanceof WireError)
        refusals.set(address, {
          error,
          until: clock.monotonic() + standsFor(error),
        })
      throw error
    } finally {
      if (startedAt === drops) underWay.delete(address)
    }
  }

  function resolve(address: string): Promise<Recipient> {
    const cached = answers.get(address)
    if (cached) return Promise.resolve(cached)
    const refusal = refusals.get(address)
    if (refusal && refusal.until > clock.monotonic()) return Promise.reject(refusal.error)
    const lot = passing.get(address)
    if (lot && lot.until > clock.monotonic()) return Promise.resolve(lot.recipient)
    const shared = underWay.get(address)
    if (shared) return shared
    const asked = ask(address, drops)
    underWay.set(address, asked)
    return asked
  }

  async function refresh(): Promise<void> {
    const now = await readGeneration(db)
    if (now === generation) return
    generation = now
    drop()
  }

  /** One poll at a time; it also mends the hint's connection. */
  function tick(): void {
    if (polling || stopped) return
    polling = refresh()
      .then(() => (listener || stopped ? undefined : listen()))
      .catch((error: unknown) => log.debug({ err: String(error) }, 'directory not refreshed'))
      .finally(() => (polling = null))
  }

  async function listen(): Promise<void> {
    const connection = await openHints(db, 'holdfast_directory', tick, (ended) => {
      if (listener === ended) listener = null
    })
    if (stopped) await connection.close()
    else listener = connection
  }

  return {
    resolve,
    known: (address) => answers.get(address) ?? null,
    refresh,
    async organisationOfDomain(domain) {
      const name = foldDomain(domain)
      const row = name === null ? null : await findDomain(name)
      if (!row) return null
      const { organisationId, domainId, outboundRouteId } = row
      return { organisationId, domainId, outboundRouteId }
    },
    addressesOf: (organisationId, personId) => addressesOfPerson(db, organisationId, personId),
    async senderFor(sender) {
      if (!splitAddress(sender.address)?.domain) return null
      try {
        const found = await resolve(sender.address)
        const theirs = found.organisationId === sender.organisationId && found.personId === sender.personId
        // A catch-all answers for strangers' addresses too: those are nobody's to send from.
        return theirs && found.address === sender.address ? { address: sender.address, domainId: found.domainId } : null
      } catch (error) {
        if (error instanceof WireError && error.spec.blame === 'peer') return null
        throw error
      }
    },
    async learn(accepted) {
      const now = clock.monotonic()
      const fresh = new Map<
        string,
        { organisationId: Id; address: string; routeId: Id; known: boolean; written: string[] }
      >()
      for (const each of accepted) {
        const address = each.personId === null ? foldAddress(each.address) : null
        if (address === null || (learned.get(address) ?? -Infinity) > now) continue
        const row = fresh.get(address)
        if (row) row.written.push(each.address)
        else
          fresh.set(address, {
            organisationId: each.organisationId,
            address,
            routeId: each.routeId,
            known: true,
            written: [each.address],
          })
      }
      if (fresh.size === 0) return
      await upsertKnown(db, KnownSource.delivered, [...fresh.values()])
      for (const row of fresh.values()) {
        learned.set(row.address, now + RELEARN_AFTER_MS)
        for (const written of [row.address, ...row.written]) {
          refusals.delete(written)
          passing.delete(written)
        }
      }
    },
    async noteAnswer(said, written) {
      await writeCallout(db, said, deps.mostAnswers ?? MOST_ANSWERS)
      for (const one of [said.address, written]) {
        refusals.delete(one)
        passing.delete(one)
      }
    },
    async start() {
      stopped = false
      await refresh()
      await listen().catch((error: unknown) => log.warn({ err: String(error) }, 'directory hints not heard yet'))
      poll = clock.every(Math.min(deps.pollMs ?? 500, 1000), tick)
    },
    async stop() {
      stopped = true
      poll?.cancel()
      await polling
      const connection = listener
      listener = null
      await connection?.close().catch(() => undefined)
    },
  }
}
