/** The part of `holdfast doctor` about our own sight: can Holdfast tell its own dead uplink from a dead mail system? */
import type { Finding } from './doctor.ts'
import { askReference } from '../clients/reference.ts'
import { groupRelated, MOST_ALONE } from '../core/continuity/index.ts'
import { routeSettingsSchema } from '../core/directory/index.ts'
import { systemClock } from '../platform/clock.ts'
import { RouteKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import { allRoutes } from '../store/routes.ts'

const TIMEOUT_MS = 5_000
const name = 'own sight'

export async function sightFindings(sql: Sql, references: readonly string[]): Promise<Finding[]> {
  if (references.length > 0) return Promise.all(references.map(ask))
  const unrelated = await countUnrelated(sql)
  if (unrelated === 0) return []
  if (unrelated >= MOST_ALONE)
    return [
      {
        name,
        standing: 'ok',
        text: `${unrelated} mail systems that have nothing to do with each other: when most of them fail at once, it is this machine's network`,
        remedy: '',
      },
    ]
  return [
    {
      name,
      standing: 'warning',
      text: `${unrelated === 1 ? 'only one mail system' : 'only two unrelated mail systems'} and no reference hosts: when this machine's own uplink fails silently, that looks as if the mail system were dead`,
      remedy:
        'Set continuity.references to two or three hosts of other providers that nearly always answer (a name server as host:53, an https address).',
    },
  ]
}

async function countUnrelated(sql: Sql): Promise<number> {
  const routes = (await allRoutes(sql)).flatMap(({ kind, settings, routeId }) => {
    const parsed = routeSettingsSchema.safeParse(settings)
    if (kind !== RouteKind.primary || !parsed.success || parsed.data.hosts.length === 0) return []
    return [{ id: routeId, hosts: parsed.data.hosts.map(({ host }) => host) }]
  })
  return new Set(groupRelated(routes, () => []).values()).size
}

async function ask(reference: string): Promise<Finding> {
  try {
    await askReference(reference, TIMEOUT_MS, systemClock)
    return { name, standing: 'ok', text: `reference ${reference} answers`, remedy: '' }
  } catch (error) {
    return {
      name,
      standing: 'warning',
      text: `reference ${reference}: ${(error as Error).message}`,
      remedy: `Holdfast asks it whether this machine's own network works. Is the network up? If so, take another host for it (continuity.references).`,
    }
  }
}
