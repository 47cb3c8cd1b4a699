/**
 * Somebody does not know their password and asks for a link: it goes to the private address and telephone that were given
 * beforehand, never to the mailbox that may be down. Asking is answered at once and always alike; who it is, whether they have such an address and
 * whether it was asked too often is found out afterwards, one after the other, so that neither words nor time tell a stranger
 * anything. Three links an hour for a person; what is asked beyond the queue is dropped.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { SmsGateway } from '../../clients/sms/gateway.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { insertSignInLink, linkPerson } from '../../store/sign-in-links.ts'
import { noticeSettingsSchema, phonePlace } from '../directory/index.ts'
import { linkText } from './link-words.ts'
import { smsLink } from './sms-words.ts'
import { createPrivateMail, type NoticeMailDeps } from './mail.ts'

const MINUTES = 30
const MOST_AN_HOUR = 3
const LONGEST_QUEUE = 200
/** A gateway that fails, or says that it is too much at once. */
/** At once, beside the mails; more are dropped, as what floods the queue is. */
const MOST_TEXTS = 50
const SMS_TRIES = 3
const SMS_AGAIN_MS = 5_000

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
  /** null: there is no gateway for text messages */
  sms: SmsGateway | null
  find(name: string): Promise<{ subjectId: string; organisationId: string | null } | null>
}

export function createSignInLinks(deps: SignInLinksDeps): SignInLinks {
  const { db, clock, log, publicUrl } = deps
  const send = createPrivateMail(deps)
  const waiting: string[] = []
  let working: Promise<void> | null = null
  const texts = new Set<Promise<void>>()
  let texting = 0

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
    // Behind the number sign: it stands in no log on the way.
    const url = `${publicUrl.replace(/\/+$/, '')}/link#${token}`
    const { privateSealed, phoneSealed, locale } = person
    if (privateSealed) {
      const text = linkText(locale, {
        ...{ person: person.name, organisation, address: person.address, url, minutes: MINUTES },
        contact: noticeSettingsSchema.catch(noticeSettingsSchema.parse({})).parse(person.notices).contact ?? null,
      })
      const mail = { organisationId, organisation, outboundRouteId, messageId: newId(clock.now()), ...text }
      const why = await send({ ...mail, person: { ...person, privateSealed } })
      if (why !== null) log.warn({ organisationId, personId, why }, 'a link to sign in could not be sent')
    }
    const text = smsLink(locale, { organisation, url, minutes: MINUTES })
    // Beside the mails: a gateway that hangs must not keep anybody's mail back.
    if (phoneSealed && texting < MOST_TEXTS) {
      texting++
      const one = sendText(phoneSealed, personId, text)
        .catch((error: unknown) => log.warn({ personId, err: String(error) }, 'a text message was not sent'))
        .finally(() => {
          texting--
          texts.delete(one)
        })
      texts.add(one)
    }
  }

  async function sendText(sealed: Buffer, personId: Id, text: string): Promise<void> {
    if (!deps.sms)
      return log.warn({ personId }, 'a link to sign in goes to no telephone: sms is not configured any more')
    const phone = deps.keys.open(phonePlace(personId), sealed).toString()
    for (let tries = 1; ; tries++)
      try {
        return await deps.sms.send(phone, text)
      } catch (error) {
        log.warn({ personId, err: String(error) }, 'a text message with a link to sign in could not be sent')
        if (tries >= SMS_TRIES) return
        await clock.sleep(SMS_AGAIN_MS)
      }
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
      await Promise.all(texts)
    },
  }
}
