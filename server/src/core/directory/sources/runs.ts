/**
 * A run: one full list of one source against the organisation as it stands. One at a time for each source, everything of
 * it in one transaction or nothing. The first list of a source always waits to be looked at; so does one that would change
 * more than the source's limits, and an empty one. What an admin confirms is the plan they saw: where things have moved
 * since, nothing is done. A run that fails has changed nothing, and its report says so.
 */
import { DirectoryRunState } from '../../../platform/codes.ts'
import { LONG_MS, type Database, type Sql } from '../../../platform/db/database.ts'
import { inOneOrder } from '../../../platform/db/repeat.ts'
import { newId, type Id } from '../../../platform/ids.ts'
import * as runsStore from '../../../store/directory-runs.ts'
import * as schedule from '../../../store/directory-schedule.ts'
import * as store from '../../../store/directory-sources.ts'
import { lockModel } from '../../../store/model.ts'
import { appendAudit, canonicalJson } from '../../audit/index.ts'
import { carryOut, changesSomething, type CarryOutDeps } from './carry-out.ts'
import type { SourceList } from './entry.ts'
import { loadPresent } from './load.ts'
import { packList, unpackList } from './packed-list.ts'
import { planList, type Plan } from './plan.ts'
import type { Present } from './present.ts'
import { asksBecause, noCounts, reportOf, wholeOf, type RunReport } from './report.ts'
import { sourceSettingsSchema } from './settings.ts'

export interface RunDeps extends CarryOutDeps {
  db: Database
  /** who acts, as in audit rows */
  actor: string
}

export interface RunWish {
  organisationId: Id
  source: { name: string; kind: number }
  /** true: it is carried out at once where nothing of it needs to be asked */
  isUnasked: boolean
  isDryRun: boolean
  /**
   * its lists are made of single changes, and many: what it did unasked within a day counts with them, and one that changes
   * nothing, or asks what is asked already, is no run of its own
   */
  isStream?: boolean
}

/** What an admin can be told and can act on; nothing was changed. */
export class RunError extends Error {
  readonly code: 'busy' | 'kind' | 'unknown' | 'decided' | 'changed'
  constructor(code: RunError['code'], text: string) {
    super(text)
    this.name = 'RunError'
    this.code = code
  }
}

class DryRun extends Error {}

const BUSY = 'Another run of this source is under way. Wait for its end.'

/** The source, made where it is new. */
async function sourceOf(sql: Sql, deps: RunDeps, { organisationId, source }: RunWish): Promise<store.SourceRow> {
  const found = (await store.readSources(sql, organisationId)).find(({ name }) => name === source.name)
  if (found === undefined) {
    const row = { ...source, id: newId(deps.clock.now()), settings: {}, secret: null }
    await store.writeSources(sql, organisationId, [row])
    return row
  }
  if (found.kind !== source.kind)
    throw new RunError('kind', `The source "${source.name}" is of another kind. Name another one.`)
  return found
}

async function planned(
  sql: Sql,
  organisationId: Id,
  source: store.SourceRow,
  list: SourceList,
  at: Pick<Present, 'now' | 'spent'>,
) {
  const settings = sourceSettingsSchema.parse(source.settings)
  return planList(await loadPresent(sql, { organisationId, sourceId: source.id, settings, ...at }, list), list)
}

const DAY_MS = 86_400_000

/** Confirmed runs do not count: somebody has looked at them. */
const spentBy = (sql: Sql, organisationId: Id, source: store.SourceRow, actor: string, now: number) =>
  runsStore.doneSince(sql, organisationId, source.id, { by: actor, since: new Date(now - DAY_MS) })

/** What becomes of a new plan. */
function verdict(plan: Plan, isFirst: boolean, isUnasked: boolean): { state: DirectoryRunState; why: string } {
  const asks = asksBecause(plan)
  if (isFirst)
    return { state: DirectoryRunState.staged, why: ['the first list of this source', asks ?? []].flat().join('; ') }
  if (asks !== null) return { state: DirectoryRunState.asks, why: asks }
  if (!changesSomething(plan)) return { state: DirectoryRunState.applied, why: 'nothing to change' }
  return isUnasked
    ? { state: DirectoryRunState.applied, why: '' }
    : { state: DirectoryRunState.staged, why: 'waits for a look' }
}

