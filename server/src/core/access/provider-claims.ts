/**
 * Whom the claims of an identity provider name, and whether they may be believed. A name counts only at the organisation that declared
 * the issuer, so one organisation's provider can never name another's people; within it, these rules keep out who could have chosen the
 * name: an address that nobody verified, an account of another tenant, a guest.
 */
import { entraTenant, type SignInProvider } from '../directory/index.ts'
import { foldSignInName } from './names.ts'

export type Claims = Record<string, unknown> & { sub: string }
type Rules = Pick<SignInProvider, 'issuer' | 'claim' | 'require'>

/** OpenID Connect Core section 2: at most 255 ASCII characters. Some providers write more; none needs these. */
const LONGEST_SUBJECT = 500

/** Why nobody who carries these claims may come in, tied before or not; null: nothing against them. */
export function claimsProblem(rules: Rules, claims: Claims): string | null {
  if (claims.sub === '' || claims.sub.length > LONGEST_SUBJECT || claims.sub.includes('\0')) return 'its sub is none'
  for (const [claim, value] of Object.entries(rules.require))
    if (claims[claim] !== value) return `its ${claim} is not the one that is required`
  const tenant = entraTenant(rules.issuer)
  if (tenant === null) return null
  if (typeof claims.tid !== 'string' || claims.tid.toLowerCase() !== tenant) return 'it is of another tenant'
  // A guest of the tenant is known there by an address that their home vouches for, or nobody does.
  if (claims.idp !== undefined && claims.idp !== rules.issuer && claims.idp !== claims.iss) return 'it is a guest'
  return null
}

const isTrue = (value: unknown): boolean => value === true || value === 'true' || value === 1 || value === '1'

/** The folded name by which a person is found the first time; null: there is none that may be believed. */
export function nameIn(rules: Rules, claims: Claims): string | null {
  const written = claims[rules.claim]
  if (typeof written !== 'string') return null
  // Entra ID never says email_verified: there an address is anybody's word unless the domain's owner was verified (xms_edov).
  const isVerified = claims.email_verified === true || (entraTenant(rules.issuer) !== null && isTrue(claims.xms_edov))
  if (rules.claim === 'email' && !isVerified) return null
  const folded = foldSignInName(written)
  return folded?.address.includes('@') ? folded.address : null
}
