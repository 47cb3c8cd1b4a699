/**
 * From single changes to lists: a while after the last change of a source (or the first, where it goes on and on) everything
 * it holds is compiled and given to the engine, which carries it out within the source's limits of a day or asks. Once a day
 * in any case: the grace of who is missing ends by the clock. The first list always waits for a yes.
 */
import type { Clock, Timer } from '../../../../platform/clock.ts'
import { PersonSource } from '../../../../platform/codes.ts'
import type { Database, Sql } from '../../../../platform/db/database.ts'
import { NIL_ID } from '../../../../platform/ids.ts'
import type { Log } from '../../../../platform/log.ts'
import { hasApplied } from '../../../../store/directory-runs.ts'
import { readDomains, readGroups } from '../../../../store/model.ts'
import * as store from '../../../../store/scim-runs.ts'
import { lockScim, type ScimKey } from '../../../../store/scim.ts'
import type { SourceList } from '../entry.ts'
import { importList, RunError, type RunDeps } from '../runs.ts'
import { compile, type ScimUser } from './compile.ts'
import { foldName } from './resources.ts'

export interface ScimRunner {
  /** Brings what is due; how many sources. */
  run(): Promise<number>
  start(): void
  stop(): Promise<void>
}

export interface ScimRunnerDeps extends Pick<RunDeps, 'placeWaiting'> {
  db: Database
  clock: Clock
  log: Log
  /** how long a source must be quiet, how long it may go on, and how far runs are apart */
  pace?: { quietSeconds: number; mostSeconds: number; betweenSeconds: number }
}

const EVERY_MS = 5_000
const PACE = { quietSeconds: 20, mostSeconds: 300, betweenSeconds: 60 }
const PAGE = 1000
/** Whoever is back after that is somebody new, unless the directory still knows them. */
const KEEP_DAYS = 60
/** As in audit rows: what this did unasked is counted by it. */
const ACTOR = 'scim'

async function allUsers(sql: Sql, key: ScimKey): Promise<ScimUser[]> {
  const users: ScimUser[] = []
  for (let after = NIL_ID; ;) {
    const page = await store.usersPage(sql, key, after, PAGE)
    users.push(...page)
    if (page.length < PAGE) return users
    after = page.at(-1)!.id
  }
}

/** Groups that stand for a group here: by their names, and the oldest where several are called so. */
async function wantedGroups(sql: Sql, key: ScimKey): Promise<{ dn: string; group: string }[]> {
  const byName = new Map((await store.groupNames(sql, key)).reverse().map(({ id, name }) => [name, id]))
  return (await readGroups(sql, key.organisationId))
    .flatMap(({ name }) => {
      const id = byName.get(foldName(name))
      return id === undefined ? [] : [{ dn: id, group: name }]
    })
    .sort((a, b) => (a.group < b.group ? -1 : 1))
}

async function listNow(sql: Sql, key: ScimKey): Promise<SourceList> {
  const wanted = await wantedGroups(sql, key)
  const members = new Map<string, string[]>()
  if (wanted.length > 0)
    for (const { groupId, member } of await store.allMembers(sql, key)) {
      const some = members.get(groupId)
      if (some) some.push(member)
      else members.set(groupId, [member])
    }
  // A group without members is one too: its people are in it no more.
  for (const { dn } of wanted) if (!members.has(dn)) members.set(dn, [])
  return compile({
    users: await allUsers(sql, key),
    groups: [...members].map(([dn, some]) => ({ dn, members: some })),
    wanted,
    gone: (await store.deletedUsers(sql, key)).map(({ id }) => id),
    domains: new Set((await readDomains(sql, key.organisationId)).map(({ name }) => name)),
  })
}

export function createScimRunner({ db, clock, log, placeWaiting, pace = PACE }: ScimRunnerDeps): ScimRunner {
  let timer: Timer | null = null
  let running: Promise<unknown> = Promise.resolve()
  let isRunning = false

  /** Changes wait meanwhile, so that the list is of one moment. */
  const snapshot = (key: ScimKey): Promise<{ list: SourceList; isNothing: boolean; changes: number }> =>
    db.transaction(async (sql) => {
      const counts = await lockScim(sql, key)
      const list = await listNow(sql, key)
      const isNothing = list.entries.length === 0 && !(await hasApplied(sql, key.organisationId, key.sourceId))
      return { list, isNothing, changes: counts?.changes ?? 0 }
    })

  async function bring({ name, ...key }: store.DueScim): Promise<void> {
    try {
      const { list, isNothing, changes } = await snapshot(key)
      if (!isNothing) {
        const source = { name, kind: PersonSource.scim }
        const wish = { organisationId: key.organisationId, source, isUnasked: true, isDryRun: false, isStream: true }
        const run = await importList({ db, clock, actor: ACTOR, placeWaiting }, wish, list)
        if (run.state === 'asks' || run.state === 'staged')
          log.warn(
            { organisation: key.organisationId, source: name, run: run.id, why: run.why },
            'a SCIM source waits for a yes',
          )
      }
      await store.endClaim(db, key, changes)
      await store.sweepDeleted(db, key, KEEP_DAYS)
    } catch (error) {
      if (error instanceof RunError && error.code === 'busy') return store.endClaim(db, key, null)
      // The claim runs out by itself: it is tried again then, and not at once.
      log.warn(
        { organisation: key.organisationId, source: name, err: String(error) },
        'a SCIM source could not be brought',
      )
    }
  }

  async function run(): Promise<number> {
    const due = await store.claimDue(db, pace)
    for (const one of due) await bring(one)
    return due.length
  }

  return {
    run,
    start() {
      timer = clock.every(EVERY_MS, () => {
        if (isRunning) return
        isRunning = true
        running = run()
          .catch((error: unknown) => log.warn({ err: String(error) }, 'SCIM sources could not be looked at'))
          .finally(() => (isRunning = false))
      })
    },
    async stop() {
      timer?.cancel()
      await running
    },
  }
}
