/** Which messages of a mailbox are meant, as far as the database can tell, as the condition of a WHERE. */
import type { SqlValue } from '../platform/db/database.ts'
import { firstIdAt } from '../platform/ids.ts'

/** Conditions the database can answer; `any` stands for those it cannot. */
export type MailFilter =
  | { kind: 'and' | 'or'; of: MailFilter[] }
  | { kind: 'not'; of: MailFilter }
  | { kind: 'any' }
  | { kind: 'folder'; folderNos: readonly number[] }
  /** milliseconds; before is exclusive */
  | { kind: 'before' | 'from'; at: number }
  | { kind: 'flag'; bit: number }
  | { kind: 'keyword'; keyword: string }
  | { kind: 'contains'; field: 'subject' | 'headerFrom'; text: string }
  /** size of the original with its trace headers */
  | { kind: 'minSize'; size: number }

const like = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`
const CONTAINS = { subject: 'm.subject', headerFrom: 'm.header_from' } as const

/** `p` is the placement's name in the statement; `contains` needs its message as m (needsMessage). */
export function conditionOf(filter: MailFilter, values: SqlValue[], p: 'p' | 'q' | 'f' = 'p'): string {
  const value = (v: SqlValue): string => `$${values.push(v)}`
  switch (filter.kind) {
    case 'and':
    case 'or': {
      if (filter.of.length === 0) return filter.kind === 'and' ? 'true' : 'false'
      return `(${filter.of.map((one) => conditionOf(one, values, p)).join(filter.kind === 'and' ? ' AND ' : ' OR ')})`
    }
    case 'not':
      return `NOT coalesce(${conditionOf(filter.of, values, p)}, false)`
    case 'any':
      return 'true'
    case 'folder':
      return `${p}.folder_no = ANY (${value([...filter.folderNos])}::int[])`
    case 'before':
      return `${p}.copy_id < ${value(firstIdAt(filter.at))}::uuid`
    case 'from':
      return `${p}.copy_id >= ${value(firstIdAt(filter.at))}::uuid`
    case 'flag':
      return `(${p}.flags & ${value(filter.bit)}::int) <> 0`
    case 'keyword':
      return `coalesce(${value(filter.keyword)}::text = ANY (${p}.keywords), false)`
    case 'contains':
      return `coalesce(${CONTAINS[filter.field]} ILIKE ${value(like(filter.text))}, false)`
    case 'minSize':
      return `${p}.size >= ${value(filter.size)}::bigint`
  }
}

/** Whether it is about the folder alone, so that it is the same for all that lies in one. */
const isOfFolders = (filter: MailFilter): boolean =>
  filter.kind === 'folder' ||
  filter.kind === 'any' ||
  (filter.kind === 'not' && isOfFolders(filter.of)) ||
  ((filter.kind === 'and' || filter.kind === 'or') && filter.of.every(isOfFolders))

/** What the filter demands of the folder alone (of the row f): folders that nothing can match in are not looked into. */
export function folderCondition(filter: MailFilter, values: SqlValue[]): string {
  if (isOfFolders(filter)) return conditionOf(filter, values, 'f')
  if (filter.kind !== 'and') return 'true'
  return ['true', ...filter.of.map((one) => folderCondition(one, values))].join(' AND ')
}

export const needsMessage = (filter: MailFilter): boolean =>
  filter.kind === 'and' || filter.kind === 'or'
    ? filter.of.some(needsMessage)
    : filter.kind === 'not'
      ? needsMessage(filter.of)
      : filter.kind === 'contains'
