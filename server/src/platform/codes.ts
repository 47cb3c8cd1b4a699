/**
 * The closed sets of Holdfast: every word that is stored as a number or answers "why", once, for code, tables, API and
 * pages. Numbers are stored: never change or reuse one; add at the end. A new reason needs its sentence in
 * web/src/lib/locales (the parity test names what is missing).
 */
type Values<T> = T[keyof T]

export const RouteKind = { primary: 1, smarthost: 2, mx: 3 } as const
export const WayBack = { smtp: 1, imap: 2 } as const
export const DomainKind = { authoritative: 1, shared: 2, aliasOf: 3 } as const
export const UnknownPolicy = { later: 1, park: 2 } as const
/** Who may post to a list. */
export const ListPosting = { anyone: 1, members: 2, organisation: 3, named: 4 } as const
export type ListPosting = Values<typeof ListPosting>
export const PersonSource = { manual: 1, csv: 2, ldap: 3, scim: 4, learned: 5 } as const
/** shared, room: a mailbox that several people read, each signed in as themselves */
export const PersonKind = { person: 1, shared: 2, room: 3 } as const
export type PersonKind = Values<typeof PersonKind>
/** What a client of SCIM writes. */
export const ScimKind = { user: 1, group: 2 } as const
export type ScimKind = Values<typeof ScimKind>
/** What is in the address book. */
export const BookKind = { person: 1, list: 2, group: 3 } as const
export type BookKind = Values<typeof BookKind>
/** staged: the first list of a source waits for a look; asks: more would change than its limits allow */
export const DirectoryRunState = { staged: 1, asks: 2, applied: 3, refused: 4, failed: 5 } as const
export type DirectoryRunState = Values<typeof DirectoryRunState>
export const KnownSource = { delivered: 1, callout: 2 } as const
/** onBehalf: the header says who has sent it (Sender) */
export const DelegationKind = { sendAs: 1, onBehalf: 2 } as const
export const Role = { person: 1, helpdesk: 2, auditor: 3, admin: 4 } as const
/** core/four-eyes: asked and open go on, the others are ends. */
export const MailboxAccessState = {
  asked: 1,
  open: 2,
  declined: 3,
  withdrawn: 4,
  /** nobody decided in time */
  lapsed: 5,
  /** its time was over */
  expired: 6,
  ended: 7,
} as const
export type MailboxAccessState = Values<typeof MailboxAccessState>
/** read: the mail, as one more account that changes nothing; handOver: make a shared mailbox of it */
export const MailboxAccessPurpose = { read: 1, handOver: 2 } as const
/** What somebody is told about their own account and mailbox; the first is for who may decide. */
export const accountNoticeKinds = [
  'access-asked',
  'access-approved',
  'access-opened',
  'access-over',
  'handed-over',
  'password-reset',
  'codes-made',
  'second-factor-removed',
] as const
export type AccountNoticeKind = (typeof accountNoticeKinds)[number]

/** How the help desk made sure who asks for a new password. */
export const IdentityCheck = { inPerson: 1, calledBack: 2, vouched: 3, other: 4 } as const
export type IdentityCheck = Values<typeof IdentityCheck>
/** cached: a password that the organisation's own directory took for right, for when it cannot be asked */
export const CredentialKind = { password: 1, cached: 2 } as const
/** What a mail client may do with an app password. Only submission is served so far; people choose for what is to come too. */
export const AppProtocol = { submission: 1, imap: 2, pop3: 3 } as const
export type AppProtocol = Values<typeof AppProtocol>
/** What a person gave to be reached at when mail is down. */
export const ContactKind = { address: 1, phone: 2 } as const
export type ContactKind = Values<typeof ContactKind>
export const LinkPurpose = { setup: 1, signIn: 2 } as const
/** What a browser is asked to prove with a passkey: who it is, the second step, that there is a new one. */
export const PasskeyPurpose = { signIn: 1, second: 2, add: 3 } as const
export type PasskeyPurpose = Values<typeof PasskeyPurpose>
/** notice: from us to a person's private address, which nobody else is shown in full */
export const Direction = { inbound: 1, outbound: 2, dsn: 3, draft: 4, notice: 5 } as const
export type Direction = Values<typeof Direction>
/** gone: nobody has a copy and nothing is owed; the bytes were let go, the facts stay. packed: in a blob with others' */
export const BodyStore = { row: 1, chunks: 2, blob: 3, gone: 4, packed: 5 } as const
export type BodyStore = Values<typeof BodyStore>

/** Below 10 a delivery is open (owed to its next hop), from 10 on it is finished. Only `unsure` may become a duplicate. */
export const DeliveryState = {
  ready: 0,
  leased: 1,
  deferred: 2,
  unsure: 3,
  delivered: 10,
  refused: 11,
  bounced: 12,
  parked: 13,
  cancelled: 14,
  expired: 15,
} as const
export type DeliveryState = Values<typeof DeliveryState>

/** RFC 3461 section 4.1: NOTIFY as a bit set; 0 = the sender said nothing. */
export const Notify = { never: 1, success: 2, failure: 4, delay: 8 } as const
export const DsnSent = { delayed: 1, final: 2 } as const

export const AttemptOutcome = { delivered: 1, deferred: 2, refused: 3, unsure: 4, cancelled: 5 } as const
export type AttemptOutcome = Values<typeof AttemptOutcome>

