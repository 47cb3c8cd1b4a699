/**
 * Somebody does not know their password and asks for a link: it goes to the private address that was given beforehand, never to
 * the mailbox that may be down. Asking is answered at once and always alike; who it is, whether they have such an address and
 * whether it was asked too often is found out afterwards, one after the other, so that neither words nor time tell a stranger
 * anything. Three links an hour for a person; what is asked beyond the queue is dropped.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { insertSignInLink, linkPerson } from '../../store/sign-in-links.ts'
import { noticeSettingsSchema } from '../directory/index.ts'
import { linkText } from './link-words.ts'
import { createPrivateMail, type NoticeMailDeps } from './mail.ts'

const MINUTES = 30
const MOST_AN_HOUR = 3
const LONGEST_QUEUE = 200

export interface SignInLinks {
  /** `find`: whom the name means */
  ask(name: string): void
  /** Until what was asked is done: for tests and the end of a process. */
  settled(): Promise<void>
}

export interface SignInLinksDeps extends NoticeMailDeps {
  db: Database
  clock: Clock
  log: Log
  find(name: string): Promise<{ subjectId: string; organisationId: string | null } | null>
}

export function createSignInLinks(deps: SignInLinksDeps): SignInLinks {
  const { db, clock, log, publicUrl } = deps
  const send = createPrivateMail(deps)
  const waiting: string[] = []
  let working: Promise<void> | null = null

  async function make(name: string): Promise<void> {
    const found = await deps.find(name)
    const person = found?.organisationId ? await linkPerson(db, found.subjectId) : null
    if (!person) return
    if (publicUrl === '') return log.warn({}, 'a link to sign in was asked for, but publicUrl is not set')
    const { organisationId, organisation, outboundRouteId, personId } = person
    const token = randomBytes(32).toString('base64url')
    const tokenHash = createHash('sha256').update(token).digest()
    const link = { tokenHash, organisationId, personId, seconds: MINUTES * 60, most: MOST_AN_HOUR }
    if (!(await insertSignInLink(db, link))) return
    const text = linkText(person.locale, {
      person: person.name,
      organisation,
      address: person.address,
      // Behind the number sign: it stands in no log on the way.
      url: `${publicUrl.replace(/\/+$/, '')}/link#${token}`,
      minutes: MINUTES,
      contact: noticeSettingsSchema.catch(noticeSettingsSchema.parse({})).parse(person.notices).contact ?? null,
    })
    const messageId = newId(clock.now())
    const why = await send({ organisationId, organisation, outboundRouteId, person, messageId, ...text })
    if (why !== null) log.warn({ organisationId, personId, why }, 'a link to sign in could not be sent')
  }

  async function work(): Promise<void> {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      await make(name).catch((error: unknown) => log.warn({ err: String(error) }, 'a link to sign in was not sent'))
    working = null
  }

  return {
    ask(name) {
      if (waiting.length >= LONGEST_QUEUE) return
      waiting.push(name)
      working ??= work()
    },
    settled: async () => {
      await working
    },
  }
}
