/**
 * The private address and the telephone number a person gives: where links to sign in go when the mailbox is down, and notices to the
 * address. A code of six digits is sent there and typed in; until then it is used for nothing. It is never shown in full again, to
 * nobody: the person, the help desk and the audit see `j…@h….example`, `+4…67`. An address of the organisation's own domains, or below
 * one, is refused, for it would be down together with the mailbox. An address is sealed as person.private_sealed is, so that it can
 * take that one's place; telephones are offered where there is a gateway for text messages.
 *
 * The brakes: three codes an hour of each kind, five tries for each, fifteen minutes. Failure to tell a former place undoes nothing; it
 * is in the log, and the audit has the change.
 */
import { randomInt, timingSafeEqual } from 'node:crypto'
import { foldPhone, type SmsGateway } from '../../clients/sms/gateway.ts'
import { ContactKind } from '../../platform/codes.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import type { Log } from '../../platform/log.ts'
import * as store from '../../store/private-contacts.ts'
import { endSignInLinks } from '../../store/sign-in-links.ts'
import { appendAudit } from '../audit/index.ts'
import { foldAddress, noticeSettingsSchema, phonePlace, privatePlace } from '../directory/index.ts'
import { contactText, type ContactMail } from './contact-words.ts'
import { createPrivateMail, type NoticeMailDeps, type Unreachable } from './mail.ts'
import { maskedAddress, maskedPhone } from './masked.ts'
import { smsText } from './sms-words.ts'

const MINUTES = 15
const MOST_AN_HOUR = 3
const MOST_TRIES = 5

/** Narrower than what mail allows: nobody's private address needs a quoted local part, and what is typed ends in a header. */
const PLAIN = /^[^\s\p{C}()<>[\]",;:\\@]{1,64}@[^\s\p{C}()<>[\]",;:\\@]{1,180}$/u

export type ContactWord = keyof typeof ContactKind
interface By {
  actor: string
  word: ContactWord
}

const placeOf: Record<ContactWord, (personId: Id) => string> = { address: privatePlace, phone: phonePlace }
const maskedOf: Record<ContactWord, (text: string) => string> = { address: maskedAddress, phone: maskedPhone }

interface PersonKey {
  organisationId: Id
  personId: Id
}

/** Masked. */
export interface ContactPlace {
  /** verified: links go there, and to an address notices */
  given: string | null
  verifiedAt: Date | null
  waiting: string | null
  waitingUntil: Date | null
}

export interface ContactStanding extends Record<ContactWord, ContactPlace> {
  /** there is a gateway for text messages */
  mayPhone: boolean
  /** the address an admin declared, masked: for notices alone, where nothing is verified */
  declared: string | null
  hasPassword: boolean
  codesLeft: number
}

export interface PrivateContacts {
  /** Throws not-found. */
  standing(person: PersonKey): Promise<ContactStanding>
  /**
   * Sends a code there. Throws bad-request, private-address-inside, too-many-codes, private-address-unreachable, phone-unreachable,
   * not-found.
   */
  begin(person: PersonKey, kind: ContactWord, typed: string): Promise<void>
  /** Throws code-wrong. */
  confirm(person: PersonKey, kind: ContactWord, code: string, actor: string): Promise<void>
  /** That there is another way to sign in, or one fewer: to what is verified, where anything is. Never throws. */
  tell(person: PersonKey, kind: 'factorMade' | 'factorEnded'): Promise<void>
  /** Throws not-found where there is none. */
  remove(person: PersonKey, kind: ContactWord, actor: string): Promise<void>
}

export interface PrivateContactDeps extends Omit<NoticeMailDeps, 'publicUrl' | 'keys'> {
  db: Database
  keys: Pick<Keys, 'open' | 'seal' | 'hmac'>
  log: Log
  /** null: there is no gateway for text messages */
  sms: SmsGateway | null
  /** which numbers, and how many codes an organisation's people are sent in an hour */
  smsLimits: { prefixes: readonly string[]; perHour: number }
}

