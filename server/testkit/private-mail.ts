/** Mail that Holdfast writes itself (links, codes, notices), into a test's database: accepted and queued, and never relayed. */
import { createContinuity } from '../src/core/continuity/index.ts'
import { createDirectory, createRouteBook, type RouteBook } from '../src/core/directory/index.ts'
import { createAccept } from '../src/core/queue/index.ts'
import { createOwnId, createRouting } from '../src/core/routing/index.ts'
import { systemClock } from '../src/platform/clock.ts'
import { configSchema } from '../src/platform/config/config.ts'
import type { Database } from '../src/platform/db/database.ts'
import { newId } from '../src/platform/ids.ts'
import { keysFrom } from '../src/platform/keys.ts'
import { silentLog } from '../src/platform/log.ts'
import { createMetrics } from '../src/platform/metrics.ts'

/** `routes`: the test's own book, where it has one. */
export async function privateMail(db: Database, ownRoutes?: RouteBook) {
  const [log, clock] = [silentLog, systemClock]
  const config = configSchema.parse({ hostname: 'mx.holdfast.test' })
  const keys = keysFrom(Buffer.alloc(32, 7))
  const routes = ownRoutes ?? createRouteBook({ db, clock, log })
  if (!ownRoutes) await routes.refresh()
  const directory = createDirectory({ db, clock, log })
  await directory.refresh()
  const nodeId = newId(Date.now())
  const { board } = createContinuity({ db, clock, log, routes, helo: 'test', judging: false, nodeId })
  await board.refresh()
  const ensureFolders = (): Promise<void> => Promise.resolve()
  return {
    ...{ db, clock, log, config, keys, directory, sms: null, smsLimits: { prefixes: [], perHour: 100 } },
    accept: createAccept({
      db,
      clock,
      log,
      config,
      metrics: createMetrics(),
      nodeId: newId(Date.now()),
      ensureFolders,
    }),
    routing: createRouting({ board, directory, clock, hasRoom: () => false }),
    ownId: createOwnId(keys, newId(Date.now())),
    sign: () => Promise.resolve(Buffer.from('DKIM-Signature: v=1; d=corp.test\r\n')),
  }
}
