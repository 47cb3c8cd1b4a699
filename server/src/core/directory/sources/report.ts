/** What is kept of a run, and how it is said: bounded, whatever the list held. */
import { DirectoryRunState, wordOf } from '../../../platform/codes.ts'
import type { Sql } from '../../../platform/db/database.ts'
import { LAST_ID, type Id } from '../../../platform/ids.ts'
import { readRun, runsPage, type NewRun, type RunRow } from '../../../store/directory-runs.ts'
import type { ListProblem } from './entry.ts'
import type { Counts, Item, Plan } from './plan.ts'

export type RunState = keyof typeof DirectoryRunState

export interface RunBrief {
  id: Id
  source: string
  state: RunState
  startedBy: string
  startedAt: string
  decidedBy: string | null
  decidedAt: string | null
  digest: string
  counts: Counts
  /** why it asks, was refused or failed */
  why: string
}
export interface RunReport extends RunBrief {
  /** the first ones; `counts` are of all */
  items: Item[]
  problems: ListProblem[]
}

const MOST_ITEMS = 2000
const MOST_PROBLEMS = 500
const MOST_WORDS = 12
const MOST_LETTERS = 300

export const noCounts: Counts = {
  entries: 0,
  creations: 0,
  changes: 0,
  removals: 0,
  same: 0,
  kept: 0,
  problems: 0,
  withheld: 0,
}

const short = (text: string): string =>
  text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS).toWellFormed()}…` : text

function shortItem(item: Item): Item {
  const words = item.words.slice(0, MOST_WORDS).map(short)
  if (item.words.length > MOST_WORDS) words.push(`and ${item.words.length - MOST_WORDS} more`)
  return { ...item, words }
}

export function reportOf(
  plan: Plan,
): Pick<NewRun, 'digest' | 'counts' | 'items' | 'problems'> & Pick<RunReport, 'counts' | 'items' | 'problems'> {
  return {
    digest: plan.digest,
    counts: plan.counts,
    items: plan.items.slice(0, MOST_ITEMS).map(shortItem),
    problems: plan.problems.slice(0, MOST_PROBLEMS),
  }
}

/** Why a plan is not carried out unasked; null: it may be. */
export function asksBecause(plan: Plan): string | null {
  if (plan.isEmpty) return 'nothing in the list can be used: nobody is changed by an empty list'
  const names = {
    creations: 'people would be new',
    changes: 'people would change',
    removals: 'people would go within a day',
  }
  const parts = plan.over.map(
    ({ what, count, allowed }) => `${count} ${names[what]}, and ${allowed} may without a question`,
  )
  if (plan.delicate.length > 0) {
    const [first, second, third, ...more] = plan.delicate
    const named = [first, second, third].filter((name) => name !== undefined).join(', ')
    parts.push(
      `how ${named}${more.length > 0 ? ` and ${more.length} others` : ''} can sign in, or whose mail goes where, would change`,
    )
  }
  return parts.length === 0 ? null : parts.join('; ')
}

const briefOf = (row: Omit<RunRow, 'items' | 'problems'>): RunBrief => ({
  id: row.id,
  source: row.source,
  state: wordOf(DirectoryRunState, row.state),
  startedBy: row.startedBy,
  startedAt: row.startedAt.toISOString(),
  decidedBy: row.decidedBy,
  decidedAt: row.decidedAt?.toISOString() ?? null,
  digest: row.digest,
  counts: row.counts as Counts,
  why: row.why,
})

export const wholeOf = (row: RunRow): RunReport => ({
  ...briefOf(row),
  items: row.items as Item[],
  problems: row.problems as ListProblem[],
})

/** The newest first. */
export async function listRuns(
  sql: Sql,
  organisationId: Id,
  { before = LAST_ID, limit }: { before?: Id | undefined; limit: number },
): Promise<RunBrief[]> {
  return (await runsPage(sql, organisationId, { before, limit })).map(briefOf)
}

export async function showRun(sql: Sql, organisationId: Id, runId: Id): Promise<RunReport | null> {
  const row = await readRun(sql, organisationId, runId)
  return row && wholeOf(row)
}
