/**
 * Tells of alarms by mail, to the addresses that the organisation's file names (alarmsTo), through our own queue like any
 * notice of ours: whatever becomes of the route there, a letter to an address elsewhere goes out, and is kept until it does.
 * From the null sender: nobody answers an alarm, and a bounce would be one more.
 *
 * A due alarm is claimed for a while, so that one process tells it; the letter's id is derived from alarm, number and address,
 * so that a crash between its commit and the note makes the same letter again, which is seen.
 */
import type { Timer } from '../../platform/clock.ts'
import { Direction } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { claimAlarms, localeOf, noteTold, putOff, sweepAlarms, type DueAlarm } from '../../store/alarms.ts'
import { messageExists } from '../../store/bounces.ts'
import { foldAddress } from '../directory/index.ts'
import { createOwnMail, derivedId, type OwnMailDeps } from '../own-mail/index.ts'
import { endOfGoneRoutes } from './alarms.ts'
import { letterLocale, letterOf } from './letter.ts'
import { againAfter, isEnough, PUT_OFF_SECONDS } from './pace.ts'

export interface AlarmTeller {
  /** Tells what is due; how many alarms were told of. */
  run(): Promise<number>
  start(): void
  stop(): void
}

const EVERY_MS = 2_000
const LEASE_SECONDS = 60
const AT_ONCE = 20
const KEEP_DAYS = 365
const SWEEP_EVERY = 1_800
const GONE_EVERY = 30

export interface AlarmTellerDeps extends OwnMailDeps {
  log: Log
  config: Pick<Config, 'hostname' | 'publicUrl'>
}

export function createAlarmTeller(deps: AlarmTellerDeps): AlarmTeller {
  const { db, clock, log, config } = deps
  const sendOwn = createOwnMail(deps)
  let timer: Timer | null = null
  let running = false
  let rounds = 0

  const linkOf = ({ organisationId }: DueAlarm): string =>
    config.publicUrl === '' ? '' : `${config.publicUrl.replace(/\/$/, '')}/admin/${organisationId}/alarms`

  /** False: there is no way to that address. */
  async function send(alarm: DueAlarm, address: string): Promise<boolean> {
    const { organisationId, outboundRouteId, facts } = alarm
    const messageId = letterId(alarm, address)
    if (await messageExists(db, organisationId, messageId)) return true
    const text = (key: string): string => (typeof facts[key] === 'string' ? facts[key] : '')
    const locale = letterLocale(await localeOf(db, organisationId, foldAddress(address) ?? address))
    const { subject, lines } = letterOf(
      {
        kind: alarm.kind,
        organisation: alarm.organisationName,
        route: alarm.routeName ?? text('route'),
        probe: text('probe'),
        source: text('source'),
        detail: text('detail'),
        days: typeof facts.days === 'number' ? facts.days : null,
        openedAt: alarm.openedAt,
        endedAt: alarm.endedAt,
        told: alarm.told,
        link: linkOf(alarm),
      },
      locale,
    )
    const refused = await sendOwn({
      ...{ organisationId, messageId, outboundRouteId, direction: Direction.dsn, from: 'Holdfast', domain: null },
      ...{ to: { name: null, address }, locale, subject, lines },
    })
    if (refused !== null) log.warn({ address, err: String(refused) }, 'there is no way to an address of alarmsTo')
    return refused === null
  }

  /** True: it was told. */
  async function tell(alarm: DueAlarm): Promise<boolean> {
    const { organisationId, alarmId, kind, told } = alarm
    const isOver = alarm.endedAt !== null
    // Nobody is named: it stays on the page, and whoever is named later is told then.
    if (alarm.alarmsTo.length === 0 || isEnough(alarm)) {
      await putOff(db, organisationId, alarmId, isOver ? null : PUT_OFF_SECONDS)
      return false
    }
    for (const address of alarm.alarmsTo) await send(alarm, address)
    await noteTold(db, { organisationId, alarmId, againSeconds: againAfter(kind, told + 1, isOver), stood: !isOver })
    return true
  }

  async function run(): Promise<number> {
    let count = 0
    for (const alarm of await claimAlarms(db, AT_ONCE, LEASE_SECONDS))
      try {
        if (await tell(alarm)) count++
      } catch (error) {
        log.warn({ err: String(error), alarm: alarm.alarmId }, 'an alarm could not be told; it is repeated')
      }
    if (rounds % GONE_EVERY === 0) await endOfGoneRoutes(db)
    if (rounds++ % SWEEP_EVERY === 0) await sweepAlarms(db, KEEP_DAYS)
    return count
  }

  return {
    run,
    start() {
      timer = clock.every(EVERY_MS, () => {
        if (running) return
        running = true
        run()
          .catch((error: unknown) => log.warn({ err: String(error) }, 'alarms could not be told; it is repeated'))
          .finally(() => {
            running = false
          })
      })
    },
    stop: () => timer?.cancel(),
  }
}

/** The same letter whoever makes it. */
const letterId = ({ alarmId, told, endedAt, openedAt }: DueAlarm, address: string): Id =>
  derivedId(`alarm ${alarmId} ${told} ${endedAt === null ? 'stands' : 'is over'} ${address}`, endedAt ?? openedAt)
