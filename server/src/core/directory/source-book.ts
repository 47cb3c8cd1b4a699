/**
 * Every organisation's outbound sources in memory: asked for each recipient that comes to the MX listener. An organisation
 * whose stored sources are not valid has none, and the log says so: nobody is trusted by mistake.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Id } from '../../platform/ids.ts'
import { allOutboundSources, type OutboundSourcesRow } from '../../store/outbound-sources.ts'
import { followDirectory, type FollowDeps, type Followed } from './followed.ts'
import { boundedCache } from './generations.ts'
import { isFrom, outboundSourceSchema, parseNetwork, type OutboundSource } from './outbound-source.ts'

export interface Source {
  organisationId: Id
  /** null: the organisation has no way out */
  outboundRouteId: Id | null
  /** the header that must be there as well; null: the address, password or certificate is enough */
  tenant: { name: string; value: string } | null
  /** the organisation's */
  domains: ReadonlySet<string>
}

/** That a client is one of an organisation's systems: worth something as long as the book knows its key. */
export interface Proof {
  how: 'password' | 'certificate'
  key: string
}

/** Who is at the other end of a connection. */
export interface SourceClient {
  clientIp: string
  /** what it has proved; null or left out: its address is all we know */
  proof?: Proof | null
}

/** A system that signs in. */
export interface SystemAccount {
  organisationId: Id
  verifier: string
  proof: Proof
}

export interface SourceBook extends Followed {
  /** Whose systems this client is. What it has proved goes before where it comes from. */
  of(client: SourceClient): readonly Source[]
  /** Has the organisation named any? */
  has(organisationId: Id): boolean
  /** Is there a system that signs in? */
  takesPasswords(): boolean
  /** Is there one that is known by its certificate? */
  asksForCertificates(): boolean
  account(username: string): SystemAccount | null
  /** `fingerprints`: of one certificate and its key, as they are stored. */
  byCertificate(fingerprints: readonly string[]): Proof | null
}

const NONE: readonly Source[] = []
const MOST_CACHED = 10_000
const listSchema = z.array(outboundSourceSchema)

interface Entries {
  byAddress: { source: Source; networks: NonNullable<ReturnType<typeof parseNetwork>>[] }[]
  accounts: Map<string, SystemAccount>
  /** by the key of a proof */
  proven: Map<string, Source[]>
  asksForCertificates: boolean
  /** those that have named any */
  organisations: Set<Id>
}

const noEntries = (): Entries => ({
  byAddress: [],
  accounts: new Map(),
  proven: new Map(),
  asksForCertificates: false,
  organisations: new Set(),
})

const certificateKey = (fingerprint: string): string => `certificate ${fingerprint}`
/** Another password is another key: who signed in with the one before is nobody any more. */
const passwordKey = (username: string, verifier: string): string =>
  `password ${username} ${createHash('sha256').update(verifier).digest('base64')}`

export function createSourceBook(deps: FollowDeps): SourceBook {
  let entries = noEntries()
  const answers = boundedCache<readonly Source[]>(MOST_CACHED)

  async function read(): Promise<void> {
    const next = noEntries()
    for (const row of await allOutboundSources(deps.db)) {
      const { organisationId } = row
      const domains = new Set(row.domains)
      const parsed = listSchema.safeParse(row.sources)
      if (!parsed.success) {
        deps.log.error({ organisationId, problem: parsed.error.issues[0]?.message }, 'outbound sources are not valid')
        continue
      }
      for (const declared of parsed.data) enter(next, declared, row, domains)
    }
    entries = next
    answers.clear()
  }

  return {
    of({ clientIp, proof }) {
      const proven = proof ? entries.proven.get(proof.key) : undefined
      if (proven) return proven
      if (entries.byAddress.length === 0) return NONE
      const known = answers.get(clientIp)
      if (known) return known
      const found = entries.byAddress.filter(({ networks }) => isFrom(networks, clientIp)).map(({ source }) => source)
      answers.set(clientIp, found)
      return found
    },
    has: (organisationId) => entries.organisations.has(organisationId),
    takesPasswords: () => entries.accounts.size > 0,
    asksForCertificates: () => entries.asksForCertificates,
    account: (username) => entries.accounts.get(username.toLowerCase()) ?? null,
    byCertificate(fingerprints) {
      const key = fingerprints.map(certificateKey).find((one) => entries.proven.has(one))
      return key === undefined ? null : { how: 'certificate', key }
    },
    ...followDirectory(deps, 'outbound sources', read),
  }
}

function enter(
  entries: Entries,
  declared: OutboundSource,
  row: OutboundSourcesRow,
  domains: ReadonlySet<string>,
): void {
  const { organisationId, outboundRouteId } = row
  const source: Source = { organisationId, outboundRouteId, tenant: declared.tenantHeader ?? null, domains }
  entries.organisations.add(organisationId)
  const prove = (key: string): void => {
    entries.proven.set(key, [...(entries.proven.get(key) ?? []), source])
  }
  if (declared.networks) {
    const networks = declared.networks.map(parseNetwork).filter((network) => network !== null)
    entries.byAddress.push({ source, networks })
  }
  for (const fingerprint of declared.clientCertificates ?? []) {
    entries.asksForCertificates = true
    prove(certificateKey(fingerprint))
  }
  const { username } = declared
  if (username === undefined || !Object.hasOwn(row.verifiers, username)) return
  const verifier = row.verifiers[username]!
  const key = passwordKey(username, verifier)
  entries.accounts.set(username, { organisationId, verifier, proof: { how: 'password', key } })
  prove(key)
}
