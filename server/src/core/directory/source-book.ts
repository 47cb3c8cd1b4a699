/**
 * Every organisation's outbound sources in memory: asked for each recipient that comes to the MX listener. Read again when
 * the directory's generation has moved. An organisation whose stored sources are not valid has none, and the log says so:
 * nobody is trusted by mistake.
 */
import { z } from 'zod'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { readGeneration } from '../../store/directory.ts'
import { allOutboundSources } from '../../store/outbound-sources.ts'
import { boundedCache } from './generations.ts'
import { isFrom, outboundSourceSchema, parseNetwork } from './outbound-source.ts'

export interface Source {
  organisationId: Id
  /** null: the organisation has no way out */
  outboundRouteId: Id | null
  /** the header that must be there as well; null: the address alone is enough */
  tenant: { name: string; value: string } | null
}

export interface SourceBook {
  /** Whose systems send from this address. */
  of(clientIp: string): readonly Source[]
  /** Has the organisation named any? */
  has(organisationId: Id): boolean
  refresh(): Promise<void>
  start(): Promise<void>
  stop(): void
}

const NONE: readonly Source[] = []
const MOST_CACHED = 10_000
const listSchema = z.array(outboundSourceSchema)

export function createSourceBook(deps: { db: Database; clock: Clock; log: Log; pollMs?: number }): SourceBook {
  let entries: { source: Source; networks: NonNullable<ReturnType<typeof parseNetwork>>[] }[] = []
  const answers = boundedCache<readonly Source[]>(MOST_CACHED)
  let generation = -1
  let timer: Timer | null = null
  let reading = false

  async function refresh(): Promise<void> {
    const now = await readGeneration(deps.db)
    if (now === generation) return
    const next: typeof entries = []
    for (const { organisationId, outboundRouteId, sources } of await allOutboundSources(deps.db)) {
      const parsed = listSchema.safeParse(sources)
      if (!parsed.success) {
        deps.log.error({ organisationId, problem: parsed.error.issues[0]?.message }, 'outbound sources are not valid')
        continue
      }
      for (const { networks, tenantHeader } of parsed.data)
        next.push({
          source: { organisationId, outboundRouteId, tenant: tenantHeader ?? null },
          networks: networks.flatMap((text) => {
            const network = parseNetwork(text)
            return network ? [network] : []
          }),
        })
    }
    entries = next
    answers.clear()
    generation = now
  }

  return {
    of(clientIp) {
      if (entries.length === 0) return NONE
      const known = answers.get(clientIp)
      if (known) return known
      const found = entries.filter(({ networks }) => isFrom(networks, clientIp)).map(({ source }) => source)
      answers.set(clientIp, found)
      return found
    },
    has: (organisationId) => entries.some(({ source }) => source.organisationId === organisationId),
    refresh,
    async start() {
      await refresh()
      timer = deps.clock.every(deps.pollMs ?? 1000, () => {
        if (reading) return
        reading = true
        refresh()
          .catch((error: unknown) =>
            deps.log.warn({ err: String(error) }, 'outbound sources could not be read; the last ones stand'),
          )
          .finally(() => {
            reading = false
          })
      })
    },
    stop: () => timer?.cancel(),
  }
}
