/** Everything that is asked of the server more than once, with its key and how often it is renewed. */
import { keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query'
import { api, ApiError, keepCsrf, query } from './api.ts'
import type {
  Account,
  Alarm,
  AppPasswords,
  AuditRow,
  Disk,
  HeldItem,
  DirectoryRun,
  DirectoryRunReport,
  DirectorySource,
  KnownDomain,
  KnownRecipient,
  LedgerItem,
  MailboxAccess,
  ModePins,
  OwnMailboxAccess,
  OwnSession,
  SecondFactor,
  PrivateContact,
  Organisation,
  PasskeyPlace,
  Passkeys,
  Page,
  ParkedItem,
  Person,
  QueueItem,
  QuietWindow,
  ReturnEvent,
  RouteBoard,
  RouteNotices,
  StandIn,
  Standing,
  Trace,
  Refusal,
  TraceMessage,
  WaysBack,
} from './contract.ts'
import { accounts } from './jmap/accounts.ts'
import { laterMail, mostHold } from './jmap/later.ts'
import { email, identities, mailboxes } from './jmap/mail.ts'

/** Worth asking again: no answer, or the server said that it is its own, passing fault. */
const passing = (error: unknown) => error instanceof ApiError && (error.code === 'offline' || error.status >= 500)

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 10 * 60_000,
      // The browser's own idea of "online" is wrong on loopback and in many offices: we ask, and see.
      networkMode: 'always',
      retry: (count, error) => passing(error) && count < 2,
      retryDelay: (count) => Math.min(8_000, 700 * 2 ** count),
      // A scene that failed for want of an answer comes back by itself.
      refetchInterval: ({ state }) => (state.status === 'error' && passing(state.error) ? 5_000 : false),
    },
    mutations: { networkMode: 'always' },
  },
})

/** null: signed out. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Account | null> => {
    try {
      return keepCsrf(await api<Account>('GET', '/session', undefined, signal))
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.status === 401) return null
      throw thrown
    }
  },
  staleTime: 60_000,
  refetchOnWindowFocus: true,
})

export const standingQuery = queryOptions({
  queryKey: ['standing'],
  queryFn: ({ signal }) => api<Standing>('GET', '/me/standing', undefined, signal),
  refetchInterval: 4_000,
  placeholderData: keepPreviousData,
})
/** What is on a device signs in without us: when it was used last changes by itself. */
export const appPasswordsQuery = queryOptions({
  queryKey: ['appPasswords'],
  queryFn: ({ signal }) => api<AppPasswords>('GET', '/me/app-passwords', undefined, signal),
  refetchInterval: 60_000,
})
export const secondFactorQuery = queryOptions({
  queryKey: ['secondFactor'],
  queryFn: ({ signal }) => api<SecondFactor>('GET', '/me/second-factor', undefined, signal),
})
export const passkeysQuery = queryOptions({
  queryKey: ['passkeys'],
  queryFn: ({ signal }) => api<Passkeys>('GET', '/me/passkeys', undefined, signal),
})
/** Of the server, not of a person: it stays when somebody signs in or out. */
export const passkeyPlaceQuery = queryOptions({
  queryKey: ['passkeyPlace'],
  queryFn: ({ signal }) => api<PasskeyPlace>('GET', '/session/passkey', undefined, signal),
  staleTime: Infinity,
  retry: false,
})
export const privateContactQuery = queryOptions({
  queryKey: ['privateContact'],
  queryFn: ({ signal }) => api<PrivateContact>('GET', '/me/private-contact', undefined, signal),
})
export const ownSessionsQuery = queryOptions({
  queryKey: ['ownSessions'],
  queryFn: ({ signal }) => api<OwnSession[]>('GET', '/me/sessions', undefined, signal),
})
/** It may be opened, or end, at any time. */
export const ownMailboxAccessQuery = queryOptions({
  queryKey: ['ownMailboxAccess'],
  queryFn: ({ signal }) => api<OwnMailboxAccess>('GET', '/me/mailbox-access', undefined, signal),
  refetchInterval: 30_000,
})
/** Mailboxes may be shared at any time. */
export const accountsQuery = queryOptions({ queryKey: ['accounts'], queryFn: accounts, refetchInterval: 60_000 })
export const mailboxesQuery = queryOptions({ queryKey: ['mail', 'folders'], queryFn: mailboxes })
/** What waits for its time. It changes by itself when a time has come. */
export const laterQuery = queryOptions({ queryKey: ['mail', 'later'], queryFn: laterMail, refetchInterval: 15_000 })
export const mostHoldQuery = queryOptions({ queryKey: ['mostHold'], queryFn: mostHold, staleTime: Infinity })
export const emailQuery = (id: string) =>
  queryOptions({ queryKey: ['email', id], queryFn: ({ signal }) => email(id, signal), staleTime: Infinity })
