/**
 * Asking the directories of organisations whose a password is, so that none of them keeps anybody waiting for long: a few
 * questions of one organisation at a time (who comes from one network does not come before the others), each with a time
 * limit in which its turn counts; servers in the order in which they are named. One that could not be asked rests, for
 * longer each time, and then one question tries it: a crowd that signs in while it is down waits for it once.
 * Failure: `unavailable`, never an exception.
 */
import { setMaxListeners } from 'node:events'
import { OddEntryError, type Answer, type Verdict } from '../../clients/ldap/answer.ts'
import { askServer, type AskServer, type LdapDirectory, type Question } from '../../clients/ldap/ask.ts'
import type { LdapServer } from '../../clients/ldap/dial.ts'
import { within, type Clock } from '../../platform/clock.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'

/** For a question as a whole, with its turn. */
const LIMIT_MS = 5_000
/** For one server where there are others. */
const SERVER_MS = 3_000
const AT_ONCE = 4
const LONGEST_QUEUE = 200
const FIRST_REST_MS = 5_000
const MOST_REST_MS = 60_000

interface Lane {
  running: number
  waiting: FairQueue<(may: boolean) => void>
}

interface Rest {
  failures: number
  failedAt: number
  until: number
}

export interface Directories {
  /** `network`: who asks. */
  ask(organisationId: Id, directory: LdapDirectory, question: Question & { network: string }): Promise<Answer>
  stop(): void
}

export interface DirectoriesDeps {
  clock: Clock
  log: Log
  ask?: AskServer
  answered?: (verdict: Answer['verdict']) => void
}

export function createDirectories({ clock, log, ask = askServer, answered }: DirectoriesDeps): Directories {
  const lanes = new Map<Id, Lane>()
  const rests = new Map<string, Rest>()
  const background = new AbortController()
  setMaxListeners(0, background.signal)

  const keyOf = (organisationId: Id, { host, port }: LdapServer): string => `${organisationId} ${host}:${port}`
  const isResting = (key: string): boolean => (rests.get(key)?.until ?? 0) > clock.monotonic()

  /** False: its time was over, or the queue was full. */
  function turn(lane: Lane, network: string, ms: number): Promise<boolean> {
    if (lane.running < AT_ONCE) {
      lane.running++
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      const late = clock.after(
        ms,
        () => {
          lane.waiting.remove(network, go)
          resolve(false)
        },
        { hold: false },
      )
      const go = (may: boolean): void => {
        late.cancel()
        resolve(may)
      }
      lane.waiting.add(network, go)
      if (lane.waiting.size > LONGEST_QUEUE) lane.waiting.drop()!(false)
    })
  }

  function leave(organisationId: Id, lane: Lane): void {
    const next = lane.waiting.take()
    if (next) next(true)
    else if (--lane.running === 0) lanes.delete(organisationId)
  }

  function failed(key: string, began: number, reason: string): void {
    const before = rests.get(key)
    // Those that were under way together failed together.
    if (before && began < before.failedAt) return
    const failures = (before?.failures ?? 0) + 1
    const now = clock.monotonic()
    const ms = Math.min(MOST_REST_MS, FIRST_REST_MS * 2 ** (failures - 1))
    rests.set(key, { failures, failedAt: now, until: now + ms })
    log.warn({ directory: key, reason, restsMs: ms }, 'a directory server could not be asked')
  }

  async function askOne(
    server: LdapServer,
    directory: LdapDirectory,
    question: Question,
    ms: number,
  ): Promise<Verdict> {
    const limit = new AbortController()
    const asked = ask(clock, server, directory, question, AbortSignal.any([limit.signal, background.signal]))
    try {
      return await within(clock, ms, asked, () => new Error(`no answer within ${ms / 1000} s`))
    } catch (error) {
      limit.abort(error)
      asked.catch(() => undefined)
      throw error
    }
  }

  async function askInOrder(
    organisationId: Id,
    directory: LdapDirectory,
    question: Question,
    end: number,
  ): Promise<Answer> {
    let reason = 'its servers rest after a failure'
    for (const server of directory.servers) {
      const key = keyOf(organisationId, server)
      const began = clock.monotonic()
      if (isResting(key)) continue
      const left = Math.min(end - began, directory.servers.length > 1 ? SERVER_MS : LIMIT_MS)
      if (left <= 0) return { verdict: 'unavailable', reason: 'it answers too slowly' }
      // Whoever comes while one tries goes by.
      const before = rests.get(key)
      if (before) before.until = began + left
      try {
        const verdict = await askOne(server, directory, question, left)
        if (rests.delete(key)) log.info({ directory: key }, 'a directory server answers again')
        return { verdict }
      } catch (error) {
        if (background.signal.aborted) return { verdict: 'unavailable', reason: 'shutting down' }
        reason = (error as Error).message
        // The others can be asked all the same.
        if (error instanceof OddEntryError) {
          rests.delete(key)
          return { verdict: 'unavailable', reason }
        }
        failed(key, began, reason)
      }
    }
    return { verdict: 'unavailable', reason }
  }

  async function askOnce(
    organisationId: Id,
    directory: LdapDirectory,
    { network, ...question }: Question & { network: string },
  ): Promise<Answer> {
    if (question.password === '') return { verdict: 'wrong' }
    const end = clock.monotonic() + LIMIT_MS
    if (directory.servers.every((server) => isResting(keyOf(organisationId, server))))
      return { verdict: 'unavailable', reason: 'its servers rest after a failure' }
    let lane = lanes.get(organisationId)
    if (!lane) lanes.set(organisationId, (lane = { running: 0, waiting: createFairQueue() }))
    if (!(await turn(lane, network, LIMIT_MS))) return { verdict: 'unavailable', reason: 'too many ask at once' }
    try {
      return await askInOrder(organisationId, directory, question, end)
    } finally {
      leave(organisationId, lane)
    }
  }

  return {
    async ask(organisationId, directory, question) {
      const answer = await askOnce(organisationId, directory, question)
      answered?.(answer.verdict)
      return answer
    },
    stop: () => background.abort(new Error('shutting down')),
  }
}
