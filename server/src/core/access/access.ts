/**
 * Signing in and what follows: sessions, passwords, the first administrator. Independent of the primary and its identity
 * provider (promise 3). A wrong name and a wrong password get the same answer after the same work, and the same brakes.
 * Secrets are never logged and never in an audit row.
 */
import { createHash, randomBytes } from 'node:crypto'
import { LinkPurpose } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { NIL_ID, newId } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import * as store from '../../store/access.ts'
import { useCode } from '../../store/emergency-codes.ts'
import { countForeignPasskeys, deleteOldChallenges } from '../../store/passkeys.ts'
import { deleteOldAttempts } from '../../store/provider-sign-in.ts'
import { deleteHalfSignIns, deleteOldHalfSignIns } from '../../store/second-factor.ts'
import { deleteOldLinks, endOtherWaysIn, useSignInLink } from '../../store/sign-in-links.ts'
import { addressesOfPerson } from '../../store/directory.ts'
import { appendAudit } from '../audit/index.ts'
import { createAppPasswords, type AppPasswords } from './app-passwords.ts'
import { createByProvider, type ByProvider } from './by-provider.ts'
import { createChain } from './chain.ts'
import { networkOf } from './delays.ts'
import { createDirectories, type Directories } from './directories.ts'
import { createGuard, placeOf, type Origin } from './guard.ts'
import { foldSignInName } from './names.ts'
import { createOwnSessions, type OwnSessions } from './own-sessions.ts'
import { passkeyPlace } from './passkey-place.ts'
import { createPasskeys, type Passkeys } from './passkeys.ts'
import { checkPasswordRules } from './password-rules.ts'
import { createPasswords } from './passwords.ts'
import { createProve } from './prove.ts'
import { createProviders, type Providers } from './providers.ts'
import { askSecondFactor, createSecondFactor, type SecondFactor, SecondFactorNeeded } from './second-factor.ts'
import type { Session, Visitor } from './sessions.ts'
import { beginSession, endSession, findSession } from './sessions.ts'
import { tellOwner } from './tell-owner.ts'
import { createVerifySystem, type VerifySystem } from './systems.ts'
import { createVerifyPerson, type PersonAttempt, type SignedPerson } from './verify-person.ts'

const SETUP_SECONDS = 24 * 3600
const SWEEP_MS = 3_600_000

export interface Access {
  /**
   * Gives the cookie's value. In place of the password a person's emergency code is taken, once; what follows is choosing a new
   * password. Throws sign-in-failed, sign-in-slow-down (detail: seconds), too-busy, SecondFactorNeeded.
   */
  signIn(attempt: { name: string; password: string; visitor: Visitor; presented?: string | undefined }): Promise<string>
  /**
   * Name and password of a person (an operator is nobody here), with the brakes of signIn and no session: for protocols
   * that prove it on each connection. An app password of the protocol is as good as the account's. Throws what signIn
   * throws, and password-change-needed.
   */
  verifyPerson(attempt: PersonAttempt): Promise<SignedPerson>
  verifySystem: VerifySystem
  byProvider: ByProvider
  /** Does what verifyPerson said still hold? No more once that password was changed or revoked, or the person disabled. */
  holds(person: SignedPerson): Promise<boolean>
  appPasswords: AppPasswords
  secondFactor: SecondFactor
  passkeys: Passkeys
  session(token: string | undefined): Promise<Session | null>
  ownSessions: OwnSessions
  signOut(token: string | undefined): Promise<void>
  /** The account's password once more, with the brakes of signing in. Throws sign-in-failed, sign-in-slow-down. */
  proveAgain(session: Session, password: string, visitor: Visitor): Promise<unknown>
  /** By a link that was sent to somebody's private address, once. Gives the cookie's value; a new password is chosen next. */
  signInByLink(attempt: { token: string; visitor: Visitor; presented?: string | undefined }): Promise<string>
  /** Gives a new cookie's value; every other session of the account ends, app passwords stay. */
  changePassword(change: { session: Session; current: string; next: string; visitor: Visitor }): Promise<string>
  /** By an admin or the command line; ends the account's sessions. App passwords stay, and wait where it must be changed. */
  setPassword(
    sql: Sql,
    whose: { subjectId: Id; organisationId: Id | null },
    password: string,
    how: { mustChange: boolean; actor: string },
  ): Promise<void>
  setLocale(session: Session, locale: string): Promise<void>
  /** A new one-time link's token; an earlier unused one ends. */
  makeSetupLink(sql: Sql, actor: string): Promise<string>
  setupLinkValid(token: string): Promise<boolean>
  /** Uses a link up: the first administrator. Gives the cookie's value. */
  setUp(first: {
    token: string
    name: string
    display: string
    password: string
    locale: string
    visitor: Visitor
  }): Promise<string>
  operatorCount(): Promise<number>
  /** Who a sign-in name means: for the command line. */
  find(name: string): Promise<{ subjectId: Id; organisationId: Id | null } | null>
  start(): Promise<void>
  stop(): Promise<void>
}

