/**
 * Our signature (DKIM) on what an organisation's own systems send to the world: by the key of From's domain, where it is the
 * organisation's and has one here, so that DMARC finds it aligned (RFC 7489 section 3.1) whatever the next hops do to the
 * envelope. The body is hashed while it streams in, as it leaves: bare line ends are mended already.
 *
 * Not signed: what is signed with d= of that domain already (the system has a key of its own); what somebody else wrote, by
 * the envelope's sender; what came in here before and is sent on (our own mark is in it): a stranger's mail under our name
 * must not come back to the world with our word for it. A key that cannot be opened fails the message with 451: a domain
 * that signs does not quietly stop to.
 */
import type { Id } from '../../platform/ids.ts'
import { headerFields, signatureTag, type SignedParts } from '../../protocols/dkim/signature.ts'
import { createStreamedParts } from '../../protocols/dkim/streamed.ts'
import { parseAddresses } from '../../protocols/mime/index.ts'
import { TRACE_HEADER } from '../../protocols/smtp/header-scanner.ts'
import { foldAddress } from '../directory/index.ts'
import type { MxEnvelope, MxRecipient } from './door.ts'
import type { Way } from './outbound.ts'

/** core/submission's: null where the domain has no key or is not the organisation's. */
export type Sign = (organisationId: Id, domain: string, parts: () => SignedParts) => Promise<Buffer | null>

export interface Signer {
  write(chunk: Buffer): void
  /** The field with its line end; null: it goes as it came. Call once, when the message is over. */
  signature(sign: Sign): Promise<Buffer | null>
}

/** Where the listener has no limit of its own. */
const MOST_HEADER = 1_048_576

/** Null for what is not to be signed in any case: nothing is looked at. */
export function signerFor(
  way: Way | null,
  { from }: MxEnvelope,
  recipients: readonly MxRecipient[],
  headerBytes: number,
): Signer | null {
  if (way === null || !(way.isOwnSender || from === '')) return null
  if (!recipients.some(({ recipient }) => recipient.standing === 'outside')) return null
  const parts = createStreamedParts(headerBytes > 0 ? headerBytes : MOST_HEADER)
  return {
    write: (chunk) => parts.write(chunk),
    async signature(sign) {
      const signed = parts.finish()
      const domain = signed && domainToSign(signed.header)
      return signed && domain !== null ? sign(way.organisationId, domain, () => signed) : null
    },
  }
}

/** The domain of all authors, folded; null: there is none, or it needs no signature of ours. */
export function domainToSign(header: Buffer): string | null {
  const fields = headerFields(header)
  const [from, ...more] = fields.get('from') ?? []
  if (from === undefined || more.length > 0 || fields.has(TRACE_HEADER.toLowerCase())) return null
  const domains = new Set(
    parseAddresses(Buffer.from(from, 'latin1').toString('utf8')).map(({ email }) => {
      const folded = foldAddress(email)
      return folded === null ? null : folded.slice(folded.lastIndexOf('@') + 1)
    }),
  )
  const [domain] = domains
  if (domains.size !== 1 || !domain) return null
  const isSigned = (fields.get('dkim-signature') ?? []).some((value) => signatureTag(value, 'd') === domain)
  return isSigned ? null : domain
}
