/** Email/query (RFC 8621 section 4.4). */
import { z } from 'zod'
import type { EmailFilter, ListedEmail, MailSort } from '../../../core/mailbox/index.ts'
import { MethodError } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, type Call, type Method } from '../call.ts'
import { readFilter } from '../email-filter.ts'
import { MOST_QUERY_IDS, mailLimits } from '../limits.ts'
import { queryArgs } from '../schemas.ts'
import { pageStart } from '../standard.ts'

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

/** The first message of each thread in the list's order (RFC 8621 section 4.4.3). */
function collapse(emails: readonly ListedEmail[]): string[] {
  const seen = new Set<string>()
  return emails.filter(({ threadId }) => !seen.has(threadId) && seen.add(threadId)).map(({ copyId }) => copyId)
}

type Args = z.infer<typeof schema>

async function run(
  args: Args,
  filter: EmailFilter,
  sort: ReturnType<typeof readSort>,
  call: Call,
): Promise<{ ids: string[]; position: number; total: number | null }> {
  const limit = Math.min(args.limit ?? MOST_QUERY_IDS, MOST_QUERY_IDS)
  const isSimple = !args.collapseThreads && (args.anchor === null || args.anchor === undefined) && args.position >= 0
  if (isSimple) {
    const found = await call.mailbox.search(
      call.owner,
      { filter, sort, limit, offset: args.position },
      { total: args.calculateTotal, signal: call.signal },
    )
    if (!found) throw tooMany()
    return { ids: found.emails.map(({ copyId }) => copyId), position: args.position, total: found.total }
  }
  const found = await call.mailbox.search(
    call.owner,
    { filter, sort, limit: null, offset: 0 },
    { total: false, signal: call.signal },
  )
  if (!found) throw tooMany()
  const all = args.collapseThreads ? collapse(found.emails) : found.emails.map(({ copyId }) => copyId)
  const position = pageStart(all, args)
  return { ids: all.slice(position, position + limit), position, total: args.calculateTotal ? all.length : null }
}

export const emailQuery: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const filter = readFilter(args.filter)
  const sort = readSort(args.sort)
  // The state first: what changes while we read makes the client ask again, not miss it.
  const queryState = await call.mailbox.formatState('e', await call.mailbox.state(call.owner))
  const { ids, position, total } = await run(args, filter, sort, call)
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
