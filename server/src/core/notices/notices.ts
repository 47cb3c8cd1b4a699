/** Notices to people in an outage: the watch and the walk, started and stopped together by the process that judges. */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { trimOutages } from '../../store/notices.ts'
import type { QuietBook } from '../quiet/index.ts'
import { createSendNotice, type NoticeMailDeps } from './mail.ts'
import { createWalk, type WalkDeps } from './walk.ts'
import { createWatch, type WatchDeps } from './watch.ts'

export interface PeopleNotices {
  /** One look at outages and a page of every walk; start() takes one every second. */
  run(): Promise<number>
  start(): void
  stop(): Promise<void>
}

export interface PeopleNoticesDeps
  extends
    Omit<NoticeMailDeps, 'publicUrl' | 'config'>,
    Omit<WalkDeps, 'send' | 'isQuiet'>,
    Omit<WatchDeps, 'publicUrl' | 'isQuietRoute'> {
  clock: Clock
  config: Pick<Config, 'hostname' | 'publicUrl'>
  quiet: Pick<QuietBook, 'holds'>
}

const EVERY_MS = 1_000
const TRIM_EVERY = 3_600
const KEEP_DAYS = 90

/** A mail that no window exempts, for whom it may concern. */
const plain = { envelopeFrom: 'x', headerFrom: null, subject: null, priority: undefined }

export function createPeopleNotices(deps: PeopleNoticesDeps): PeopleNotices {
  const { config, quiet, clock, db, log } = deps
  const { publicUrl } = config
  const look = createWatch({
    ...deps,
    publicUrl,
    isQuietRoute: (organisationId, routeId) =>
      quiet.holds({ ...plain, organisationId, routeId, personId: null, recipient: '' }) !== null,
  })
  const walk = createWalk({
    ...deps,
    send: createSendNotice({ ...deps, publicUrl }),
    isQuiet: ({ organisationId, routeId }, { personId, address }) =>
      quiet.holds({ ...plain, organisationId, routeId, personId, recipient: address }) !== null,
  })
  let timer: Timer | null = null
  let running: Promise<number> | null = null
  let rounds = 0

  async function round(): Promise<number> {
    if (rounds++ % TRIM_EVERY === 0) await trimOutages(db, KEEP_DAYS)
    await look()
    return walk()
  }

  const run = (): Promise<number> =>
    (running ??= round().finally(() => {
      running = null
    }))

  return {
    run,
    start() {
      timer = clock.every(EVERY_MS, () => {
        if (running) return
        run().catch((error: unknown) => log.warn({ err: String(error) }, 'outages could not be looked at; tried again'))
      })
    },
    async stop() {
      timer?.cancel()
      await running?.catch(() => undefined)
    },
  }
}
