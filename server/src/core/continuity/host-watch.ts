/**
 * How each host of a route answered last, for pages and alarms: one dead host of three moves no mode, and somebody must know.
 * One row for each host, written when the answer changes and else every half minute, in batches; what cannot be written is
 * told with the next.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { HostAnswer } from '../../store/route-hosts.ts'
import type { Route } from '../directory/index.ts'

export interface HostWatch {
  saw(route: Route, at: { host: string; port: number }, answer: { good: boolean; text: string }): void
  start(): void
  stop(): void
}

const FLUSH_MS = 1000
const REPEAT_MS = 30_000
/** Failures in a row before it is said in the log. */
const ALARM = 3
const MOST_TEXT = 300

interface Seen {
  good: boolean
  failures: number
  isAlarmed: boolean
  writtenAt: number
}

export const hostName = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`

export function createHostWatch(deps: {
  clock: Clock
  log: Log
  judged: () => Iterable<Id>
  write: (answers: readonly HostAnswer[]) => Promise<void>
}): HostWatch {
  const { clock, log } = deps
  const seen = new Map<Id, Map<string, Seen>>()
  let pending = new Map<string, HostAnswer>()
  let writing = false
  let timer: Timer | null = null

  async function flush(): Promise<void> {
    if (writing || pending.size === 0) return
    const batch = pending
    pending = new Map()
    writing = true
    try {
      await deps.write([...batch.values()])
    } catch (error) {
      log.debug({ err: String(error) }, 'how hosts answer could not be stored; it will be with the next')
      for (const [key, answer] of batch) if (!pending.has(key)) pending.set(key, answer)
    } finally {
      writing = false
    }
  }

  /** Routes that another process asks now, or nobody. */
  function forget(): void {
    if (seen.size === 0) return
    const judged = new Set(deps.judged())
    for (const id of seen.keys()) if (!judged.has(id)) seen.delete(id)
  }

  function alarm(route: Route, name: string, one: Seen, text: string): void {
    if (one.good && one.isAlarmed) {
      one.isAlarmed = false
      log.info({ route: route.name, host: name }, 'a host of the route answers again')
    }
    if (one.good || one.isAlarmed || one.failures < ALARM) return
    one.isAlarmed = true
    log.error({ route: route.name, host: name, text }, 'a host of the route fails; mail goes by its others')
  }

  return {
    saw(route, at, { good, text }) {
      const { organisationId, routeId } = route
      const name = hostName(at)
      const hosts = seen.get(routeId) ?? new Map<string, Seen>()
      seen.set(routeId, hosts)
      const before = hosts.get(name)
      const one = before ?? { good, failures: 0, isAlarmed: false, writtenAt: -Infinity }
      const isNews = before?.good !== good
      one.good = good
      one.failures = good ? 0 : one.failures + 1
      hosts.set(name, one)
      // Of a route's only host its mode tells.
      if (route.settings.hosts.length > 1) alarm(route, name, one, text)
      if (!isNews && clock.monotonic() - one.writtenAt < REPEAT_MS) return
      one.writtenAt = clock.monotonic()
      const short = text.slice(0, MOST_TEXT).toWellFormed().replaceAll('\0', '')
      const hostsNow = route.settings.hosts.map(hostName)
      pending.set(`${routeId} ${name}`, { organisationId, routeId, host: name, good, text: short, hosts: hostsNow })
    },
    start() {
      timer = clock.every(FLUSH_MS, () => {
        forget()
        void flush()
      })
    },
    stop() {
      timer?.cancel()
    },
  }
}
