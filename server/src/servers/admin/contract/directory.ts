/** Lists of people that were read: what each changed or would change, and the yes or no to it. */
import { z } from 'zod'
import { DirectoryRunState, PersonSource } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { count, id, name, page, pageQuery, text, time, wordsOf } from './words.ts'

const none = z.strictObject({})
const ofRun = z.strictObject({ org: id, run: id })

const brief = {
  id,
  source: z.string(),
  state: wordsOf(DirectoryRunState),
  startedBy: z.string(),
  startedAt: time,
  decidedBy: z.string().nullable(),
  decidedAt: time.nullable(),
  /** of the plan: what is confirmed is what was shown; '' where there is none */
  digest: z.string(),
  counts: z.strictObject({
    entries: count,
    creations: count,
    changes: count,
    removals: count,
    same: count,
    kept: count,
    problems: count,
    withheld: count,
  }),
  /** why it asks, was refused or failed */
  why: z.string(),
}
const run = name('DirectoryRun', z.strictObject(brief))
const report = name(
  'DirectoryRunReport',
  z.strictObject({
    ...brief,
    /** the first ones; the counts are of all */
    items: z.array(
      z.strictObject({
        act: z.enum(['create', 'change', 'disable', 'missing', 'unlink', 'remove', 'keep']),
        externalId: z.string(),
        name: z.string(),
        row: count.nullable(),
        words: z.array(z.string()),
      }),
    ),
    problems: z.array(
      z.strictObject({ row: count.nullable(), code: z.string(), text: z.string(), remedy: z.string() }),
    ),
  }),
)

const source = name(
  'DirectorySource',
  z.strictObject({
    id,
    name: z.string(),
    kind: wordsOf(PersonSource),
    /** null: nobody fetches it by the clock */
    everyMinutes: count.nullable(),
    dueAt: time.nullable(),
    /** the last whole list, whoever brought it */
    listedAt: time.nullable(),
    /** tries since then that brought none; the last of them, and why */
    failures: count,
    failedAt: time.nullable(),
    failedWhy: z.string(),
    /** a run that waits for a yes or no */
    waitingRunId: id.nullable(),
    /** the last list still comes to the plan that somebody has refused */
    isRefused: z.boolean(),
  }),
)

const base = { params: ofRun, query: none, body: null, answer: null }
export const directoryOperations = {
  listDirectoryRuns: operation({
    ...base,
    id: 'listDirectoryRuns',
    method: 'GET',
    path: '/organisations/:org/directory-runs',
    ability: 'people:see',
    summary: 'Lists of people that were read, the newest first',
    params: z.strictObject({ org: id }),
    query: z.strictObject(pageQuery),
    answer: page('DirectoryRunPage', run),
  }),
  listDirectorySources: operation({
    ...base,
    id: 'listDirectorySources',
    method: 'GET',
    path: '/organisations/:org/directory-sources',
    ability: 'people:see',
    summary: 'Where lists of people come from: when the last one came, and the next',
    params: z.strictObject({ org: id }),
    answer: name('DirectorySourceList', z.array(source)),
  }),
  getDirectoryRun: operation({
    ...base,
    id: 'getDirectoryRun',
    method: 'GET',
    path: '/organisations/:org/directory-runs/:run',
    ability: 'people:see',
    summary: 'What a list changed, or would change, and which of its rows are wrong',
    answer: report,
  }),
  confirmDirectoryRun: operation({
    ...base,
    id: 'confirmDirectoryRun',
    method: 'POST',
    path: '/organisations/:org/directory-runs/:run/confirm',
    ability: 'people:act',
    summary: 'Carry out the plan with this digest, if it still is what would happen',
    body: name('DirectoryRunConfirm', z.strictObject({ digest: text(64) })),
    answer: report,
  }),
  refuseDirectoryRun: operation({
    ...base,
    id: 'refuseDirectoryRun',
    method: 'POST',
    path: '/organisations/:org/directory-runs/:run/refuse',
    ability: 'people:act',
    summary: 'Change nothing by this list',
    answer: report,
  }),
}