export const CopySource = { received: 1, sent: 2, draft: 3, imported: 4 } as const
export const FolderRole = { inbox: 1, drafts: 2, sent: 3, trash: 4, junk: 5, archive: 6 } as const
/** The folders every protected person has from the start, by number. 1 is fixed: accept places mail there. */
export const StandardFolder = { inbox: 1, drafts: 2, sent: 3, trash: 4, junk: 5, archive: 6 } as const
export const Flag = { seen: 1, answered: 2, flagged: 4, draft: 8, forwarded: 16 } as const
/** waiting: for its time; pending: just leaving */
export const UndoStatus = { final: 1, pending: 2, canceled: 3, waiting: 4 } as const

export const Mode = {
  normal: 1,
  suspect: 2,
  /** can't take mail */
  emergency: 3,
  /** can't be reached by its people, takes mail */
  emergencyReach: 4,
  recovering: 5,
  quiet: 6,
  /** pinned hold: compromised */
  hold: 7,
} as const
export type Mode = Values<typeof Mode>
export const Pin = { emergency: 1, normal: 2, hold: 3 } as const
export type Pin = Values<typeof Pin>

/** What can be pinned besides a route, the widest first. */
export const PinTarget = { organisation: 1, domain: 2, group: 3, person: 4 } as const
export type PinTarget = Values<typeof PinTarget>

export const EvidenceKind = {
  /** a delivery ended well, or a probe was answered well */
  good: 1,
  /** the message's own fault (full mailbox, greylisting, refused content): says nothing about the route */
  neutral: 2,
  connectRefused: 3,
  timeout: 4,
  tempfail: 5,
  tls: 6,
  dns: 7,
  dropped: 8,
  /** 5xx to everything */
  policy: 9,
  probeGood: 10,
  probeBad: 11,
  /** our own trouble (no uplink, no resolver, no file handles): nobody's health; much of it means that we cannot see */
  ours: 12,
  /** people can reach their mail there, as far as this probe can tell */
  reachGood: 13,
  reachBad: 14,
  /** a probe's own name or password was refused: to be put right, and nobody's health */
  probeRefused: 15,
  /** a message of our own was taken (no probe named), or seen in its mailbox (by the round trip named) */
  canaryGood: 16,
  /** it failed after its recipient was taken; or it was taken and did not come to the mailbox in time */
  canaryBad: 17,
  /** it was taken, and a notice came back that it could not be delivered */
  canaryBack: 18,
} as const
export type EvidenceKind = Values<typeof EvidenceKind>

/** Whose mail a window of Quiet Time holds. */
export const QuietTarget = { all: 1, route: 2, domain: 3, group: 4, person: 5 } as const

export const OwedKind = { sent: 1 } as const
export const OwedState = { owed: 1, home: 2, staysHere: 3, cancelled: 4 } as const

/** Why: one closed list for trace, log, metric label and page (promise 12). */
export const reasons = [
  'accepted',
  'delivered',
  'connect-refused',
  'connect-timeout',
  'reply-timeout',
  'connection-lost',
  'tls-failed',
  'dns-failed',
  'host-tempfail',
  'recipient-tempfail',
  'message-tempfail',
  'recipient-refused',
  'message-refused',
  'sender-refused',
  'passed-on',
  'final-reply-lost',
  'lease-expired',
  'route-closed',
  // held until the end of a planned time
  'quiet-time',
  'resent-after-unsure',
  // taken by a server that sends no confirmations, for a sender who asked for one
  'relayed',
  'deleted-by-person',
  'undeleted-by-person',
  'cancelled-by-admin',
  'released-by-admin',
  // an admin said whose it is
  'assigned-by-admin',
  // assigned to somebody who gets, got or deleted the same message already
  'already-theirs',
  'expired',
  'loop',
  'unknown-recipient-later',
  'unknown-recipient-parked',
  'sender-not-aligned',
  'notice-failed',
  'no-way-to-sender',
  'bytes-missing',
  'null-sender',
  'no-way-home-smtp',
  'no-way-home-route',
  'local-copy-only',
  'evidence-bad',
  'evidence-worse',
  'reach-lost',
  'reach-back',
  'evidence-good',
  'probe-good',
  'return-drained',
  'return-stopped',
  'pinned-emergency',
  'pinned-normal',
  'pinned-hold',
  'pin-removed',
  'mailbox-fails',
  // a person said yes to what the engine asked
  'switch-agreed',
  'first-seen',
  'restored',
] as const
export type Reason = (typeof reasons)[number]

/** Reasons that are the route's fault, not the message's: their back-off ends when the outage does. */
export const routeFaults = [
  'connect-refused',
  'connect-timeout',
  'reply-timeout',
  'connection-lost',
  'tls-failed',
  'dns-failed',
  'host-tempfail',
  'route-closed',
] as const satisfies readonly Reason[]

/** What needs a person (core/alarms); stored as words: never rename or reuse one. */
export const alarmKinds = [
  'ask-away',
  'ask-home',
  'emergency',
  'blind',
  'probe-refused',
  'certificate',
  'part-down',
  'list-late',
  'list-asks',
  'list-refused',
] as const
export type AlarmKind = (typeof alarmKinds)[number]

/** The word for a stored number, for JSON, logs and pages: wordOf(Mode, 3) === 'emergency'. */
export function wordOf<T extends Record<string, number>>(set: T, value: number): keyof T & string {
  for (const key of Object.keys(set)) if (set[key] === value) return key
  throw new RangeError(`no word for ${value} in {${Object.keys(set).join(', ')}}`)
}