export const identitiesQuery = queryOptions({ queryKey: ['identities'], queryFn: identities, staleTime: Infinity })

// The control panel
const of = (org: string, rest: string) => `/organisations/${encodeURIComponent(org)}/${rest}`
const list =
  <T>(path: string) =>
  async ({ signal }: { signal: AbortSignal }) => {
    const answer = await api<T[] | { items: T[] }>('GET', path, undefined, signal)
    return Array.isArray(answer) ? answer : answer.items
  }
const page =
  <T>(path: (after: string | null) => string) =>
  async ({ signal, pageParam }: { signal: AbortSignal; pageParam: string | null }): Promise<Page<T>> => {
    const answer = await api<T[] | Page<T>>('GET', path(pageParam), undefined, signal)
    return Array.isArray(answer) ? { items: answer, next: null } : answer
  }
const paged = { initialPageParam: null as string | null, getNextPageParam: (last: Page<unknown>) => last.next }

export const organisationsQuery = queryOptions({
  queryKey: ['organisations'],
  queryFn: list<Organisation>('/organisations'),
})
export const routesQuery = (org: string) =>
  queryOptions({
    queryKey: ['org', org, 'routes'],
    queryFn: list<RouteBoard>(of(org, 'routes')),
    refetchInterval: 2_500,
  })

export const noticesQuery = (org: string) =>
  queryOptions({
    queryKey: ['org', org, 'notices'],
    queryFn: list<RouteNotices>(of(org, 'notices')),
    refetchInterval: 5_000,
  })

export const pinsQuery = (org: string) =>
  queryOptions({
    queryKey: ['org', org, 'pins'],
    queryFn: ({ signal }) => api<ModePins>('GET', of(org, 'pins'), undefined, signal),
    refetchInterval: 5_000,
  })

export interface QueueFilter {
  state: string
  route: string
  q: string
}
export const queueQuery = (org: string, filter: QueueFilter) => ({
  queryKey: ['org', org, 'queue', filter],
  queryFn: page<QueueItem>((after) => of(org, `queue${query({ ...filter, after, limit: 50 })}`)),
  refetchInterval: 5_000,
  ...paged,
})
export const alarmsQuery = (org: string) => ({
  queryKey: ['org', org, 'alarms'],
  queryFn: page<Alarm>((after) => of(org, `alarms${query({ after })}`)),
  refetchInterval: 5_000,
  ...paged,
})
export const parkingQuery = (org: string) => ({
  queryKey: ['org', org, 'parking'],
  queryFn: page<ParkedItem>((after) => of(org, `parking${query({ after })}`)),
  ...paged,
})
export const quietQuery = (org: string) =>
  queryOptions({
    queryKey: ['org', org, 'quiet'],
    queryFn: list<QuietWindow>(of(org, 'quiet')),
    refetchInterval: 5_000,
  })
