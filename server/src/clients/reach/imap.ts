/**
 * Can people read their mail by IMAP? Signs in to a mailbox that is there for this, opens its Inbox and leaves. Nothing in the
 * mailbox changes: EXAMINE opens it read-only.
 *
 * Never throws. A refused name or password is our own to put right, not an outage; UNAVAILABLE, BYE, a server without an
 * Inbox are.
 */
import type { Clock } from '../../platform/clock.ts'
import { withMailbox, type ImapTarget } from './imap-session.ts'
import { reached, type ReachResult } from './result.ts'

export const askImap = (target: ImapTarget, clock: Clock): Promise<ReachResult> =>
  withMailbox(target, clock, async ({ say }) => {
    const inbox = await say('EXAMINE INBOX')
    if (inbox.status !== 'OK') return reached('bad', `the Inbox could not be opened: ${inbox.text}`)
    const count = inbox.untagged.map((line) => /^\* (\d+) EXISTS/i.exec(line)?.[1]).find((found) => found !== undefined)
    return reached('good', `signed in, ${count ?? 'no'} messages in the Inbox`)
  })