export interface AccessDeps {
  db: Database
  clock: Clock
  log: Log
  metrics?: Metrics
  /** opens the sealed passwords of search accounts; without it no directory is asked */
  keys?: () => Keys
  directories?: Directories
  providers?: Providers
  /** where people reach the pages: passkeys are made for it; left out: there are none */
  publicUrl?: string
  /** operators are to have a second factor too */
  operatorsNeedSecondFactor?: boolean
}

const tokenHash = (token: string): Buffer => createHash('sha256').update(token).digest()

export function createAccess(deps: AccessDeps): Access {
  const { db, clock, log } = deps
  const passwords = createPasswords()
  const questions = deps.metrics?.counter(
    'holdfast_directory_answers_total',
    'What directories said of passwords, by verdict',
    ['verdict'],
  )
  const answered = (verdict: string): void => questions?.inc({ verdict })
  const directories = deps.directories ?? createDirectories({ clock, log, answered })
  const noKeys = (): Keys => {
    throw new Error('there is no master key here')
  }
  const check = createProve({ db, clock, log, passwords, directories, keys: deps.keys ?? noKeys })
  const counter = deps.metrics?.counter('holdfast_sign_ins_total', 'Tries to sign in by outcome', ['outcome'])
  const guard = createGuard({
    clock,
    isKnown: (place) => store.isKnownPlace(db, place),
    braked: () => counter?.inc({ outcome: 'braked' }),
  })
  const chain = createChain({ db, log, guard, prove: check, done: (outcome) => counter?.inc({ outcome }) })
  const byProvider = createByProvider({
    ...{ db, log, keys: deps.keys ?? noKeys, providers: deps.providers ?? createProviders({ clock, log }) },
    done: (outcome) => counter?.inc({ outcome }),
  })
  const place = passkeyPlace(deps.publicUrl ?? '')
  const rules = { rpId: place?.rpId ?? null, operatorsNeedOne: deps.operatorsNeedSecondFactor ?? false }
  let sweep: { cancel(): void } | null = null

  /** True where the name signs in from there for the first time. */
  async function remember(origin: Origin, subjectId: Id): Promise<boolean> {
    const isNewPlace = await store.rememberPlace(db, placeOf(origin), subjectId)
    if (isNewPlace) guard.credit(origin.network)
    return isNewPlace
  }

  async function verifyOwn(session: Session, password: string, visitor: Visitor): Promise<Id> {
    const origin = { name: session.subjectId, network: networkOf(visitor.clientIp ?? '') }
    const right = await guard.attempt(origin, async () => {
      const own = await store.verifierOf(db, session.subjectId)
      if (!own)
        throw new WireError(
          'bad-request',
          'your password is kept in the directory of your organisation: change it there',
        )
      return (await passwords.verify(own.verifier, password, origin.network)) ? own.credentialId : null
    })
    counter?.inc({ outcome: right ? 'good' : 'failed' })
    if (right === null) throw new WireError('sign-in-failed', 'the current password is not right')
    return right
  }

  /** The one of somebody who is signed in, once more: kept here, or in their directory. */
  async function verifyAgain(session: Session, password: string, visitor: Visitor): Promise<Id> {
    const [own] =
      session.organisationId === null ? [] : await addressesOfPerson(db, session.organisationId, session.subjectId)
    const origin = { name: session.subjectId, network: networkOf(visitor.clientIp ?? '') }
    const right = await guard.attempt(origin, async () => {
      const [one] = await store.candidatesByName(db, { address: own?.address ?? '', upn: '', operator: '' })
      const proof = await check(one, password, origin.network)
      return proof?.subjectId === session.subjectId ? proof.credentialId : null
    })
    counter?.inc({ outcome: right ? 'good' : 'failed' })
    if (right === null) throw new WireError('sign-in-failed', 'the current password is not right')
    return right
  }

  const verifyAny: typeof verifyAgain = (session, password, visitor) =>
    (session.organisationId === null ? verifyOwn : verifyAgain)(session, password, visitor)

  async function ownWords(session: Session): Promise<string[]> {
    const own =
      session.organisationId === null ? [] : await addressesOfPerson(db, session.organisationId, session.subjectId)
    return [session.name, ...own.map((each) => each.address)]
  }

  const newCredential = (
    whose: { subjectId: Id; organisationId: Id | null },
    verifier: string,
    mustChange: boolean,
  ): store.NewCredential => ({
    credentialId: newId(clock.now()),
    organisationId: whose.organisationId,
    subjectId: whose.subjectId,
    verifier,
    mustChange,
  })

  return {
    async signIn({ name, password, visitor, presented }) {
      const attempt = { name, password, clientIp: visitor.clientIp, protocol: null }
      const { found, origin, code } = await chain(attempt, () => true)
      await remember(origin, found.subjectId)
      const byDirectory = found.by === 'directory' || found.by === 'remembered'
      const entered = await db.transaction(async (sql) => {
        if (!code) {
          // Holds the password until the session is there: see confirm of second-factor.ts.
          if (found.credentialId !== null && !(await store.credentialUsed(sql, found.credentialId)))
            throw new WireError('sign-in-failed')
          const proof = byDirectory ? found.by : null
          const needed = await askSecondFactor(sql, { ...found, proof, choosesPassword: false }, place)
          if (needed) return needed
        }
        const left = code && (await useCode(sql, found.subjectId, code))
        // Somebody else was there first with the same code.
        if (code && left === null) throw new WireError('sign-in-failed')
        const begun = { ...found, byDirectory, choosesPassword: code !== null }
        const token = await beginSession(sql, begun, visitor, presented)
        await appendAudit(sql, {
          organisationId: found.organisationId ?? NIL_ID,
          actor: `${found.organisationId === null ? 'operator' : 'person'}:${found.subjectId}`,
          action: 'signed-in',
          subject: `${found.organisationId === null ? 'operator' : 'person'}:${found.subjectId}`,
          detail: {
            clientIp: visitor.clientIp,
            ...(byDirectory ? { proof: found.by } : {}),
            ...(code ? { by: 'emergency code', codesLeft: left } : {}),
          },
        })
        return token
      })
      if (entered instanceof SecondFactorNeeded) throw entered
      return entered
    },

    verifyPerson: createVerifyPerson({ db, prove: chain, remember }),
    verifySystem: createVerifySystem({ db, guard, passwords, done: (outcome) => counter?.inc({ outcome }) }),
    holds: (person) => store.credentialHolds(db, person),

    byProvider,
    appPasswords: createAppPasswords({ db, clock, verifyAgain }),
    secondFactor: createSecondFactor({ db, clock, guard, keys: deps.keys ?? noKeys, verifyAgain: verifyAny }),
    passkeys: createPasskeys({
      ...{ db, clock, log, place, verifyAgain: verifyAny },
      done: (outcome) => counter?.inc({ outcome }),
    }),
    proveAgain: verifyAgain,
    session: (token) => findSession(db, token, rules),
    ownSessions: createOwnSessions({ db }),
    signOut: (token) => endSession(db, token),
    async signInByLink({ token, visitor, presented }) {
      const entered = await db.transaction(async (sql) => {
        const whose = await useSignInLink(sql, tokenHash(token))
        if (!whose) throw new WireError('not-found', 'this link was used or has ended; ask for a new one')
        const half = { ...whose, credentialId: null, proof: null, choosesPassword: true }
        // The link is used up all the same: what is half open is committed with it.
        const needed = await askSecondFactor(sql, half, place)
        if (needed) return needed
        const actor = `person:${whose.subjectId}`
        await appendAudit(sql, {
          organisationId: whose.organisationId,
          actor,
          action: 'signed-in',
          subject: actor,
          detail: { clientIp: visitor.clientIp, by: 'link to a private address' },
        })
        return beginSession(sql, { ...whose, choosesPassword: true }, visitor, presented)
      })
      if (entered instanceof SecondFactorNeeded) throw entered
      return entered
    },

    async changePassword({ session, current, next, visitor }) {
      const proved = session.choosesPassword ? null : await verifyOwn(session, current, visitor)
      checkPasswordRules(next, await ownWords(session))
      if (!session.choosesPassword && next === current)
        throw new WireError('bad-request', 'next: take another password than the current one')
      const verifier = await passwords.hash(next)
      return db.transaction(async (sql) => {
        // Ended or reset while this one was on its way: whoever did that has the last word.
        const holds = proved === null || (await store.lockCredential(sql, session.subjectId, proved))
        if (!holds || !(await store.deleteSession(sql, session.tokenHash))) throw new WireError('signed-out')
        await store.replaceCredential(sql, newCredential(session, verifier, false))
        await store.deleteSessionsOf(sql, session.subjectId)
        await deleteHalfSignIns(sql, session.subjectId)
        await appendAudit(sql, {
          organisationId: session.organisationId ?? NIL_ID,
          actor: session.actor,
          action: 'password-changed',
          subject: session.actor,
        })
        return beginSession(sql, { ...session, choosesPassword: false }, visitor, undefined)
      })
    },

    async setPassword(sql, whose, password, how) {
      await store.replaceCredential(sql, newCredential(whose, await passwords.hash(password), how.mustChange))
      const ended = await store.deleteSessionsOf(sql, whose.subjectId)
      await deleteHalfSignIns(sql, whose.subjectId)
      // Somebody has lost something: codes and links that are about are in the same hands, perhaps.
      if (how.mustChange) await endOtherWaysIn(sql, whose.subjectId)
      await appendAudit(sql, {
        organisationId: whose.organisationId ?? NIL_ID,
        actor: how.actor,
        action: 'password-set',
        subject: `${whose.organisationId === null ? 'operator' : 'person'}:${whose.subjectId}`,
        detail: { mustChange: how.mustChange, sessionsEnded: ended },
      })
      await tellOwner(sql, { ...whose, kind: 'password-reset', actor: how.actor }, clock.now())
    },

    setLocale: (session, locale) => store.setLocale(db, session, locale),

    async makeSetupLink(sql, actor) {
      const token = randomBytes(32).toString('base64url')
      await store.insertLink(sql, { tokenHash: tokenHash(token), purpose: LinkPurpose.setup, seconds: SETUP_SECONDS })
      await appendAudit(sql, { organisationId: NIL_ID, actor, action: 'setup-link-made', subject: 'installation' })
      return token
    },
    setupLinkValid: (token) => store.linkIsValid(db, tokenHash(token), LinkPurpose.setup),

    async setUp({ token, name, display, password, locale, visitor }) {
      const folded = foldSignInName(name)
      if (!folded) throw new WireError('bad-request', 'name: not a name to sign in with')
      if (/\s/.test(folded.operator))
        throw new WireError('bad-request', 'name: a sign-in name has no spaces; take for example "admin"')
      if (!(await store.linkIsValid(db, tokenHash(token), LinkPurpose.setup)))
        throw new WireError(
          'not-found',
          'this link was used or has ended; make a new one with "holdfast admin setup-link"',
        )
      checkPasswordRules(password, [name, display])
      const verifier = await passwords.hash(password)
      const operatorId = newId(clock.now())
      return db.transaction(async (sql) => {
        if (!(await store.useLink(sql, tokenHash(token), LinkPurpose.setup)))
          throw new WireError('not-found', 'this link was used or has ended')
        if (!(await store.insertOperator(sql, { operatorId, name: folded.operator, display, locale })))
          throw new WireError('conflict', 'name: somebody has this name already')
        const subject = { subjectId: operatorId, organisationId: null }
        await store.replaceCredential(sql, newCredential(subject, verifier, false))
        await appendAudit(sql, {
          organisationId: NIL_ID,
          actor: `operator:${operatorId}`,
          action: 'operator-created',
          subject: `operator:${operatorId}`,
          detail: { name: folded.operator },
        })
        return beginSession(sql, subject, visitor, undefined)
      })
    },

    operatorCount: () => store.operatorCount(db),
    async find(name) {
      const folded = foldSignInName(name)
      const [found] = folded ? await store.candidatesByName(db, folded) : []
      if (!found || found.subjectId === null) return null
      return { subjectId: found.subjectId, organisationId: found.organisationId }
    },

    async start() {
      const foreign = await countForeignPasskeys(db, rules.rpId)
      if (foreign > 0)
        log.warn(
          { passkeys: foreign, publicUrl: deps.publicUrl },
          'passkeys were made for another publicUrl and cannot be used at this one; who has no other second factor signs in without one',
        )
      sweep = clock.every(
        SWEEP_MS,
        () =>
          void Promise.all([
            store.deleteEndedSessions(db),
            deleteOldLinks(db),
            deleteOldAttempts(db),
            deleteOldHalfSignIns(db),
            deleteOldChallenges(db),
            store.forgetOldPlaces(db),
          ]).catch((error: unknown) => log.debug({ err: String(error) }, 'ended sessions not swept')),
      )
    },
    async stop() {
      sweep?.cancel()
      directories.stop()
      guard.stop(new WireError('shutting-down'))
    },
  }
}
