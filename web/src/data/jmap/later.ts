/** What waits on the server for its time (RFC 8621 section 7, RFC 4865): how long it may, what there is, and taking it back. */
import { fromCall, jmap, JmapError, submission } from './client.ts'
import { checkSet } from './mail.ts'
import { withoutTurns, withTurnsSeen } from '../../lib/direction.ts'
import type { Address, GetResult, SetResult } from './types.ts'

/** Seconds, or a time with its zone (RFC 3339). */
export type Hold = { seconds: number } | { until: string }

export interface LaterMail {
  id: string
  emailId: string
  sendAt: string
  subject: string
  to: string[]
}

interface Waiting {
  id: string
  emailId: string
  sendAt: string
}
interface Named {
  id: string
  subject: string | null
  to: Address[] | null
}

/** How long the server holds a message, in seconds; 0: not at all. */
export async function mostHold(): Promise<number> {
  const session = await jmap.session()
  const most = session.accounts[await jmap.accountId()]?.accountCapabilities?.[submission]?.['maxDelayedSend']
  return typeof most === 'number' ? most : 0
}

/** The next one first. */
export async function laterMail(): Promise<LaterMail[]> {
  if ((await mostHold()) === 0) return []
  const [, waiting, mails] = (await jmap.run([
    ['EmailSubmission/query', { filter: { undoStatus: 'pending' } }],
    [
      'EmailSubmission/get',
      {
        '#ids': fromCall(0, 'EmailSubmission/query', '/ids'),
        'properties': ['emailId', 'sendAt', 'undoStatus'],
      },
    ],
    ['Email/get', { '#ids': fromCall(1, 'EmailSubmission/get', '/list/*/emailId'), 'properties': ['subject', 'to'] }],
  ])) as [unknown, GetResult<Waiting>, GetResult<Named>]
  const byId = new Map(mails.list.map((mail) => [mail.id, mail]))
  return waiting.list
    .map(({ id, emailId, sendAt }) => ({
      id,
      emailId,
      sendAt,
      subject: withoutTurns(byId.get(emailId)?.subject ?? ''),
      to: (byId.get(emailId)?.to ?? []).map(({ email }) => withTurnsSeen(email)),
    }))
    .sort((a, b) => (a.sendAt < b.sendAt ? -1 : 1))
}

/** Throws cannotUnsend when it has left. */
export async function cancelLater(id: string): Promise<void> {
  const result = await jmap.one<SetResult>('EmailSubmission/set', { update: { [id]: { undoStatus: 'canceled' } } })
  checkSet(result)
  if (!result.updated || !(id in result.updated)) throw new JmapError('serverFail')
}
