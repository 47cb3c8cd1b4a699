/**
 * Passkeys (WebAuthn): a key in somebody's telephone, computer or security key, of which we have the public half. It signs in
 * without a name and a password, for it was used with a finger, a face or a PIN; after a password it is the second step. Nothing of
 * it needs the primary, the directory or the identity provider.
 *
 * Promises: what a browser is asked to sign counts once, for minutes, in the browser that asked (login CSRF), at our own address
 * (passkey-place.ts); whoever has no passkey of ours learns nothing, for no name is given before it is used; which ones somebody has is
 * told after their right password alone. One whose counter does not move on is refused and stands in the audit: it, or a copy of
 * it, was used elsewhere. While a one-time password waits to be replaced none signs in alone: it may be the stranger's.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import { PasskeyPurpose } from '../../platform/codes.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, NIL_ID, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { endSessionsOf, lockCredentialsOf, sessionIsThere } from '../../store/access.ts'
import * as store from '../../store/passkeys.ts'
import { deleteHalfSignIns, factorsOf, halfSignInOf, tryHalfSignIn } from '../../store/second-factor.ts'
import { appendAudit } from '../audit/index.ts'
import { networkOf } from './delays.ts'
import type { PasskeyPlace } from './passkey-place.ts'
import { ALGORITHMS, challengeIn, judgeMade, judgeUsed, type MadePasskey, type UsedPasskey } from './passkey-proof.ts'
import { enterBySecond } from './second-factor.ts'
import { actorOf, beginSession, checkChosen, hashOfToken, type Session, type Visitor } from './sessions.ts'

export const CHALLENGE_SECONDS = 300
export const MOST_PASSKEYS = 20
const TOKEN = /^[A-Za-z0-9_-]{43}$/

export interface Passkey {
  id: Id
  name: string
  /** its owner has it on other devices too */
  isBackedUp: boolean
  createdAt: Date
  lastUsedAt: Date | null
  /** made at a name that the pages do not have any more: it cannot be used */
  isForeign: boolean
}

/** As browsers take them (PublicKeyCredentialRequestOptionsJSON). */
export interface UseOptions {
  challenge: string
  rpId: string
  timeout: number
  userVerification: 'required' | 'preferred'
  allowCredentials: Descriptor[]
}

/** PublicKeyCredentialCreationOptionsJSON. */
export interface MakeOptions {
  challenge: string
  rp: { id: string; name: string }
  user: { id: string; name: string; displayName: string }
  pubKeyCredParams: { type: 'public-key'; alg: number }[]
  timeout: number
  attestation: 'none'
  authenticatorSelection: { residentKey: 'required'; requireResidentKey: true; userVerification: 'required' }
  excludeCredentials: Descriptor[]
}
interface Descriptor {
  type: 'public-key'
  id: string
  transports: string[]
}

interface Asked {
  session: Session
  /** of the session */
  token: string
  visitor: Visitor
}

export interface Passkeys {
  /** where they work; null: nowhere */
  place: PasskeyPlace | null
  list(session: Session): Promise<Passkey[]>
  /** What the browser is to make. Throws what signIn throws, not-found, too-many-passkeys. */
  offer(wish: Asked & { current: string; account: string }): Promise<MakeOptions>
  /** Ends the account's other sessions where it is the first second factor. Throws passkey-ended, passkey-refused, conflict. */
  add(wish: Asked & { name: string; made: MadePasskey }): Promise<Passkey>
  /** Throws what signIn throws, and not-found. */
  remove(wish: { session: Session; id: Id; current: string; visitor: Visitor }): Promise<void>
  /** What any passkey may sign, and the cookie the browser is known by. Throws not-found. */
  begin(visitor: Visitor): Promise<{ options: UseOptions; browser: string }>
  /** Gives the session's cookie. Throws passkey-ended, passkey-refused, password-change-needed. */
  signIn(back: {
    browser: string | undefined
    used: UsedPasskey
    visitor: Visitor
    presented?: string | undefined
  }): Promise<string>
  /** The same as the second step. Throws signed-out too (begin anew). */
  beginSecond(half: string | undefined, visitor: Visitor): Promise<UseOptions>
  signInSecond(back: {
    half: string | undefined
    used: UsedPasskey
    visitor: Visitor
    presented?: string | undefined
  }): Promise<string>
}

const holderOf = (purpose: PasskeyPurpose, token: string): Buffer =>
  createHash('sha256').update(`passkey ${purpose}\n${token}`).digest()
const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()
/** How an authenticator files the account: nothing in it says who it is. */
const handleOf = (subjectId: Id): string => Buffer.from(subjectId.replaceAll('-', ''), 'hex').toString('base64url')
const described = (known: { credential: Buffer; transports: string[] }[]): Descriptor[] =>
  known.map(({ credential, transports }) => ({
    ...{ type: 'public-key', id: credential.toString('base64url'), transports },
  }))

