/** The DKIM signature of a report (RFC 8460 section 3): by the key of our own host name, or of the domain it is in, where we have one. */
import { createPrivateKey } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Keys } from '../../platform/keys.ts'
import { dkimSignature, signedParts } from '../../protocols/dkim/signature.ts'
import { signingKeyOfHost } from '../../store/tls-reports.ts'
import { dkimKeyPlace } from '../submission/index.ts'

/** mx.mail.example.org and all above it with at least two labels. */
export function domainsOf(hostname: string): string[] {
  const labels = hostname.toLowerCase().split('.')
  return labels.slice(0, -1).map((_, i) => labels.slice(i).join('.'))
}

export async function signReport(
  deps: { db: Sql; keys: Pick<Keys, 'open'>; clock: Clock },
  hostname: string,
  mail: Buffer,
): Promise<Buffer> {
  const found = await signingKeyOfHost(deps.db, domainsOf(hostname))
  if (!found) return mail
  const key = createPrivateKey(deps.keys.open(dkimKeyPlace(found.domainId), found.privateSealed))
  const signature = dkimSignature(await signedParts(mail), {
    domain: found.domain,
    selector: found.selector,
    key,
    at: deps.clock.now(),
  })
  return Buffer.concat([Buffer.from(signature), mail])
}
