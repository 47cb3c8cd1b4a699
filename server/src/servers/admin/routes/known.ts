/** /organisations/:org/known-recipients. */
import { forgetKnown, knownAddresses, knownDomains, type KnownAddress } from '../../../core/callouts/index.ts'
import { foldAddress, foldDomain } from '../../../core/directory/index.ts'
import { pageOf } from '../../../core/trace/index.ts'
import { KnownSource, wordOf } from '../../../platform/codes.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Handlers } from '../handler.ts'
import { iso } from '../present.ts'

const present = ({ source, firstSeenAt, seenAt, ...row }: KnownAddress) => ({
  ...row,
  source: wordOf(KnownSource, source),
  firstSeenAt: iso(firstSeenAt),
  seenAt: iso(seenAt),
})

function domainOf(written: string): string {
  const domain = foldDomain(written.trim())
  if (domain === null) throw new WireError('bad-request', 'domain: not a domain name')
  return domain
}

function addressOf(written: string): string {
  const address = foldAddress(written)
  if (address === null) throw new WireError('bad-request', 'address: not an e-mail address')
  return address
}

export const knownHandlers: Handlers<'listKnown' | 'listKnownDomains' | 'forgetKnown'> = {
  async listKnown({ deps, organisationId, query }) {
    const domain = query.domain ? domainOf(query.domain) : null
    const page = await pageOf(
      query.limit,
      ({ address }: KnownAddress) => address,
      (limit) =>
        knownAddresses(deps.db, organisationId, {
          domain,
          after: query.after ?? '',
          limit,
          q: query.q?.trim() ?? '',
        }),
    )
    return { items: page.items.map(present), next: page.next }
  },
  listKnownDomains: ({ deps, organisationId }) => knownDomains(deps.db, organisationId),
  async forgetKnown({ deps, organisationId, body, session }) {
    const what = body.address === undefined ? { domain: domainOf(body.domain!) } : { address: addressOf(body.address) }
    const forgotten = await forgetKnown(deps.db, { organisationId, actor: session.actor }, what)
    if (forgotten === 0) throw new WireError('not-found', 'nothing is known of it')
    return { forgotten }
  },
}
