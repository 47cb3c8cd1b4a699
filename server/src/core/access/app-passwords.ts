/**
 * App passwords: one for each device, for mail clients alone (the web pages take none of them). We make them, show them
 * once and keep a verifier; the person sees when and from where each was used last, and revokes each by itself. Making one
 * asks for the current password again, with the brakes of signing in: a session left open on a desk is not enough.
 */
import { createHash, randomInt } from 'node:crypto'
import { AppProtocol, wordOf } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { NIL_ID, newId } from '../../platform/ids.ts'
import * as store from '../../store/app-passwords.ts'
import { appendAudit } from '../audit/index.ts'
import { checkEntered, type Session, type Visitor } from './sessions.ts'

export const MOST_APP_PASSWORDS = 50

/** Letters alone, for a phone's keyboard; no i l o, which look like others. 24 of 23 letters: 108 bits. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz'
const GROUPS = 6
const GROUP_LETTERS = 4
const SHAPE = new RegExp(`^[${LETTERS}]{${GROUPS * GROUP_LETTERS}}$`)

export type AppProtocolWord = keyof typeof AppProtocol

export interface AppPassword {
  id: Id
  name: string
  protocols: AppProtocolWord[]
  createdAt: Date
  /** to the hour */
  lastUsedAt: Date | null
  /** an address, or an IPv6 /64 */
  lastPlace: string | null
}

export interface AppPasswords {
  /**
   * `password` is in this answer and nowhere else. Throws what signIn throws, not-found (an operator has none),
   * password-change-needed, too-many-app-passwords.
   */
  make(wish: {
    session: Session
    current: string
    name: string
    protocols: readonly AppProtocolWord[]
    visitor: Visitor
  }): Promise<AppPassword & { password: string }>
  list(person: store.PersonKey): Promise<AppPassword[]>
  /** What it was; null where there is none, or not any more. Connections that signed in with it send nothing further. */
  revoke(person: store.PersonKey, id: Id, actor: string): Promise<AppPassword | null>
}

export function newAppPassword(): string {
  const letter = (): string => LETTERS[randomInt(LETTERS.length)]!
  const group = (): string => Array.from({ length: GROUP_LETTERS }, letter).join('')
  return Array.from({ length: GROUPS }, group).join('-')
}

/** The letters of one as somebody typed it: a phone begins with a capital, people leave the hyphens out. Null: it is none. */
export function lettersOf(typed: string): string | null {
  if (typed.length > 100) return null
  const letters = typed.replace(/[\s-]/g, '').toLowerCase()
  return SHAPE.test(letters) ? letters : null
}

/**
 * A plain SHA-256, on purpose: a slow hash makes guessing dear where people choose passwords. Nobody gets through 2^108 of
 * them at any speed, and clients sign in with these on every connection. With the person in it a row is of no use to
 * another person.
 */
const verifierOf = (personId: Id, letters: string): Buffer =>
  createHash('sha256').update(`app password\n${personId}\n${letters}`).digest()

/** The same work whether it is a person's or nobody's. */
export async function findAppPassword(
  sql: Sql,
  whose: { organisationId: Id | null; subjectId: Id } | undefined,
  typed: string,
  protocol: AppProtocolWord,
): Promise<{ id: Id; name: string } | null> {
  const letters = lettersOf(typed)
  if (letters === null) return null
  const key = { organisationId: whose?.organisationId ?? NIL_ID, personId: whose?.subjectId ?? NIL_ID }
  return store.appPasswordByVerifier(sql, key, verifierOf(key.personId, letters), AppProtocol[protocol])
}

/** A network of the brakes (networkOf) as it is shown. */
export const placeText = (network: string): string => (network.includes(':') ? `${network}::/64` : network)

const present = (row: store.AppPasswordRow): AppPassword => ({
  ...row,
  protocols: row.protocols.map((each) => wordOf(AppProtocol, each)),
})

export function createAppPasswords(deps: {
  db: Database
  clock: Clock
  /** throws where it is not the account's password; which one it is */
  verifyAgain(session: Session, password: string, visitor: Visitor): Promise<Id>
}): AppPasswords {
  const { db, clock } = deps

  async function audited(
    sql: Sql,
    action: 'app-password-made' | 'app-password-revoked',
    person: store.PersonKey,
    one: AppPassword,
    actor: string,
  ): Promise<void> {
    await appendAudit(sql, {
      organisationId: person.organisationId,
      actor,
      action,
      subject: `person:${person.personId}`,
      detail: { id: one.id, name: one.name, protocols: one.protocols.join(', ') },
    })
  }

  return {
    async make({ session, current, name, protocols, visitor }) {
      const { organisationId, subjectId: personId } = session
      if (organisationId === null) throw new WireError('not-found')
      checkEntered(session)
      const codes = [...new Set(protocols.map((word) => AppProtocol[word]))].sort((a, b) => a - b)
      if (name.trim() === '') throw new WireError('bad-request', 'name: say which device it is for')
      if (codes.length === 0) throw new WireError('bad-request', 'protocols: name at least one')
      const credentialId = await deps.verifyAgain(session, current, visitor)
      const person = { organisationId, personId }
      const password = newAppPassword()
      return db.transaction(async (sql) => {
        const count = await store.lockAppPasswords(sql, person, credentialId)
        if (count === null) throw new WireError('signed-out')
        if (count >= MOST_APP_PASSWORDS) throw new WireError('too-many-app-passwords')
        const row = await store.insertAppPassword(sql, {
          ...person,
          id: newId(clock.now()),
          name: name.trim(),
          protocols: codes,
          verifier: verifierOf(personId, lettersOf(password)!),
        })
        const made = present(row)
        await audited(sql, 'app-password-made', person, made, session.actor)
        return { ...made, password }
      })
    },

    list: async (person) => (await store.appPasswordsOf(db, person)).map(present),

    revoke: (person, id, actor) =>
      db.transaction(async (sql) => {
        const row = await store.deleteAppPassword(sql, person, id)
        if (!row) return null
        await audited(sql, 'app-password-revoked', person, present(row), actor)
        return present(row)
      }),
  }
}
