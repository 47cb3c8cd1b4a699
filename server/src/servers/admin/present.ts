/** Rows as the contract shows them: words instead of numbers, ISO times. */
import {
  AttemptOutcome,
  CopySource,
  DelegationKind,
  DeliveryState,
  Direction,
  ListPosting,
  Mode,
  PersonKind,
  PersonSource,
  Role,
  wordOf,
} from '../../platform/codes.ts'
import type { Decider } from '../../core/continuity/index.ts'
import type { LedgerRow as ReturnLedgerRow } from '../../core/return/index.ts'
import type { AuditRow } from '../../core/audit/index.ts'
import type { StandInRow } from '../../core/lists/index.ts'
import type {
  CopyRow,
  FullTrace,
  LedgerRow,
  ParkedRow,
  PersonRow,
  QueueRow,
  RefusalRow,
  TraceMessageRow,
} from '../../core/trace/index.ts'
import { withTurnsSeen } from '../../protocols/mime/index.ts'

export const iso = (time: Date): string => time.toISOString()
export const isoOrNull = (time: Date | null): string | null => (time === null ? null : time.toISOString())

export function presentQueueItem(row: QueueRow) {
  return {
    deliveryId: row.deliveryId,
    messageId: row.messageId,
    recipient: row.recipient,
    from: withTurnsSeen(row.from),
    subject: row.subject,
    state: wordOf(DeliveryState, row.state),
    reason: row.reason,
    attempts: row.attempts,
    nextAttemptAt: isoOrNull(row.nextAttemptAt),
    acceptedAt: iso(row.acceptedAt),
    size: row.size,
    route: row.route,
    waitsFor:
      row.waitMode === null || row.waitSince === null
        ? null
        : { mode: wordOf(Mode, row.waitMode), since: iso(row.waitSince) },
    quiet:
      row.quietWindow === null || row.quietUntil === null
        ? null
        : { window: row.quietWindow, until: iso(row.quietUntil) },
  }
}

export function presentParked(row: ParkedRow, names: ReadonlyMap<string, string>) {
  return {
    ...presentQueueItem(row),
    parkedAt: iso(row.parkedAt),
    lastAttempt:
      row.triedAt === null || row.triedReason === null
        ? null
        : { at: iso(row.triedAt), reason: row.triedReason, reply: row.reply },
    seenBy: row.seenBy === null ? null : (names.get(row.seenBy) ?? row.seenBy),
    seenAt: isoOrNull(row.seenAt),
  }
}

/** For a terminal: what an open delivery waits for. */
export const waitText = (item: ReturnType<typeof presentQueueItem>): string | null =>
  item.waitsFor
    ? `waits for the route (${item.waitsFor.mode} since ${item.waitsFor.since})`
    : item.quiet && `held by quiet time "${item.quiet.window}" until ${item.quiet.until}`

export function presentLedger(row: LedgerRow | ReturnLedgerRow) {
  return {
    ledgerId: row.ledgerId,
    at: iso(row.at),
    person: row.person,
    recipient: row.recipient ?? '',
    subject: row.subject,
    outcome: wordOf(AttemptOutcome, row.outcome),
    proof: row.proof,
    attemptNo: row.attemptNo,
    kind: row.owedId === null ? ('delivery' as const) : ('sent' as const),
  }
}

export function presentMessage(row: TraceMessageRow) {
  return {
    messageId: row.messageId,
    ownId: row.messageId,
    messageIdHeader: row.messageIdHeader === null ? null : withTurnsSeen(row.messageIdHeader),
    from: withTurnsSeen(row.from),
    subject: row.subject,
    acceptedAt: iso(row.acceptedAt),
    size: row.size,
    direction: wordOf(Direction, row.direction),
    recipients: row.recipients,
  }
}

