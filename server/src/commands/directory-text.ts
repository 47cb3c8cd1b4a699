/** A directory run as an admin reads it: what it comes to first, then who, then what is wrong with which row, then what to do. */
import type { SourceStands } from '../core/directory-schedule/index.ts'
import type { CsvReading, RunBrief, RunReport } from '../core/directory/index.ts'

type Act = RunReport['items'][number]['act']

/** What goes before what comes: the first lines are those somebody would be sorry about. */
const acts: Record<Act, { mark: string; title: string }> = {
  remove: { mark: '-', title: 'Removed' },
  missing: { mark: '?', title: 'Missing in the list; removed when the grace is over' },
  disable: { mark: 'x', title: 'May not sign in any more' },
  unlink: { mark: '/', title: 'Not of this source any more' },
  keep: { mark: '!', title: 'Would be removed, and is kept' },
  create: { mark: '+', title: 'New' },
  change: { mark: '~', title: 'Changed' },
}

const NAMES = { ',': 'comma', ';': 'semicolon', '\t': 'tab' } as Record<string, string>

export function readingText({ encoding, separator, columns, unused, hasIds }: CsvReading): string {
  return [
    `Read as ${encoding}, separated by ${NAMES[separator] ?? separator}: ${columns.map(({ heading, field }) => `${heading} = ${field}`).join(', ')}.`,
    ...(unused.length > 0 ? [`Columns that are not used: ${unused.slice(0, 30).join(', ')}.`] : []),
    ...(hasIds
      ? []
      : [
          'No column has stable ids, so people are told apart by their address: who gets a new first address is a new person.',
        ]),
  ].join('\n')
}

export function summary({ counts }: RunBrief): string {
  const parts = [
    `${counts.creations} new`,
    `${counts.changes} changed`,
    `${counts.removals} going`,
    `${counts.same} as they are`,
    ...(counts.kept > 0 ? [`${counts.kept} kept for mail that is owed`] : []),
    ...(counts.problems > 0 ? [`${counts.problems} problems`] : []),
  ]
  return `${counts.entries} rows: ${parts.join(', ')}.`
}

function itemsText({ items, counts }: RunReport): string[] {
  const lines: string[] = []
  for (const act of Object.keys(acts) as Act[]) {
    const some = items.filter((item) => item.act === act)
    if (some.length === 0) continue
    lines.push('', `${acts[act].title}:`)
    for (const { name, words } of some) lines.push(`  ${acts[act].mark} ${name}: ${words.join('; ')}`)
  }
  const all = counts.creations + counts.changes + counts.removals + counts.kept
  if (all > items.length) lines.push('', `and ${all - items.length} more that are not shown.`)
  return lines
}

function problemsText({ problems, counts }: RunReport): string[] {
  if (problems.length === 0) return []
  const lines = problems.map(
    ({ row, text, remedy }) =>
      `  ${row === null ? '' : `row ${row}: `}${text}${text.endsWith('?') ? '' : '.'} ${remedy}`,
  )
  const more = counts.problems - problems.length
  return [
    '',
    'Rows that cannot be used; nothing is done to the people they are about:',
    ...lines,
    ...(more > 0 ? [`  and ${more} more.`] : []),
  ]
}

const withheld = ({ counts }: RunReport): string[] =>
  counts.withheld === 0
    ? []
    : [
        '',
        `${counts.withheld} people are not in the list, but a row that cannot be read may be theirs: nobody is called missing.`,
      ]

function stateText(run: RunReport, isDryRun: boolean): string[] {
  const why = run.why === '' ? '' : `: ${run.why}`
  if (isDryRun) return ['', `Nothing was changed or kept. For real it would be ${run.state}${why}.`]
  if (run.state === 'applied') return ['', `Applied${why}.`]
  if (run.state === 'staged' || run.state === 'asks')
    return [
      '',
      `Nothing is changed yet. It ${run.state === 'asks' ? 'asks' : 'waits'}${why}.`,
      `  Yes: holdfast directory confirm ${run.id}`,
      `  No:  holdfast directory refuse ${run.id}`,
    ]
  return ['', `${run.state === 'failed' ? 'Failed' : 'Refused'}; nothing was changed${why}.`]
}

export const runText = (run: RunReport, isDryRun = false): string =>
  [summary(run), ...itemsText(run), ...problemsText(run), ...withheld(run), ...stateText(run, isDryRun)].join('\n')

export const briefText = (run: RunBrief): string =>
  `${run.id}  ${run.state.padEnd(7)}  ${run.startedAt}  ${run.source}  by ${run.startedBy}\n      ${run.state === 'failed' ? run.why : summary(run)}`

export function sourceText(one: SourceStands): string {
  const next =
    one.dueAt === null ? 'not fetched by the clock' : `next one ${one.dueAt} (every ${one.everyMinutes} minutes)`
  const lines = [`${one.name}  ${one.kind}  last list ${one.listedAt ?? 'never'}, ${next}`]
  if (one.failures > 0)
    lines.push(`      ${one.failures} tries since then brought none, the last one ${one.failedAt}: ${one.failedWhy}`)
  if (one.waitingRunId !== null) lines.push(`      waits for a yes or no: holdfast directory show ${one.waitingRunId}`)
  else if (one.isRefused) lines.push('      still says what was refused; nothing of it is done')
  return lines.join('\n')
}