const nowhere: ContactPlace = { given: null, verifiedAt: null, waiting: null, waitingUntil: null }

export function createPrivateContacts(deps: PrivateContactDeps): PrivateContacts {
  const { db, keys, clock, log, sms, smsLimits } = deps
  const send = createPrivateMail(deps)
  const hashOf = (personId: Id, word: ContactWord, code: string): Buffer =>
    keys.hmac('private-contact', `${personId}\n${word}\n${code}`)
  const keyOf = ({ organisationId, personId }: PersonKey, word: ContactWord) => ({
    ...{ organisationId, personId, kind: ContactKind[word] },
  })

  function masked(personId: Id, word: ContactWord, sealed: Buffer | null): string | null {
    if (sealed === null) return null
    try {
      return maskedOf[word](keys.open(placeOf[word](personId), sealed).toString())
    } catch {
      // Sealed under another master key: that there is one is said, and it can be removed.
      return '…'
    }
  }

  /** Why it cannot go there; null: it is on its way. */
  async function write(
    key: PersonKey,
    word: ContactWord,
    about: { kind: ContactMail; sealed: Buffer; code?: string },
  ): Promise<Unreachable | 'gateway' | null> {
    const person = await store.contactPerson(db, key)
    if (!person) throw new WireError('not-found')
    const { organisation, outboundRouteId } = person
    const facts = {
      ...{ person: person.name, organisation, address: person.address, minutes: MINUTES },
      ...(about.code === undefined ? {} : { code: about.code }),
      contact: noticeSettingsSchema.catch(noticeSettingsSchema.parse({})).parse(person.notices).contact ?? null,
    }
    if (word === 'phone') return text(key, about.sealed, smsText(about.kind, person.locale, facts))
    return send({
      ...{ organisationId: key.organisationId, organisation, outboundRouteId, messageId: newId(clock.now()) },
      person: { ...person, privateSealed: about.sealed },
      ...contactText(about.kind, person.locale, facts),
    })
  }

  async function text(key: PersonKey, sealed: Buffer, words: string): Promise<'gateway' | null> {
    if (!sms) return 'gateway'
    try {
      await sms.send(keys.open(phonePlace(key.personId), sealed).toString(), words)
      return null
    } catch (error) {
      log.warn({ ...key, err: String(error) }, 'a text message could not be sent')
      return 'gateway'
    }
  }

  async function tellPrivate(
    key: PersonKey,
    word: ContactWord,
    kind: Exclude<ContactMail, 'code'>,
    sealed: Buffer | null,
  ): Promise<void> {
    if (sealed === null) return
    try {
      const why = await write(key, word, { kind, sealed })
      if (why !== null) log.warn({ ...key, why }, 'a private address or telephone could not be told')
    } catch (error) {
      log.warn({ ...key, err: String(error) }, 'a private address or telephone was not told')
    }
  }

  async function isInside(organisationId: Id, domain: string): Promise<boolean> {
    const labels = domain.split('.')
    for (let at = 0; at < labels.length; at++) {
      const found = await deps.directory.organisationOfDomain(labels.slice(at).join('.'))
      if (found?.organisationId === organisationId) return true
    }
    return false
  }

  const audited = (sql: Sql, key: PersonKey, action: 'private-address-verified' | 'private-address-removed', by: By) =>
    appendAudit(sql, {
      organisationId: key.organisationId,
      ...{ actor: by.actor, action, subject: `person:${key.personId}` },
      detail: by.word === 'phone' ? { kind: 'phone' } : {},
    })

  /** What was typed, as it is kept. Throws bad-request, private-address-inside, phone-unreachable. */
  async function taken(key: PersonKey, word: ContactWord, typed: string): Promise<string> {
    if (word === 'phone') {
      if (!sms) throw new WireError('phone-unreachable')
      const phone = foldPhone(typed)
      if (phone === null)
        throw new WireError('bad-request', 'phone: not a number with its country code, such as +41 79 123 45 67')
      if (smsLimits.prefixes.length > 0 && !smsLimits.prefixes.some((prefix) => phone.startsWith(prefix)))
        throw new WireError('phone-unreachable')
      return phone
    }
    const folded = PLAIN.test(typed.trim()) ? foldAddress(typed.trim()) : null
    if (folded === null) throw new WireError('bad-request', 'address: not an e-mail address')
    if (await isInside(key.organisationId, folded.slice(folded.lastIndexOf('@') + 1)))
      throw new WireError('private-address-inside')
    return typed.trim()
  }

  return {
    async standing(key) {
      const row = await store.readContacts(db, key)
      if (!row) throw new WireError('not-found')
      const place = (word: ContactWord): ContactPlace => {
        const found = row.contacts.find(({ kind }) => kind === ContactKind[word])
        if (!found) return nowhere
        return {
          given: masked(key.personId, word, found.sealed),
          waiting: masked(key.personId, word, found.waitingSealed),
          ...{ verifiedAt: found.verifiedAt, waitingUntil: found.waitingUntil },
        }
      }
      const { hasPassword, codesLeft } = row
      return {
        ...{ address: place('address'), phone: place('phone'), mayPhone: sms !== null, hasPassword, codesLeft },
        declared: masked(key.personId, 'address', row.declaredSealed),
      }
    },

    async begin(key, word, typed) {
      const kept = await taken(key, word, typed)
      const code = String(randomInt(1_000_000)).padStart(6, '0')
      const sealed = keys.seal(placeOf[word](key.personId), Buffer.from(kept))
      if (word === 'phone' && (await store.codesOfHour(db, key.organisationId, ContactKind.phone)) >= smsLimits.perHour)
        throw new WireError('too-many-codes')
      const wait = { sealed, hash: hashOf(key.personId, word, code), seconds: MINUTES * 60, most: MOST_AN_HOUR }
      if (!(await store.awaitCode(db, keyOf(key, word), wait))) throw new WireError('too-many-codes')
      const why = await write(key, word, { kind: 'code', sealed, code })
      if (why === null) return
      log.warn({ ...key, why }, 'a code for a private address or telephone could not be sent')
      if (why === 'gateway') throw new WireError('phone-unreachable')
      throw new WireError(why === 'inside' ? 'private-address-inside' : 'private-address-unreachable')
    },

    async confirm(key, word, typed, actor) {
      const expected = await store.countTry(db, keyOf(key, word), MOST_TRIES)
      const given = hashOf(key.personId, word, typed.replace(/[\s-]/g, ''))
      if (expected === null || !timingSafeEqual(expected, given)) throw new WireError('code-wrong')
      const verified = await db.transaction(async (sql) => {
        const done = await store.verifyWaiting(sql, keyOf(key, word), expected)
        if (!done) throw new WireError('code-wrong')
        await endSignInLinks(sql, key.personId)
        await audited(sql, key, 'private-address-verified', { actor, word })
        return done
      })
      await tellPrivate(key, word, 'changed', verified.before)
    },

    async tell(key, kind) {
      const row = await store.readContacts(db, key).catch((error: unknown) => {
        log.warn({ ...key, err: String(error) }, 'a private address or telephone was not told')
        return null
      })
      for (const word of ['address', 'phone'] as const)
        await tellPrivate(key, word, kind, row?.contacts.find((one) => one.kind === ContactKind[word])?.sealed ?? null)
    },

    async remove(key, word, actor) {
      const removed = await db.transaction(async (sql) => {
        const done = await store.removeContact(sql, keyOf(key, word))
        if (!done) throw new WireError('not-found')
        await endSignInLinks(sql, key.personId)
        await audited(sql, key, 'private-address-removed', { actor, word })
        return done
      })
      await tellPrivate(key, word, 'removed', removed.before)
    },
  }
}
