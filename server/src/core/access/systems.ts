/**
 * An organisation's own system (its mail server, a printer) proves name and password: the same brakes as for people, under
 * names of their own, and the same work for a name that nobody has. Systems sign in anew for each connection, so the last
 * right password is remembered by a keyed digest, in memory alone: only the hashing is spared, never the brakes.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import * as store from '../../store/access.ts'
import { appendAudit } from '../audit/index.ts'
import { networkOf } from './delays.ts'
import { placeOf, type Guard } from './guard.ts'
import type { Passwords } from './passwords.ts'

export interface SystemAttempt {
  /** as the client says it */
  name: string
  password: string
  clientIp: string
}

/** Throws sign-in-failed, sign-in-slow-down, too-busy. `account`: whose name it is; null: nobody's. */
export type VerifySystem = (
  attempt: SystemAttempt,
  account: { organisationId: Id; verifier: string } | null,
) => Promise<void>

const MOST_REMEMBERED = 10_000

export function createVerifySystem(deps: {
  db: Sql
  guard: Guard
  passwords: Passwords
  done(outcome: 'good' | 'failed'): void
}): VerifySystem {
  const secret = randomBytes(32)
  /** by name */
  const right = new Map<string, Buffer>()

  const digest = (verifier: string, password: string): Buffer =>
    createHmac('sha256', secret)
      .update(JSON.stringify([verifier, password]))
      .digest()

  return async ({ name, password, clientIp }, account) => {
    const origin = { name: `system\n${name.toLowerCase()}`, network: networkOf(clientIp) }
    const outcome = await deps.guard.attempt(origin, async () => {
      const mark = account && digest(account.verifier, password)
      const known = right.get(origin.name)
      if (mark && known && timingSafeEqual(known, mark)) return 'again'
      if (!(await deps.passwords.verify(account?.verifier ?? null, password, origin.network))) return null
      if (right.size >= MOST_REMEMBERED) right.clear()
      if (mark) right.set(origin.name, mark)
      return 'right'
    })
    deps.done(outcome ? 'good' : 'failed')
    if (!outcome || !account) throw new WireError('sign-in-failed')
    if (outcome === 'again') return
    if (!(await store.rememberPlace(deps.db, placeOf(origin), account.organisationId))) return
    deps.guard.credit(origin.network)
    await appendAudit(deps.db, {
      organisationId: account.organisationId,
      actor: `system:${name.toLowerCase()}`,
      action: 'signed-in',
      subject: `organisation:${account.organisationId}`,
      detail: { clientIp, by: 'mail system' },
    })
  }
}
