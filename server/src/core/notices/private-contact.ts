/**
 * The private address a person gives: where links to sign in and notices go when the mailbox is down. A code of six digits
 * is sent there and typed in; until then it is used for nothing. It is never shown in full again, to nobody: the person, the
 * help desk and the audit see `j…@h….example`. An address of the organisation's own domains, or below one, is refused, for
 * it would be down together with the mailbox. Sealed as person.private_sealed is, so that it can take that one's place.
 *
 * The brakes: three codes an hour, five tries for each, fifteen minutes. Failure to tell a former address undoes nothing; it is
 * in the log, and the audit has the change.
 */
import { randomInt, timingSafeEqual } from 'node:crypto'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import type { Log } from '../../platform/log.ts'
import * as store from '../../store/private-contacts.ts'
import { endSignInLinks } from '../../store/sign-in-links.ts'
import { appendAudit } from '../audit/index.ts'
import { foldAddress, noticeSettingsSchema, privatePlace } from '../directory/index.ts'
import { contactText, type ContactMail } from './contact-words.ts'
import { createPrivateMail, type NoticeMailDeps, type Unreachable } from './mail.ts'
import { maskedAddress } from './masked.ts'

const MINUTES = 15
const MOST_AN_HOUR = 3
const MOST_TRIES = 5

/** Narrower than what mail allows: nobody's private address needs a quoted local part, and what is typed ends in a header. */
const PLAIN = /^[^\s\p{C}()<>[\]",;:\\@]{1,64}@[^\s\p{C}()<>[\]",;:\\@]{1,180}$/u

interface PersonKey {
  organisationId: Id
  personId: Id
}

/** All addresses masked. */
export interface ContactStanding {
  /** verified: links and notices go there */
  address: string | null
  verifiedAt: Date | null
  waiting: string | null
  waitingUntil: Date | null
  /** what an admin declared: for notices alone, where nothing is verified */
  declared: string | null
  hasPassword: boolean
  codesLeft: number
}

export interface PrivateContacts {
  /** Throws not-found. */
  standing(person: PersonKey): Promise<ContactStanding>
  /** Sends a code there. Throws bad-request, private-address-inside, too-many-codes, private-address-unreachable, not-found. */
  begin(person: PersonKey, address: string): Promise<void>
  /** Throws code-wrong. */
  confirm(person: PersonKey, code: string, actor: string): Promise<void>
  /** That there is another way to sign in, or one fewer: to a verified address, where there is one. Never throws. */
  tell(person: PersonKey, kind: 'factorMade' | 'factorEnded'): Promise<void>
  /** Throws not-found where there is none. */
  remove(person: PersonKey, actor: string): Promise<void>
}

export interface PrivateContactDeps extends Omit<NoticeMailDeps, 'publicUrl' | 'keys'> {
  db: Database
  keys: Pick<Keys, 'open' | 'seal' | 'hmac'>
  log: Log
}

