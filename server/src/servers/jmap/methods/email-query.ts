/** Email/query (RFC 8621 section 4.4). */
import { z } from 'zod'
import type { MailSort } from '../../../core/mailbox/index.ts'
import { MethodError } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, type Method } from '../call.ts'
import { readFilter } from '../email-filter.ts'
import { MOST_QUERY_IDS, mailLimits } from '../limits.ts'
import { queryArgs } from '../schemas.ts'

const schema = z.strictObject({ ...queryArgs, collapseThreads: z.boolean().default(false) })

function readSort(sort: z.infer<typeof schema>['sort']): { by: MailSort; ascending: boolean }[] {
  if (!sort || sort.length === 0) return [{ by: 'receivedAt', ascending: false }]
  return sort.map(({ property, isAscending }) => {
    if (!(mailLimits.emailQuerySortOptions as readonly string[]).includes(property))
      throw new MethodError('unsupportedSort', `cannot be sorted by ${property.slice(0, 100)}`)
    return { by: property as MailSort, ascending: isAscending }
  })
}

const tooMany = (): MethodError =>
  new MethodError(
    'unsupportedFilter',
    'this search would have to look into too many messages; narrow it by mailbox or date',
  )

export const emailQuery: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const filter = readFilter(args.filter)
  const sort = readSort(args.sort)
  // The state first: what changes while we read makes the client ask again, not miss it.
  const queryState = await call.mailbox.formatState('e', await call.mailbox.state(call.owner))
  const found = await call.mailbox.search(
    call.owner,
    { filter, sort, collapse: args.collapseThreads },
    {
      position: args.position,
      anchor: args.anchor ?? null,
      anchorOffset: args.anchorOffset,
      limit: Math.min(args.limit ?? MOST_QUERY_IDS, MOST_QUERY_IDS),
      total: args.calculateTotal,
    },
    call.signal,
  )
  if (found === 'too-many') throw tooMany()
  if (found === 'anchor-not-found') throw new MethodError('anchorNotFound', 'the anchor is not in the list')
  const { ids, position, total } = found
  return {
    accountId: args.accountId,
    queryState,
    canCalculateChanges: false,
    position,
    ids,
    ...(total === null ? {} : { total }),
    ...(args.limit === null || args.limit === undefined || args.limit > MOST_QUERY_IDS
      ? { limit: MOST_QUERY_IDS }
      : {}),
  }
}