export async function importList(deps: RunDeps, wish: RunWish, list: SourceList): Promise<RunReport> {
  let report: RunReport | null = null
  try {
    const work = async (sql: Sql): Promise<void> => {
      report = await oneRun(sql, deps, wish, list)
      if (wish.isDryRun) throw new DryRun()
    }
    // In a server no statement may take long, but for this one: nobody waits for it.
    await inOneOrder(deps.db, work, wish.isStream ? { answerWithinMs: LONG_MS } : {})
  } catch (error) {
    if (error instanceof DryRun) return report!
    if (!(error instanceof RunError) && !wish.isDryRun) {
      const why = `an error of Holdfast: ${error instanceof Error ? error.message : String(error)}`
      // Where even that cannot be written, the first error is the one to hear of.
      await noteFailed(deps, wish, why).catch(() => null)
    }
    throw error
  }
  return report!
}

async function oneRun(sql: Sql, deps: RunDeps, wish: RunWish, list: SourceList): Promise<RunReport> {
  const { organisationId } = wish
  if (!(await store.lockSource(sql, organisationId, wish.source.name))) throw new RunError('busy', BUSY)
  await lockModel(sql)
  const now = deps.clock.now()
  const source = await sourceOf(sql, deps, wish)
  const spent = wish.isStream ? { spent: await spentBy(sql, organisationId, source, deps.actor, now) } : {}
  const plan = await planned(sql, organisationId, source, list, { now, ...spent })
  if (!wish.isDryRun) await schedule.noteListed(sql, { organisationId, sourceId: source.id }, plan.digest)
  const isFirst = !(await runsStore.hasApplied(sql, organisationId, source.id))
  const { state, why } = verdict(plan, isFirst, wish.isUnasked)
  const [runId, at] = [newId(now), new Date(now)]
  const isApplied = state === DirectoryRunState.applied
  const before = wish.isStream ? await sameAsBefore(sql, organisationId, source.id, plan, state) : null
  if (before !== null) {
    const of = { organisationId, sourceId: source.id, kind: source.kind, runId: before.id, at }
    if (isApplied) await carryOut(sql, deps, of, plan)
    else await runsStore.renewList(sql, organisationId, before.id, packList(list))
    return wholeOf(before)
  }
  const asked =
    state === DirectoryRunState.applied || !wish.isUnasked ? null : await asksAlready(sql, source, wish, plan)
  if (asked !== null) return asked
  if (isApplied) await carryOut(sql, deps, { organisationId, sourceId: source.id, kind: source.kind, runId, at }, plan)
  await runsStore.supersede(sql, organisationId, source.id, { at, why: 'a newer list came' })
  await runsStore.insertRun(sql, organisationId, {
    ...reportOf(plan),
    id: runId,
    sourceId: source.id,
    state,
    startedBy: deps.actor,
    startedAt: at,
    decidedBy: isApplied ? deps.actor : null,
    decidedAt: isApplied ? at : null,
    why,
    listPacked: isApplied ? null : packList(list),
  })
  if (isApplied && changesSomething(plan))
    await noteApplied(sql, deps, { organisationId, runId, source: source.name }, plan)
  return wholeOf((await runsStore.readRun(sql, organisationId, runId))!)
}

/** The newest run, where this one would only say it again. */
async function sameAsBefore(
  sql: Sql,
  organisationId: Id,
  sourceId: Id,
  plan: Plan,
  state: DirectoryRunState,
): Promise<runsStore.RunRow | null> {
  const before = await runsStore.newestRun(sql, organisationId, sourceId)
  if (before === null || before.state !== state) return null
  const { problems, digest } = reportOf(plan)
  if (canonicalJson(before.problems) !== canonicalJson(problems)) return null
  const isSame = state === DirectoryRunState.applied ? !changesSomething(plan) : before.digest === digest
  return isSame ? before : null
}

/** By the clock the same question comes again and again: whoever looks at it keeps the one they look at, and a no stays a no. */
async function asksAlready(
  sql: Sql,
  source: store.SourceRow,
  { organisationId }: RunWish,
  { digest }: Plan,
): Promise<RunReport | null> {
  const last = await runsStore.lastAsked(sql, organisationId, source.id)
  return last?.digest === digest ? wholeOf((await runsStore.readRun(sql, organisationId, last.id))!) : null
}

interface About {
  organisationId: Id
  runId: Id
  source: string
}