export const heldQuery = (org: string) => ({
  queryKey: ['org', org, 'quiet-held'],
  queryFn: page<HeldItem>((after) => of(org, `quiet-held${query({ after })}`)),
  refetchInterval: 5_000,
  ...paged,
})
export const returnsQuery = (org: string) => ({
  queryKey: ['org', org, 'returns'],
  queryFn: page<ReturnEvent>((after) => of(org, `returns${query({ after })}`)),
  refetchInterval: 3_000,
  ...paged,
})
export const ledgerQuery = (org: string, event: string) => ({
  queryKey: ['org', org, 'ledger', event],
  queryFn: page<LedgerItem>((after) => of(org, `returns/${encodeURIComponent(event)}/ledger${query({ after })}`)),
  refetchInterval: 4_000,
  ...paged,
})
export const traceSearchQuery = (org: string, q: string) => ({
  queryKey: ['org', org, 'traces', q],
  queryFn: page<TraceMessage>((after) => of(org, `trace${query({ q, after })}`)),
  ...paged,
})
export const refusalsQuery = (org: string, q: string) => ({
  queryKey: ['org', org, 'refusals', q],
  queryFn: page<Refusal>((after) => of(org, `refusals${query({ q, after })}`)),
  ...paged,
})
export const strayRefusalsQuery = (q: string) => ({
  queryKey: ['refusals', q],
  queryFn: page<Refusal>((after) => `/refusals${query({ q, after })}`),
  ...paged,
})
export const traceQuery = (org: string, message: string) =>
  queryOptions({
    queryKey: ['org', org, 'trace', message],
    queryFn: ({ signal }) => api<Trace>('GET', of(org, `trace/${encodeURIComponent(message)}`), undefined, signal),
    refetchInterval: 5_000,
  })
export const peopleQuery = (org: string, q: string, ways: string) => ({
  queryKey: ['org', org, 'people', q, ways],
  queryFn: page<Person>((after) => of(org, `people${query({ q, ways, after })}`)),
  ...paged,
})
export const mailboxAccessQuery = (org: string) => ({
  queryKey: ['org', org, 'mailbox-access'],
  queryFn: page<MailboxAccess>((after) => of(org, `mailbox-access${query({ after })}`)),
  refetchInterval: 10_000,
  ...paged,
})
export const waysBackQuery = (org: string) => ({
  queryKey: ['org', org, 'ways-back'],
  queryFn: () => api<WaysBack>('GET', of(org, 'ways-back')),
})
export const standInsQuery = (org: string) => ({
  queryKey: ['org', org, 'stand-ins'],
  queryFn: page<StandIn>((after) => of(org, `stand-ins${query({ after })}`)),
  ...paged,
})
export const knownQuery = (org: string, filter: { q: string; domain: string }) => ({
  queryKey: ['org', org, 'known', filter],
  queryFn: page<KnownRecipient>((after) => of(org, `known-recipients${query({ ...filter, after })}`)),
  ...paged,
})
export const knownDomainsQuery = (org: string) =>
  queryOptions({
    queryKey: ['org', org, 'known-domains'],
    queryFn: list<KnownDomain>(of(org, 'known-recipients/domains')),
    placeholderData: keepPreviousData,
  })
export const directorySourcesQuery = (org: string) =>
  queryOptions({
    queryKey: ['org', org, 'directory-sources'],
    queryFn: list<DirectorySource>(of(org, 'directory-sources')),
    refetchInterval: 15_000,
  })
export const directoryRunsQuery = (org: string) => ({
  queryKey: ['org', org, 'directory-runs'],
  queryFn: page<DirectoryRun>((after) => of(org, `directory-runs${query({ after })}`)),
  ...paged,
})
export const directoryRunQuery = (org: string, run: string) =>
  queryOptions({
    queryKey: ['org', org, 'directory-run', run],
    queryFn: ({ signal }) =>
      api<DirectoryRunReport>('GET', of(org, `directory-runs/${encodeURIComponent(run)}`), undefined, signal),
  })
/** Of the server, whatever the organisation. */
export const diskQuery = queryOptions({
  queryKey: ['disk'],
  queryFn: ({ signal }) => api<Disk>('GET', '/disk', undefined, signal),
  refetchInterval: 30_000,
})
export const auditQuery = (org: string) => ({
  queryKey: ['org', org, 'audit'],
  queryFn: page<AuditRow>((after) => of(org, `audit${query({ after })}`)),
  ...paged,
})
