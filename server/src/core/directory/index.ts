/** The directory: which organisation, person and route an address means (promises 6 and 7). */
export { createDirectory } from './directory.ts'
export type { AcceptedRecipient, DirectoryDeps, LiveDirectory } from './directory.ts'
export { foldAddress, foldDomain } from './fold.ts'
export {
  bookPhoto,
  cardInBook,
  findInBook,
  placeOf,
  type BookCard,
  type BookEntry,
  type BookPage,
} from './book/book.ts'
export { refreshPeople } from './book/refresh.ts'
export { coverageOf, type Cover } from './coverage.ts'
export { sharedMembers, type SharedMember } from './shared.ts'
export { inTheWorld } from './expand.ts'
export { lookUp } from './lookup.ts'
export { RefusedThere, Unverified } from './recipient.ts'
export type { AnswerAges, Directory, MailingList, OwnDomain, Recipient, Redirected, Unlisted } from './recipient.ts'
export { routeSettingsSchema } from './route-settings.ts'
export type { RouteSettings } from './route-settings.ts'
export { reachPasswordsSchema } from './reach-settings.ts'
export type { ReachProbe, RoundTrip } from './reach-settings.ts'
export { automatic, leaves, type Leave, type Switching } from './switching.ts'
export { mailboxAccessSettingsSchema, type MailboxAccessSettings } from './mailbox-access-settings.ts'
export { noticeSettingsSchema, phonePlace, privatePlace, type NoticeSettings } from './notice-settings.ts'
export { ldapPlace } from './sign-in-settings.ts'
export { signInDirectory } from './sign-in-directory.ts'
export { entraTenant, providerPlace } from './provider-settings.ts'
export { signInProvider, type SignInProvider } from './sign-in-provider.ts'
export { bumpDirectory } from '../../store/directory.ts'
export type { PersonAddress } from '../../store/directory.ts'
export { isFrom, outboundSourceSchema, overlaps, parseNetwork } from './outbound-source.ts'
export {
  createSourceBook,
  type Proof,
  type Source,
  type SourceBook,
  type SourceClient,
  type SystemAccount,
} from './source-book.ts'
export { createRouteBook, exitsAmong, type Route, type RouteBook } from './route-book.ts'
export { ApplyError, applyDeclaration } from './model/apply.ts'
export type { Applied, ApplyDeps } from './model/apply.ts'
export { policyRecord } from './model/own-policy.ts'
export type { PlanItem } from './model/diff.ts'
export { checkDeclaration } from './model/problems.ts'
export type { Problem } from './model/problems.ts'
export type { Declaration } from './model/schema.ts'
export { createOffers, type Offers } from './offers.ts'
export { daneTrust, proved, type HostTlsa } from './dane.ts'
export { trustOf } from './route-trust.ts'
export type { OpenSecret } from './route-trust.ts'
export { confirmRun, importList, noteFailed, refuseRun, RunError, type RunDeps, type RunWish } from './sources/runs.ts'
export { listRuns, showRun, type RunBrief, type RunReport } from './sources/report.ts'
export type { SourceList } from './sources/entry.ts'
export { sourceSettingsSchema } from './sources/settings.ts'
export { fetchList } from './sources/ldap/fetch.ts'
export { fetchSource } from './sources/ldap/fetch-source.ts'
export { ListError } from './sources/csv/decode.ts'
export { readCsv, type CsvReading } from './sources/csv/read.ts'
export { findResources, oneResource, presented } from './sources/scim/find.ts'
export {
  createResource,
  deleteResource,
  patchResource,
  replaceResource,
  type ScimDeps,
} from './sources/scim/resources.ts'
export { createScimRunner, type ScimRunner } from './sources/scim/runner.ts'
export type { ScimKey } from '../../store/scim.ts'
export { makeScimToken, openScim, revokeScimToken, scimTokens, type ScimToken } from './sources/scim/tokens.ts'