export function presentRefusal(row: RefusalRow) {
  return {
    id: row.refusalId,
    at: iso(row.at),
    during: row.during,
    from: row.from && withTurnsSeen(row.from),
    recipient: row.recipient && withTurnsSeen(row.recipient),
    signIn: row.signIn && withTurnsSeen(row.signIn),
    messageIdHeader: row.messageIdHeader && withTurnsSeen(row.messageIdHeader),
    clientIp: row.clientIp,
    helo: withTurnsSeen(row.helo),
    tls: row.tls,
    reply: withTurnsSeen(row.reply),
    times: row.times,
  }
}

function presentCopy(row: CopyRow) {
  return {
    person: row.person,
    source: wordOf(CopySource, row.source),
    // 'infinity' is a number: it ends when nothing is owed any more.
    expiresAt: row.expiresAt instanceof Date ? iso(row.expiresAt) : null,
    folder: row.folder,
  }
}

export function presentTrace(trace: FullTrace) {
  const { message } = trace
  return {
    message: {
      ...presentMessage(message),
      digest: message.sha256.toString('hex'),
      clientIp: message.clientIp,
      helo: message.helo,
      tls: message.tls,
      mended: message.mended && {
        rule: message.mended.rule,
        count: message.mended.count,
        digest: message.mended.sha256,
      },
    },
    deliveries: trace.deliveries.map((row) => ({
      ...presentQueueItem(row),
      finishedAt: isoOrNull(row.finishedAt),
      via: row.via,
      sender: row.sender,
      proof: row.proof,
      attemptRows: row.attemptRows.map((attempt) => ({
        attemptNo: attempt.attemptNo,
        at: iso(attempt.at),
        host: attempt.host,
        tls: attempt.tls,
        outcome: wordOf(AttemptOutcome, attempt.outcome),
        reason: attempt.reason,
        reply: attempt.reply,
        durationMs: attempt.tookMs,
      })),
    })),
    copies: trace.copies.map(presentCopy),
    ledger: trace.ledger.map(presentLedger),
  }
}

export function presentStandIn({ isList, targets, posting, ...row }: StandInRow) {
  return {
    id: row.id,
    kind: isList ? ('list' as const) : ('redirect' as const),
    address: row.address,
    name: row.name,
    to: targets,
    more: row.more,
    groups: row.groups,
    posting: posting === null ? null : wordOf(ListPosting, posting),
    bounces: row.bounces,
    paused: row.paused,
  }
}

export function presentPerson(row: PersonRow, names: ReadonlyMap<string, string>) {
  return {
    id: row.id,
    name: row.name,
    addresses: row.addresses,
    role: wordOf(Role, row.role),
    protected: row.protected,
    source: wordOf(PersonSource, row.source),
    kind: wordOf(PersonKind, row.kind),
    members: row.members.map(({ name, isGroup, mayWrite, send }) => ({
      name,
      isGroup,
      access: mayWrite ? ('write' as const) : ('read' as const),
      send: send === null ? ('no' as const) : wordOf(DelegationKind, send),
    })),
    lastSignInAt: isoOrNull(row.lastSignInAt),
    mode: row.mode === null ? null : wordOf(Mode, row.mode),
    decided:
      row.decidedBy === null
        ? null
        : {
            by: row.decidedBy as Decider,
            reason: row.decidedWhy,
            author: row.decidedAuthor === null ? null : (names.get(row.decidedAuthor) ?? row.decidedAuthor),
            until: isoOrNull(row.decidedUntil),
          },
  }
}

export function presentAudit(row: AuditRow, names: ReadonlyMap<string, string>) {
  const { reason, ...rest } = row.detail as Record<string, unknown>
  const details = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => ({ name, value: typeof value === 'string' ? value : JSON.stringify(value) }))
  return {
    id: String(row.seq),
    at: iso(row.at),
    actor: row.actor,
    actorName: names.get(row.actor) ?? null,
    act: row.action,
    thing: row.subject,
    thingName: names.get(row.subject) ?? null,
    reason: typeof reason === 'string' ? reason : null,
    details,
  }
}