export function createPasskeys(deps: {
  db: Database
  clock: Clock
  log: Log
  place: PasskeyPlace | null
  /** throws where it is not the account's password */
  verifyAgain(session: Session, password: string, visitor: Visitor): Promise<Id>
  done: (outcome: 'good' | 'failed') => void
}): Passkeys {
  const { db, clock, log, place } = deps

  function here(): PasskeyPlace {
    if (!place) throw new WireError('not-found', 'passkeys need publicUrl with https and a name')
    return place
  }

  async function challenge(purpose: PasskeyPurpose, token: string, visitor: Visitor): Promise<string> {
    const bytes = randomBytes(32)
    const network = networkOf(visitor.clientIp ?? '')
    const one = { hash: digest(bytes), holderHash: holderOf(purpose, token), purpose }
    await store.insertChallenge(db, { ...one, network, seconds: CHALLENGE_SECONDS })
    return bytes.toString('base64url')
  }

  /** Used up, whatever comes of it. */
  async function taken(purpose: PasskeyPurpose, token: string, clientDataJSON: string): Promise<Buffer> {
    const bytes = challengeIn(clientDataJSON)
    const one = bytes && { hash: digest(bytes), holderHash: holderOf(purpose, token), purpose }
    if (!one || !(await store.takeChallenge(db, one))) throw new WireError('passkey-ended')
    return bytes
  }

  const useOptions = async (
    purpose: PasskeyPurpose,
    token: string,
    visitor: Visitor,
    allowed: Descriptor[],
  ): Promise<UseOptions> => ({
    challenge: await challenge(purpose, token, visitor),
    ...{ rpId: here().rpId, timeout: CHALLENGE_SECONDS * 1000, allowCredentials: allowed },
    userVerification: purpose === PasskeyPurpose.signIn ? 'required' : 'preferred',
  })

  function refuse(why: string): never {
    log.info({ why }, 'a passkey was refused')
    deps.done('failed')
    throw new WireError('passkey-refused')
  }

  async function judged(used: UsedPasskey, proof: Buffer, whose: Id | null) {
    const known = await store.passkeyByCredential(db, Buffer.from(used.id, 'base64url'), here().rpId)
    if (!known) return refuse('nobody who may sign in has it')
    if (whose !== null && whose !== known.subjectId) return refuse('it is somebody else’s')
    // Authenticators that keep accounts say whose it is; without a password it must be said.
    const handle = used.userHandle ?? (whose === null ? '' : handleOf(known.subjectId))
    if (handle !== handleOf(known.subjectId)) return refuse('the authenticator has it for somebody else')
    let reason = 'the signature is not right'
    const { publicKey } = known
    const use = await judgeUsed(
      used,
      here(),
      { challenge: proof, publicKey, verified: whose === null },
      (text) => (reason = text),
    )
    return use ? { known, use } : refuse(reason)
  }

  /** Counts the use in the transaction that begins the session; null: its counter went back, which is in the audit. */
  async function counted(
    sql: Sql,
    { known, use }: Awaited<ReturnType<typeof judged>>,
    visitor: Visitor,
    enter: () => Promise<string>,
  ): Promise<string | null> {
    const outcome = await store.usePasskey(sql, known.id, use)
    if (outcome === 'gone') return refuse('it was removed meanwhile')
    if (outcome === 'used') return enter()
    await audited(sql, 'passkey-counter-back', known, actorOf(known), {
      ...{ name: known.name, clientIp: visitor.clientIp, counter: use.counter, before: known.counter },
    })
    return null
  }

  const audited = (
    sql: Sql,
    action: 'passkey-made' | 'passkey-removed' | 'passkey-counter-back',
    whose: { subjectId: Id; organisationId: Id | null },
    actor: string,
    detail: Record<string, string | number | boolean | null>,
  ) =>
    appendAudit(sql, {
      organisationId: whose.organisationId ?? NIL_ID,
      ...{ actor, action, subject: actorOf(whose), detail },
    })

  const present = ({ rpId, ...row }: store.PasskeyRow): Passkey => ({ ...row, isForeign: rpId !== place?.rpId })

  return {
    place,
    list: async ({ subjectId }) => (await store.passkeysOf(db, subjectId)).map(present),

    async offer({ session, token, current, account, visitor }) {
      checkChosen(session)
      const { rpId } = here()
      await deps.verifyAgain(session, current, visitor)
      if ((await store.passkeysOf(db, session.subjectId)).length >= MOST_PASSKEYS)
        throw new WireError('too-many-passkeys')
      return {
        challenge: await challenge(PasskeyPurpose.add, token, visitor),
        rp: { id: rpId, name: 'Holdfast' },
        user: { id: handleOf(session.subjectId), name: account, displayName: session.name },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        ...{ timeout: CHALLENGE_SECONDS * 1000, attestation: 'none' },
        authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
        excludeCredentials: described(await store.credentialsOf(db, session.subjectId, rpId)),
      }
    },

    async add({ session, token, name, made }) {
      checkChosen(session)
      here()
      if (name.trim() === '') throw new WireError('bad-request', 'name: say which device it is on')
      const proof = await taken(PasskeyPurpose.add, token, made.clientDataJSON)
      let reason = 'it cannot be believed'
      const one = await judgeMade(made, here(), proof, (text) => (reason = text))
      if (!one) return refuse(reason)
      const { subjectId, organisationId, actor } = session
      return db.transaction(async (sql) => {
        // Sign-ins by the password alone that are under way are over before it is asked for, or see that it is.
        await lockCredentialsOf(sql, subjectId)
        // A reset that came meanwhile has the last word.
        if (!(await sessionIsThere(sql, session.tokenHash))) throw new WireError('signed-out')
        const before = await factorsOf(sql, subjectId, here().rpId)
        if ((await store.passkeysOf(sql, subjectId)).length >= MOST_PASSKEYS) throw new WireError('too-many-passkeys')
        const row = await store.insertPasskey(sql, {
          ...{ id: newId(clock.now()), subjectId, organisationId, rpId: here().rpId, ...one },
          ...{ name: name.trim(), transports: made.transports },
        })
        if (!row) throw new WireError('conflict', 'this passkey is in use already')
        await audited(sql, 'passkey-made', session, actor, { name: row.name, isBackedUp: row.isBackedUp })
        // Whoever is in elsewhere came in by the password alone, and could remove it again.
        if (!before.app && !before.passkey) await endSessionsOf(sql, subjectId, { id: null, except: session.tokenHash })
        return present(row)
      })
    },

    async remove({ session, id, current, visitor }) {
      checkChosen(session)
      await deps.verifyAgain(session, current, visitor)
      await db.transaction(async (sql) => {
        const [name] = await store.deletePasskeys(sql, session.subjectId, id)
        if (name === undefined) throw new WireError('not-found')
        await deleteHalfSignIns(sql, session.subjectId)
        await audited(sql, 'passkey-removed', session, session.actor, { name })
      })
    },

    async begin(visitor) {
      here()
      const browser = randomBytes(32).toString('base64url')
      return { options: await useOptions(PasskeyPurpose.signIn, browser, visitor, []), browser }
    },

    async signIn({ browser, used, visitor, presented }) {
      here()
      if (browser === undefined || !TOKEN.test(browser)) throw new WireError('passkey-ended')
      const one = await judged(used, await taken(PasskeyPurpose.signIn, browser, used.clientDataJSON), null)
      const { known } = one
      if (known.mustChange) {
        deps.done('failed')
        throw new WireError('password-change-needed', 'sign in with the one-time password you were given')
      }
      const token = await db.transaction((sql) =>
        counted(sql, one, visitor, async () => {
          const actor = actorOf(known)
          await appendAudit(sql, {
            organisationId: known.organisationId ?? NIL_ID,
            ...{ actor, action: 'signed-in', subject: actor },
            detail: { clientIp: visitor.clientIp, by: 'passkey', name: known.name },
          })
          return beginSession(sql, known, visitor, presented)
        }),
      )
      if (token === null) return refuse('its counter went back')
      deps.done('good')
      return token
    },

    async beginSecond(half, visitor) {
      const { rpId } = here()
      const whose = half !== undefined && TOKEN.test(half) ? await halfSignInOf(db, hashOfToken(half)) : null
      if (half === undefined || whose === null) throw new WireError('signed-out', 'begin again with your password')
      const allowed = described(await store.credentialsOf(db, whose, rpId))
      if (allowed.length === 0) throw new WireError('not-found')
      return useOptions(PasskeyPurpose.second, half, visitor, allowed)
    },

    async signInSecond({ half: token, used, visitor, presented }) {
      here()
      const half = await tryHalfSignIn(db, hashOfToken(token ?? ''))
      if (!half) throw new WireError('signed-out', 'begin again with your password')
      const one = await judged(
        used,
        await taken(PasskeyPurpose.second, token ?? '', used.clientDataJSON),
        half.subjectId,
      )
      const entered = await db.transaction((sql) =>
        counted(sql, one, visitor, () =>
          enterBySecond(sql, { half, token: token ?? '', factor: 'passkey', visitor, presented }),
        ),
      )
      if (entered === null) return refuse('its counter went back')
      deps.done('good')
      return entered
    },
  }
}
