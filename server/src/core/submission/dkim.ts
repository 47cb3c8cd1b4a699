/**
 * DKIM signatures (RFC 6376; RFC 8463 for Ed25519) over mail that leaves from a domain of ours. The key is sealed in the
 * domain's row (PKCS #8, PEM) under `domain.dkim_private_sealed:<domain id>`. A domain without a key sends unsigned.
 * A key that cannot be opened fails the sending: a domain that signs does not quietly stop to.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { dkimSignature, type SignedParts } from '../../protocols/dkim/signature.ts'
import { signingKey } from '../../store/submissions.ts'

/**
 * The signature's header field with its line end, to stand before the message; null: the domain has no key, or is not the
 * organisation's. `domain` is folded, as domains are stored: A-labels in lower case, which is also how d= is written (RFC
 * 6376 section 3.5). `parts` is asked where there is a key; the same parts at the same time give the same signature.
 */
export type SignDkim = (
  organisationId: Id,
  domain: string,
  parts: () => SignedParts | Promise<SignedParts>,
  /** milliseconds; left out: now */
  at?: number,
) => Promise<Buffer | null>

export const dkimKeyPlace = (domainId: Id): string => `domain.dkim_private_sealed:${domainId}`

export function createSignDkim(deps: { sql: Sql; keys: Pick<Keys, 'open'>; clock: Clock }): SignDkim {
  return async (organisationId, domain, parts, at = deps.clock.now()) => {
    const key = await signingKey(deps.sql, organisationId, domain)
    if (!key) return null
    const privateKey = openKey(deps.keys, key)
    try {
      const { selector } = key
      return Buffer.from(dkimSignature(await parts(), { domain, selector, key: privateKey, at }))
    } catch (cause) {
      throw new WireError('internal', `the message could not be signed for ${domain}`, { cause })
    }
  }
}

function openKey(keys: Pick<Keys, 'open'>, key: { domain: string; domainId: Id; privateSealed: Buffer }): KeyObject {
  try {
    return createPrivateKey(keys.open(dkimKeyPlace(key.domainId), key.privateSealed))
  } catch (cause) {
    throw new WireError('config', `the DKIM key of ${key.domain} cannot be opened; make a new one`, { cause })
  }
}