async function noteApplied(
  sql: Sql,
  deps: RunDeps,
  { organisationId, runId, source }: About,
  plan: Plan,
): Promise<void> {
  const { items, counts } = reportOf(plan)
  await appendAudit(sql, {
    organisationId,
    subject: `organisation:${organisationId}`,
    actor: deps.actor,
    action: 'directory-applied',
    detail: {
      source,
      run: runId,
      counts,
      // The first ones by name; the run has more of them.
      changes: items
        .slice(0, 100)
        .map(({ act, name, words }) => `${act} ${name}: ${words.join(', ')}`.slice(0, 300).toWellFormed()),
    },
  })
}

/** A list that could not be read, or a run that broke: nothing was changed, and that is kept. */
export async function noteFailed(deps: RunDeps, wish: RunWish, why: string): Promise<RunReport> {
  return inOneOrder(deps.db, async (sql) => {
    const { id: sourceId } = await sourceOf(sql, deps, wish)
    const now = deps.clock.now()
    const said = why.slice(0, 1000).toWellFormed().replaceAll('\0', '\ufffd')
    await schedule.noteNotListed(sql, { organisationId: wish.organisationId, sourceId }, said)
    const [id, at] = [newId(now), new Date(now)]
    const run = {
      id,
      sourceId,
      state: DirectoryRunState.failed,
      startedBy: deps.actor,
      startedAt: at,
      decidedBy: null,
      decidedAt: at,
    }
    await runsStore.insertRun(sql, wish.organisationId, {
      ...run,
      digest: '',
      counts: noCounts,
      items: [],
      problems: [],
      why: said,
      listPacked: null,
    })
    return wholeOf((await runsStore.readRun(sql, wish.organisationId, id))!)
  })
}

/** A waiting run, held. */
async function waiting(sql: Sql, organisationId: Id, runId: Id) {
  const run = await runsStore.readRun(sql, organisationId, runId)
  if (run === null) throw new RunError('unknown', 'There is no such run.')
  if (!(await store.lockSource(sql, organisationId, run.source))) throw new RunError('busy', BUSY)
  await lockModel(sql)
  const held = await runsStore.lockWaitingRun(sql, organisationId, runId)
  if (!held?.listPacked) throw new RunError('decided', 'This run waits for nobody any more.')
  return { run, list: unpackList(held.listPacked) }
}

/** `digest`: of the plan that was shown; left out, that of the report. */
export async function confirmRun(
  deps: RunDeps,
  { organisationId, runId, digest }: { organisationId: Id; runId: Id; digest?: string },
): Promise<RunReport> {
  return inOneOrder(deps.db, async (sql) => {
    const { run, list } = await waiting(sql, organisationId, runId)
    const source = (await store.readSources(sql, organisationId)).find(({ id }) => id === run.sourceId)!
    // By the time of the list: nobody's grace ends while somebody thinks about it.
    const plan = await planned(sql, organisationId, source, list, { now: run.startedAt.getTime() })
    if (plan.digest !== run.digest || (digest !== undefined && digest !== run.digest))
      throw new RunError(
        'changed',
        'People have changed since, and this plan is no longer what would happen. Import the list again.',
      )
    const at = new Date(deps.clock.now())
    await carryOut(sql, deps, { organisationId, sourceId: source.id, kind: source.kind, runId, at }, plan)
    await runsStore.decideRun(sql, organisationId, runId, {
      state: DirectoryRunState.applied,
      by: deps.actor,
      at,
      why: run.why,
    })
    await noteApplied(sql, deps, { organisationId, runId, source: source.name }, plan)
    return wholeOf((await runsStore.readRun(sql, organisationId, runId))!)
  })
}

export async function refuseRun(
  deps: RunDeps,
  { organisationId, runId }: { organisationId: Id; runId: Id },
): Promise<RunReport> {
  return inOneOrder(deps.db, async (sql) => {
    const { run } = await waiting(sql, organisationId, runId)
    const at = new Date(deps.clock.now())
    await runsStore.decideRun(sql, organisationId, runId, {
      state: DirectoryRunState.refused,
      by: deps.actor,
      at,
      why: run.why,
    })
    await appendAudit(sql, {
      organisationId,
      subject: `organisation:${organisationId}`,
      actor: deps.actor,
      action: 'directory-refused',
      detail: { source: run.source, run: runId, counts: run.counts },
    })
    return wholeOf((await runsStore.readRun(sql, organisationId, runId))!)
  })
}
