/** Mailbox/query (RFC 8621 section 2.3) and Mailbox/queryChanges (section 2.4). */
import { z } from 'zod'
import type { FolderRow } from '../../../core/mailbox/index.ts'
import { FolderRole, wordOf } from '../../../platform/codes.ts'
import { folderNoOf, isObject, mailboxId, MethodError, type Json } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, type Method } from '../call.ts'
import { queryArgs } from '../schemas.ts'
import { pageStart } from '../standard.ts'
import { sortOrderOf } from './mailbox-get.ts'

const schema = z.strictObject({
  ...queryArgs,
  sortAsTree: z.boolean().default(false),
  filterAsTree: z.boolean().default(false),
})
const roleOf = (folder: FolderRow): string | null => (folder.role === null ? null : wordOf(FolderRole, folder.role))

function matches(folder: FolderRow, filter: Json, depth = 0): boolean {
  if (!isObject(filter) || depth > 20) throw new MethodError('invalidArguments', 'filter: an object expected')
  if ('operator' in filter) {
    const { operator, conditions } = filter
    if (!Array.isArray(conditions)) throw new MethodError('invalidArguments', 'filter: conditions must be a list')
    const results = conditions.map((one) => matches(folder, one, depth + 1))
    if (operator === 'AND') return results.every(Boolean)
    if (operator === 'OR') return results.some(Boolean)
    if (operator === 'NOT') return !results.some(Boolean)
    throw new MethodError('invalidArguments', 'filter: the operator must be AND, OR or NOT')
  }
  return Object.entries(filter).every(([name, value]) => {
    switch (name) {
      case 'parentId':
        return value === null
          ? folder.parentNo === null
          : typeof value === 'string' && folder.parentNo === folderNoOf(value)
      case 'name':
        return typeof value === 'string' && folder.name.toLowerCase().includes(value.toLowerCase())
      case 'role':
        return roleOf(folder) === value
      case 'hasAnyRole':
        return (folder.role !== null) === value
      case 'isSubscribed':
        return value === true
      default:
        throw new MethodError('unsupportedFilter', `there is no condition ${name.slice(0, 100)}`)
    }
  })
}

type Compare = (a: FolderRow, b: FolderRow) => number

function comparator(sort: readonly { property: string; isAscending: boolean }[]): Compare {
  const one = (property: string): Compare => {
    if (property === 'name') return (a, b) => a.name.localeCompare(b.name, 'en')
    if (property === 'sortOrder') return (a, b) => sortOrderOf(a) - sortOrderOf(b)
    throw new MethodError('unsupportedSort', `cannot be sorted by ${property.slice(0, 100)}`)
  }
  const all = sort.map(({ property, isAscending }) => ({ compare: one(property), factor: isAscending ? 1 : -1 }))
  return (a, b) => {
    for (const { compare, factor } of all) {
      const order = compare(a, b)
      if (order !== 0) return order * factor
    }
    return a.folderNo - b.folderNo
  }
}

/** Parents before their children, siblings in order (RFC 8621 section 2.3). */
function asTree(folders: readonly FolderRow[]): FolderRow[] {
  const children = (parentNo: number | null): FolderRow[] =>
    folders.filter((folder) => folder.parentNo === parentNo).flatMap((folder) => [folder, ...children(folder.folderNo)])
  return children(null)
}

export const mailboxQuery: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const { folders, state } = await call.mailbox.folders(call.owner)
  const sorted = [...folders].sort(comparator(args.sort ?? [{ property: 'sortOrder', isAscending: true }]))
  const ordered = args.sortAsTree ? asTree(sorted) : sorted
  const filter = args.filter as Json | undefined
  const byNo = new Map(folders.map((folder) => [folder.folderNo, folder]))
  const passes = (folder: FolderRow): boolean => {
    if (filter === null || filter === undefined) return true
    if (!matches(folder, filter)) return false
    const parent = folder.parentNo === null ? undefined : byNo.get(folder.parentNo)
    return !args.filterAsTree || !parent || passes(parent)
  }
  const ids = ordered.filter(passes).map(({ folderNo }) => mailboxId(folderNo))
  const position = pageStart(ids, args)
  const page = ids.slice(position, args.limit === null || args.limit === undefined ? undefined : position + args.limit)
  return {
    accountId: args.accountId,
    queryState: await call.mailbox.formatState('b', state),
    canCalculateChanges: false,
    position,
    ids: page,
    ...(args.calculateTotal ? { total: ids.length } : {}),
  }
}

/** Queries are short: ask again. */
export const noQueryChanges: Method = async (raw, call) => {
  if (typeof raw.accountId !== 'string') throw new MethodError('invalidArguments', 'accountId is missing')
  checkAccount(raw.accountId, call)
  throw new MethodError('cannotCalculateChanges', 'changes of a query are not recorded: query again')
}
