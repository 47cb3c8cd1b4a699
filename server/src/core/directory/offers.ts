/**
 * Learning what the hosts of routes offer at EHLO, from deliveries and probes: stored when it has changed, off every path
 * that somebody waits on, and told to all processes (the book of routes is read again). A name behind which servers with
 * different offers stand would change with each connection: one route is written once in five minutes at most.
 *
 * Failure: it is learned again from the next connection.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import { bumpDirectory } from '../../store/directory.ts'
import { writeOffers } from '../../store/routes.ts'
import type { Route } from './route-book.ts'
import { hostKey, offerOf, sameOffer, type Offer } from './route-offer.ts'

export interface Offers {
  saw: (route: Route, host: { host: string; port: number }, capabilities: Capabilities) => void
}

const SOON_MS = 1_000
const REST_MS = 300_000

export function createOffers(deps: { db: Database; clock: Clock; log: Log }): Offers {
  const { db, clock, log } = deps
  const news = new Map<Id, { organisationId: Id; offers: Map<string, Offer> }>()
  const writtenAt = new Map<Id, number>()
  let timer: Timer | null = null

  async function write(routeId: Id): Promise<void> {
    const { organisationId, offers } = news.get(routeId)!
    news.delete(routeId)
    writtenAt.set(routeId, clock.monotonic())
    await db.transaction(async (sql) => {
      await writeOffers(sql, organisationId, routeId, Object.fromEntries(offers))
      await bumpDirectory(sql)
    })
  }

  function flush(): void {
    timer = null
    for (const routeId of [...news.keys()]) {
      if (clock.monotonic() - (writtenAt.get(routeId) ?? -Infinity) < REST_MS) continue
      write(routeId).catch((error: unknown) => {
        writtenAt.delete(routeId)
        log.debug({ err: String(error), routeId }, 'what a host offers could not be stored; it is learned again')
      })
    }
  }

  return {
    saw({ organisationId, routeId, offers: known }, host, capabilities) {
      const key = hostKey(host)
      const offer = offerOf(capabilities)
      const waiting = news.get(routeId)
      if (sameOffer(known[key], offer)) {
        // As it is stored: what was seen in between is over.
        waiting?.offers.delete(key)
        if (waiting?.offers.size === 0) news.delete(routeId)
        return
      }
      if (waiting) waiting.offers.set(key, offer)
      else news.set(routeId, { organisationId, offers: new Map([[key, offer]]) })
      timer ??= clock.after(SOON_MS, flush, { hold: false })
    },
  }
}
