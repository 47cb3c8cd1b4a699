/**
 * The mailbox that canaries are sent to: are any of ours in its Inbox? Found by our own header field (RFC 3501 section 6.4.4,
 * SEARCH HEADER), and where a server does not search headers, among what has come since we last looked. What is found is
 * read exactly, and deleted where it bears this route's mark; nothing else in the mailbox is touched: without UIDPLUS
 * (RFC 4315) it is marked as deleted and left, for EXPUNGE alone would remove what others have marked.
 *
 * Never throws.
 */
import type { Clock } from '../../platform/clock.ts'
import { withMailbox, wordsIn, type ImapSession, type ImapTarget } from './imap-session.ts'
import { reached, type ReachResult } from './result.ts'

export const CANARY_FIELD = 'Holdfast-Canary'

export interface BoxLook {
  /** tokens of this route's canaries that were there; they are deleted */
  tokens: string[]
  /** the UID that the next message will get, and the mailbox's UIDVALIDITY */
  next: { uid: number; validity: string }
}

/** So many are read and deleted in one look; what is left goes in the next. */
const MOST = 100

/** `since`: of the last look; null: the first one, which only searches. */
export const lookIntoBox = (
  target: ImapTarget,
  { mark, since }: { mark: string; since: BoxLook['next'] | null },
  clock: Clock,
): Promise<BoxLook | ReachResult> => withMailbox(target, clock, (session) => look(session, mark, since))

async function look(session: ImapSession, mark: string, since: BoxLook['next'] | null): Promise<BoxLook | ReachResult> {
  const inbox = await session.say('SELECT INBOX')
  if (inbox.status !== 'OK') return reached('bad', `the Inbox could not be opened: ${inbox.text}`)
  const said = (name: string): string | undefined =>
    inbox.untagged
      .map((line) => new RegExp(`\\[${name} (\\d+)\\]`, 'i').exec(line)?.[1])
      .find((found) => found !== undefined)
  const next = { uid: Number(said('UIDNEXT') ?? 0), validity: said('UIDVALIDITY') ?? '' }
  const found = await search(session, mark)
  const newer = since !== null && since.validity === next.validity && since.uid > 0 && next.uid > since.uid
  // An index that is built later, or a server that does not search for fields it does not know.
  const uids =
    found.length > 0 ? found.join(',') : newer ? `${Math.max(since.uid, next.uid - MOST)}:${next.uid - 1}` : ''
  if (uids === '') return { tokens: [], next }
  const ours = (await read(session, uids)).filter((one) => one.mark === mark).slice(0, MOST)
  await remove(session, ours)
  return { tokens: ours.map(({ token }) => token), next }
}

async function search({ say }: ImapSession, mark: string): Promise<number[]> {
  const { status, untagged } = await say(`UID SEARCH UNDELETED HEADER ${CANARY_FIELD} ${mark}`)
  if (status !== 'OK') return []
  const line = untagged.find((one) => /^\* SEARCH\b/i.test(one)) ?? ''
  return (line.match(/\d+/g) ?? []).map(Number).slice(0, MOST)
}

interface Found {
  uid: number
  mark: string
  token: string
}

const FIELD = new RegExp(`^${CANARY_FIELD}:\\s*(\\S+)\\s+(\\S+)\\s*$`, 'i')

/** The field comes as a literal, whose lines can be none of the server's own: it holds no other field. */
async function read({ say }: ImapSession, uids: string): Promise<Found[]> {
  const { untagged } = await say(`UID FETCH ${uids} (FLAGS UID BODY.PEEK[HEADER.FIELDS (${CANARY_FIELD})])`)
  const found: Found[] = []
  let uid: number | null = null
  let field: RegExpExecArray | null = null
  let isDeleted = false
  const close = (): void => {
    if (uid !== null && field !== null && !isDeleted) found.push({ uid, mark: field[1]!, token: field[2]! })
    uid = null
    field = null
    isDeleted = false
  }
  for (const line of untagged) {
    if (/^\* \d+ FETCH\b/i.test(line)) close()
    field ??= FIELD.exec(line)
    if (/^[^:]*\bUID (\d+)/i.test(line)) uid = Number(/\bUID (\d+)/i.exec(line)![1])
    isDeleted ||= /^\* \d+ FETCH\b.*\\Deleted/i.test(line)
  }
  close()
  return found
}

async function remove({ say }: ImapSession, ours: readonly Found[]): Promise<void> {
  if (ours.length === 0) return
  const uids = ours.map(({ uid }) => uid).join(',')
  await say(`UID STORE ${uids} +FLAGS.SILENT (\\Deleted)`)
  if (wordsIn(await say('CAPABILITY')).includes('UIDPLUS')) await say(`UID EXPUNGE ${uids}`)
}
