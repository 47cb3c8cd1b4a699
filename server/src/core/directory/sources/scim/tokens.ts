/**
 * Bearer tokens of SCIM clients (RFC 6750): made here, shown once, kept as a hash. Each is for one source of one organisation,
 * and that is all a request can reach. Several for a source, so that the next one is in place before the old one goes.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../../../platform/clock.ts'
import { PersonSource } from '../../../../platform/codes.ts'
import type { Database, Sql } from '../../../../platform/db/database.ts'
import { newId, type Id } from '../../../../platform/ids.ts'
import { readSources, writeSources } from '../../../../store/directory-sources.ts'
import { lockModel } from '../../../../store/model.ts'
import * as store from '../../../../store/scim-tokens.ts'
import { makeScim, type ScimKey } from '../../../../store/scim.ts'
import { appendAudit } from '../../../audit/index.ts'
import { RunError } from '../runs.ts'

export type ScimToken = store.ScimTokenRow

export interface ScimTokenDeps {
  db: Database
  clock: Clock
}

export const MOST_TOKENS = 20
const PREFIX = 'hfscim-'
const SHAPE = /^hfscim-[A-Za-z0-9_-]{43}$/

/** 256 random bits: nothing slower than SHA-256 makes them harder to guess, and clients show them with every request. */
const verifierOf = (token: string): Buffer => createHash('sha256').update(`scim token\n${token}`).digest()

async function audited(
  sql: Sql,
  action: 'scim-token-made' | 'scim-token-revoked',
  organisationId: Id,
  actor: string,
  one: { id: Id; source: string; name: string },
): Promise<void> {
  await appendAudit(sql, {
    organisationId,
    actor,
    action,
    subject: `organisation:${organisationId}`,
    detail: { id: one.id, source: one.source, name: one.name },
  })
}

/** The source, made where it is new. Throws RunError where the name is another kind's. */
async function sourceNamed(sql: Sql, clock: Clock, organisationId: Id, name: string): Promise<Id> {
  const found = (await readSources(sql, organisationId)).find((one) => one.name === name)
  if (found && found.kind !== PersonSource.scim)
    throw new RunError('kind', `The source "${name}" is of another kind. Name another one.`)
  const id = found?.id ?? newId(clock.now())
  if (!found)
    await writeSources(sql, organisationId, [{ id, name, kind: PersonSource.scim, settings: {}, secret: null }])
  await makeScim(sql, { organisationId, sourceId: id })
  return id
}

/** `token` is in this answer and nowhere else. */
export function makeScimToken(
  { db, clock }: ScimTokenDeps,
  wish: { organisationId: Id; source: string; name: string; expiresAt: Date | null; actor: string },
): Promise<{ id: Id; token: string }> {
  const { organisationId, source, name, expiresAt, actor } = wish
  return db.transaction(async (sql) => {
    await lockModel(sql)
    const sourceId = await sourceNamed(sql, clock, organisationId, source)
    const had = (await store.tokensOf(sql, organisationId)).filter((one) => one.sourceId === sourceId)
    if (had.length >= MOST_TOKENS)
      throw new RunError('kind', `The source has ${MOST_TOKENS} tokens. Revoke those that nobody uses first.`)
    const token = `${PREFIX}${randomBytes(32).toString('base64url')}`
    const id = newId(clock.now())
    await store.insertToken(sql, {
      id,
      organisationId,
      sourceId,
      name,
      verifier: verifierOf(token),
      expiresAt,
      by: actor,
    })
    await audited(sql, 'scim-token-made', organisationId, actor, { id, source, name })
    return { id, token }
  })
}

export const scimTokens = (db: Sql, organisationId: Id): Promise<ScimToken[]> => store.tokensOf(db, organisationId)

/** What it was; null: there is none. What the client wrote stays. */
export function revokeScimToken(
  { db }: Pick<ScimTokenDeps, 'db'>,
  wish: { organisationId: Id; id: Id; actor: string },
): Promise<ScimToken | null> {
  return db.transaction(async (sql) => {
    const gone = await store.deleteToken(sql, wish.organisationId, wish.id)
    if (gone) await audited(sql, 'scim-token-revoked', wish.organisationId, wish.actor, gone)
    return gone
  })
}

/** Whose source a token opens; null for all others, whatever is wrong with them. `place`: the client's network. */
export async function openScim({ db, clock }: ScimTokenDeps, token: string, place: string): Promise<ScimKey | null> {
  if (!SHAPE.test(token)) return null
  const found = await store.tokenByVerifier(db, verifierOf(token), new Date(clock.now()))
  if (!found) return null
  await store.tokenUsed(db, found.id, place)
  return { organisationId: found.organisationId, sourceId: found.sourceId }
}
