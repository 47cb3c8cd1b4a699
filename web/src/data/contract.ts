/** The contract of /api/v1 (generated from the server's), and the words and forms that the pages name themselves. */
import type { Account as Signed, RouteBoard, Standing } from './contract.gen.ts'

export type {
  Alarm,
  AppPassword,
  AppPasswordMade,
  AppPasswords,
  AuditRow,
  BookCard,
  BookEntry,
  BookPage,
  Disk,
  HeldItem,
  DirectoryRun,
  DirectoryRunReport,
  DirectorySource,
  KnownDomain,
  KnownForgotten,
  KnownRecipient,
  LedgerItem,
  Letters,
  LetterStanding,
  MailboxAccess,
  ModePin,
  ModePins,
  OneTimePassword,
  OwnMailboxAccess,
  OwnSession,
  SecondFactor,
  SecondFactorOffer,
  PrivateContact,
  SessionsEnded,
  OfferedProvider,
  Organisation,
  Passkey,
  PasskeyCreation,
  PasskeyPlace,
  PasskeyRequest,
  Passkeys,
  PasskeyUsed,
  ParkedAssigned,
  ParkedItem,
  Person,
  QueueItem,
  QuietPlan,
  QuietWindow,
  ReturnEvent,
  RouteBoard,
  RouteNotices,
  StandIn,
  Standing,
  Refusal,
  Trace,
  TraceDelivery,
  TraceMessage,
  WaysBack,
} from './contract.gen.ts'

/** Abilities are only looked up by name here; a server may know more of them than these pages. */
export type Account = Omit<Signed, 'abilities'> & { abilities: string[] }
export type ModeWord = Standing['mode']
export type PinWord = NonNullable<RouteBoard['pin']>['kind']
export interface Page<T> {
  /** where a search stopped before it was through; its `next` goes on */
  searchedTo?: string | null
  items: T[]
  next: string | null
}