export function createPrivateContacts(deps: PrivateContactDeps): PrivateContacts {
  const { db, keys, clock, log } = deps
  const send = createPrivateMail(deps)
  const hashOf = (personId: Id, code: string): Buffer => keys.hmac('private-contact', `${personId}\n${code}`)

  function masked(personId: Id, sealed: Buffer | null): string | null {
    if (sealed === null) return null
    try {
      return maskedAddress(keys.open(privatePlace(personId), sealed).toString())
    } catch {
      // Sealed under another master key: that there is one is said, and it can be removed.
      return '…'
    }
  }

  async function write(
    key: PersonKey,
    kind: ContactMail,
    privateSealed: Buffer,
    code?: string,
  ): Promise<Unreachable | null> {
    const person = await store.contactPerson(db, key)
    if (!person) throw new WireError('not-found')
    const { organisation, outboundRouteId } = person
    const text = contactText(kind, person.locale, {
      ...{ person: person.name, organisation, address: person.address, minutes: MINUTES },
      ...(code === undefined ? {} : { code }),
      contact: noticeSettingsSchema.catch(noticeSettingsSchema.parse({})).parse(person.notices).contact ?? null,
    })
    return send({
      ...{ organisationId: key.organisationId, organisation, outboundRouteId, messageId: newId(clock.now()) },
      person: { ...person, privateSealed },
      ...text,
    })
  }

  async function tellPrivate(
    key: PersonKey,
    kind: 'changed' | 'removed' | 'factorMade' | 'factorEnded',
    sealed: Buffer | null,
  ): Promise<void> {
    if (sealed === null) return
    try {
      const why = await write(key, kind, sealed)
      if (why !== null) log.warn({ ...key, why }, 'a private address could not be told')
    } catch (error) {
      log.warn({ ...key, err: String(error) }, 'a private address was not told')
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

  const audited = (
    sql: Sql,
    key: PersonKey,
    action: 'private-address-verified' | 'private-address-removed',
    actor: string,
  ) =>
    appendAudit(sql, {
      organisationId: key.organisationId,
      ...{ actor, action, subject: `person:${key.personId}`, detail: {} },
    })

  return {
    async standing(key) {
      const row = await store.readContact(db, key)
      if (!row) throw new WireError('not-found')
      const { verifiedAt, waitingUntil, hasPassword, codesLeft } = row
      return {
        address: masked(key.personId, row.sealed),
        waiting: masked(key.personId, row.waitingSealed),
        declared: masked(key.personId, row.declaredSealed),
        ...{ verifiedAt, waitingUntil, hasPassword, codesLeft },
      }
    },

    async begin(key, typed) {
      const folded = PLAIN.test(typed.trim()) ? foldAddress(typed.trim()) : null
      if (folded === null) throw new WireError('bad-request', 'address: not an e-mail address')
      const domain = folded.slice(folded.lastIndexOf('@') + 1)
      if (await isInside(key.organisationId, domain)) throw new WireError('private-address-inside')
      const code = String(randomInt(1_000_000)).padStart(6, '0')
      const sealed = keys.seal(privatePlace(key.personId), Buffer.from(typed.trim()))
      const wait = { sealed, hash: hashOf(key.personId, code), seconds: MINUTES * 60, most: MOST_AN_HOUR }
      if (!(await store.awaitCode(db, key, wait))) throw new WireError('too-many-codes')
      const why = await write(key, 'code', sealed, code)
      if (why === null) return
      log.warn({ ...key, why }, 'a code for a private address could not be sent')
      throw new WireError(why === 'inside' ? 'private-address-inside' : 'private-address-unreachable')
    },

    async confirm(key, typed, actor) {
      const expected = await store.countTry(db, key, MOST_TRIES)
      const given = hashOf(key.personId, typed.replace(/[\s-]/g, ''))
      if (expected === null || !timingSafeEqual(expected, given)) throw new WireError('code-wrong')
      const verified = await db.transaction(async (sql) => {
        const done = await store.verifyWaiting(sql, key, expected)
        if (!done) throw new WireError('code-wrong')
        await endSignInLinks(sql, key.personId)
        await audited(sql, key, 'private-address-verified', actor)
        return done
      })
      await tellPrivate(key, 'changed', verified.before)
    },

    async tell(key, kind) {
      const row = await store.readContact(db, key).catch((error: unknown) => {
        log.warn({ ...key, err: String(error) }, 'a private address was not told')
        return null
      })
      await tellPrivate(key, kind, row?.sealed ?? null)
    },

    async remove(key, actor) {
      const removed = await db.transaction(async (sql) => {
        const done = await store.removeContact(sql, key)
        if (!done) throw new WireError('not-found')
        await endSignInLinks(sql, key.personId)
        await audited(sql, key, 'private-address-removed', actor)
        return done
      })
      await tellPrivate(key, 'removed', removed.before)
    },
  }
}
