/**
 * Bounces of a list's members: counted for each, shown to an admin, and no reason to stop anything, but where the list says
 * after how many within how many days. Then the member is paused, with an audit row, until an admin lets them in again.
 *
 * Only reports of failure count: notices of delay and answers of people on holiday come to the same address. A failure to
 * count is a line in the log; the notice itself is stored like any message.
 */
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { bumpDirectory } from '../../store/directory.ts'
import { countBounce, forgetBounces } from '../../store/lists.ts'
import { appendAudit } from '../audit/index.ts'

export interface MemberBounce {
  organisationId: Id
  /** folded addresses */
  list: string
  member: string
  /** what was said, for an admin */
  text: string
}

export interface ListBounces {
  /** Never throws. */
  note(bounce: MemberBounce): Promise<void>
}

const LONGEST = 300
const clean = (text: string): string =>
  text
    .slice(0, LONGEST)
    .toWellFormed()
    .replace(/\p{Cc}/gu, ' ')

export function createListBounces({ db, log }: { db: Database; log: Log }): ListBounces {
  return {
    async note(bounce) {
      try {
        await db.transaction(async (sql) => {
          const counted = await countBounce(sql, { ...bounce, text: clean(bounce.text) })
          if (!counted?.isPausedNow) return
          await appendAudit(sql, {
            organisationId: bounce.organisationId,
            actor: 'engine',
            action: 'list-member-paused',
            subject: `list:${counted.listId}`,
            detail: { list: bounce.list, member: bounce.member, bounces: counted.bounces, last: clean(bounce.text) },
          })
          await bumpDirectory(sql)
        })
      } catch (error) {
        log.warn({ err: String(error), list: bounce.list }, 'a bounce of a list was not counted')
      }
    },
  }
}

/** The member gets what is posted from now on, and is counted from nothing; false: nothing was counted of them. */
export async function resumeMember(
  db: Database,
  who: { organisationId: Id; list: string; member: string; actor: string },
): Promise<boolean> {
  return db.transaction(async (sql) => {
    const listId = await forgetBounces(sql, who)
    if (listId === null) return false
    await appendAudit(sql, {
      organisationId: who.organisationId,
      actor: who.actor,
      action: 'list-member-resumed',
      subject: `list:${listId}`,
      detail: { list: who.list, member: who.member },
    })
    await bumpDirectory(sql)
    return true
  })
}

/** Octets of a notice that are looked at. */
export const REPORT_BYTES = 65_536

/** RFC 3464 section 2.3.3: a report whose action is failed; `bytes` is its beginning. */
export function isFailureReport(bytes: Buffer): boolean {
  const text = bytes.subarray(0, REPORT_BYTES).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const header = (end < 0 ? text : text.slice(0, end)).replace(/\r\n[ \t]+/g, ' ')
  return /^content-type:\s*multipart\/report\b/im.test(header) && /^action:\s*failed\b/im.test(text)
}
