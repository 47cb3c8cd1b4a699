/**
 * What an admin's page shows of an organisation's routes: mode and why, pin, open work, evidence, probe, return. It counts
 * everything that waits, and every tab asks for it every few seconds: the answers are shared (promise 8: an outage is
 * when most is counted and most look).
 */
import { EvidenceKind, Mode, Pin, RouteKind, wordOf } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { evidenceSummary, lastOfProbes } from '../../store/evidence.ts'
import { hostStates, type HostState } from '../../store/route-hosts.ts'
import { protectedPeople, reportCounts } from '../../store/reports.ts'
import { allModes, routeOverview, type ModeRecord } from '../../store/modes.ts'
import { allTroubles, type MailboxTrouble } from '../../store/mailbox-trouble.ts'
import { returnEvents, returnNumbers, type ReturnNumbers } from '../../store/returns.ts'
import { sharedAnswers } from '../../platform/shared-answers.ts'
import type { Clock } from '../../platform/clock.ts'
import { routeSettingsSchema } from '../directory/index.ts'
import type { ReachProbe, RouteBook, Switching } from '../directory/index.ts'
import { PART_OF_A_ROUTE } from './mailbox-rule.ts'
import type { PinName } from './machine.ts'
import type { ModeName } from './mode-table.ts'
import { hostName } from './host-watch.ts'
import { LATELY_SECONDS, needed, RECENTLY_SECONDS } from './reports.ts'
import { sensitivities } from './sensitivity.ts'
import { stateOf } from './setter.ts'
import type { Direction, Question } from './switching.ts'

export interface RouteOverview {
  id: Id
  name: string
  kind: keyof typeof RouteKind
  mode: ModeName
  since: string
  cause: string
  detail: string | null
  pin: { kind: PinName; reason: string | null; author: string | null; until: string | null } | null
  version: number
  open: number
  held: number
  oldestOpenAt: string | null
  parked: number
  sensitivity: { name: string; suspectAfter: number; emergencyAfter: number; recoverAfter: number; probeEvery: number }
  /** the last ten minutes */
  evidence: { kind: keyof typeof EvidenceKind; count: number; lastText: string | null }[]
  probe: { lastAt: string; lastText: string | null; good: boolean } | null
  /** how each of its hosts answered last, and since when like this; null: not heard of yet */
  hosts: { host: string; last: { good: boolean; since: string; at: string; text: string } | null }[]
  /** whether people can reach their mail there, by each probe; null: not heard of within two hours */
  reach: { name: string; kind: ReachProbe['kind']; last: ReachAnswer | null }[]
  /** people who say that they cannot reach their mail, within ten minutes; null: nobody within the hour */
  reports: { signed: number; claimed: number; needed: number; lastAt: string } | null
  /** we cannot see how it is, so its mode stays */
  blind: { since: string; why: string } | null
  /** what the engine may do by itself */
  switching: Switching
  /** what it would do, and asks for or only shows */
  question: { direction: Direction; to: ModeName; policy: Question['leave']; since: string; detail: string } | null
  /** it takes mail for anybody: nothing is learned from it; when a made-up recipient was last asked about */
  acceptsAll: { since: string; askedAt: string } | null
  /** people whose mailbox fails while the route takes others' mail (mailbox-rule.ts): the first of them, the longest first */
  mailboxes: {
    isPart: boolean
    failing: number
    people: {
      personId: Id
      name: string
      since: string
      failures: number
      lastText: string | null
      nextTryAt: string | null
    }[]
  }
  returnEvent: ({ id: Id; startedAt: string } & ReturnNumbers) | null
}

export interface ReachAnswer {
  at: string
  /** unclear: it came to nothing that says anything */
  outcome: 'good' | 'bad' | 'refused' | 'ours' | 'unclear'
  text: string | null
}

type Evidence = Awaited<ReturnType<typeof evidenceSummary>>

export interface ReturnKey {
  organisationId: Id
  routeId: Id
  returnEventId: Id
}

export interface Overviews {
  routes: (organisationId: Id) => Promise<RouteOverview[]>
  /** What a return brought home and what is still to go. */
  returnNumbers: (event: ReturnKey, isFinished: boolean) => Promise<ReturnNumbers>
  /** Something of the organisation's routes has changed: the next one who looks sees it. */
  changed: (organisationId: Id) => void
}

const KEEP_MS = 1_000
/** A finished return changes no more, but for a deletion that is taken back. */
const KEEP_FINISHED_MS = 60_000

export function createOverviews(deps: { db: Database; clock: Clock; routes: RouteBook }): Overviews {
  const boards = sharedAnswers<RouteOverview[]>(deps.clock, KEEP_MS)
  const returns = sharedAnswers<ReturnNumbers>(deps.clock, KEEP_MS)
  const numbersOf: Overviews['returnNumbers'] = (event, isFinished) =>
    returns.get(event.returnEventId, () => returnNumbers(deps.db, event), isFinished ? KEEP_FINISHED_MS : KEEP_MS)
  return {
    routes: (organisationId) =>
      boards.get(organisationId, () => routeOverviews(deps.db, deps.routes, organisationId, numbersOf)),
    returnNumbers: numbersOf,
    changed: (organisationId) => boards.forget(organisationId),
  }
}

async function routeOverviews(
  db: Database,
  routes: RouteBook,
  organisationId: Id,
  numbersOf: Overviews['returnNumbers'],
): Promise<RouteOverview[]> {
  const [names, modes, evidence, events, hosts, troubles] = await Promise.all([
    routeOverview(db, organisationId),
    allModes(db),
    evidenceSummary(db, organisationId, 10),
    returnEvents(db, organisationId, { before: null, limit: 50 }),
    hostStates(db, organisationId),
    allTroubles(db),
  ])
  const byRoute = new Map(modes.map((mode) => [mode.routeId, mode]))
  const reachOf = (routeId: Id): readonly ReachProbe[] => routes.get(routeId)?.settings.reach ?? []
  const answers = await lastOfProbes(
    db,
    organisationId,
    names.flatMap(({ routeId }) => reachOf(routeId).map(({ name: probe }) => ({ routeId, name: probe }))),
  )
  const said = await reportCounts(db, organisationId, { recently: RECENTLY_SECONDS, lately: LATELY_SECONDS })
  const result: RouteOverview[] = []
  for (const name of names) {
    const mode = byRoute.get(name.routeId)
    if (!mode) continue
    const settings = routes.get(name.routeId)?.settings ?? routeSettingsSchema.parse({})
    const numbers = sensitivities[settings.sensitivity]
    const seen = evidence.filter((row) => row.routeId === name.routeId && row.probe === '')
    result.push({
      id: name.routeId,
      name: name.name,
      kind: wordOf(RouteKind, mode.kind),
      mode: wordOf(Mode, mode.mode),
      since: mode.since.toISOString(),
      cause: mode.cause,
      detail: mode.detail,
      pin: pinOf(mode),
      version: mode.version,
      open: name.open,
      held: name.held,
      oldestOpenAt: name.oldestOpenAt?.toISOString() ?? null,
      parked: name.parked,
      sensitivity: {
        name: numbers.name,
        suspectAfter: numbers.suspectAfter,
        emergencyAfter: numbers.emergencyAfter,
        recoverAfter: numbers.recoverAfter,
        probeEvery: settings.probe.interval ?? numbers.probeEvery,
      },
      evidence: seen.map((row) => ({
        kind: wordOf(EvidenceKind, row.kind),
        count: row.count,
        lastText: row.lastText,
      })),
      probe: lastProbe(seen),
      hosts:
        mode.kind === RouteKind.primary
          ? settings.hosts.map(hostName).map((host) => ({
              host,
              last: hostAnswer(hosts.find((one) => one.routeId === name.routeId && one.host === host)),
            }))
          : [],
      reach: reachOf(name.routeId).map(({ name: probe, kind }) => ({
        name: probe,
        kind,
        last: reachAnswer(answers.find((one) => one.routeId === name.routeId && one.probe === probe)),
      })),
      reports: await reportsOf(
        db,
        organisationId,
        said.find(({ routeId }) => routeId === name.routeId),
      ),
      blind: blindOf(mode),
      switching: routes.get(name.routeId)?.switching ?? settings.switching,
      question: questionOf(mode),
      acceptsAll:
        name.acceptsAllSince && name.acceptsAllAt
          ? { since: name.acceptsAllSince.toISOString(), askedAt: name.acceptsAllAt.toISOString() }
          : null,
      mailboxes: mailboxesOf(troubles.filter((one) => one.routeId === name.routeId)),
      returnEvent: await openEvent(numbersOf, mode, events),
    })
  }
  return result
}

const MOST_SHOWN = 50

function mailboxesOf(troubles: readonly MailboxTrouble[]): RouteOverview['mailboxes'] {
  const people = troubles.flatMap(({ since, ...one }) => (since === null ? [] : { ...one, since }))
  return {
    isPart: people.length >= PART_OF_A_ROUTE,
    failing: people.length,
    people: people.slice(0, MOST_SHOWN).map(({ personId, name, since, failures, lastText, nextTry }) => ({
      personId,
      name,
      since: since.toISOString(),
      failures,
      lastText,
      nextTryAt: nextTry?.toISOString() ?? null,
    })),
  }
}

function questionOf(mode: ModeRecord): RouteOverview['question'] {
  const { question } = stateOf(mode).memory
  if (question === null) return null
  const { direction, to, leave: policy, since, detail } = question
  return { direction, to, policy, since: new Date(since).toISOString(), detail }
}

async function reportsOf(
  db: Database,
  organisationId: Id,
  said: Awaited<ReturnType<typeof reportCounts>>[number] | undefined,
): Promise<RouteOverview['reports']> {
  if (!said) return null
  const { signed, claimed, routeId, lastAt } = said
  const people = await protectedPeople(db, organisationId, routeId)
  return { signed, claimed, needed: needed(people), lastAt: lastAt.toISOString() }
}

function pinOf(mode: ModeRecord): RouteOverview['pin'] {
  if (mode.pin === null) return null
  return {
    kind: wordOf(Pin, mode.pin),
    reason: mode.pinReason,
    author: mode.pinAuthor,
    until: mode.pinUntil?.toISOString() ?? null,
  }
}

function blindOf(mode: ModeRecord): RouteOverview['blind'] {
  const blind = stateOf(mode).memory.blind
  return blind && { since: new Date(blind.since).toISOString(), why: blind.why }
}

function lastProbe(seen: Evidence): RouteOverview['probe'] {
  let last: Evidence[number] | null = null
  for (const row of seen) {
    const isProbe = row.kind === EvidenceKind.probeGood || row.kind === EvidenceKind.probeBad
    if (isProbe && (last === null || row.lastAt >= last.lastAt)) last = row
  }
  return (
    last && { lastAt: last.lastAt.toISOString(), lastText: last.lastText, good: last.kind === EvidenceKind.probeGood }
  )
}

function reachAnswer(last: { kind: EvidenceKind; at: Date; text: string | null } | undefined): ReachAnswer | null {
  if (!last) return null
  return { at: last.at.toISOString(), outcome: outcomes[last.kind] ?? 'unclear', text: last.text }
}

const outcomes: Partial<Record<EvidenceKind, ReachAnswer['outcome']>> = {
  [EvidenceKind.reachGood]: 'good',
  [EvidenceKind.canaryGood]: 'good',
  [EvidenceKind.reachBad]: 'bad',
  [EvidenceKind.canaryBad]: 'bad',
  [EvidenceKind.canaryBack]: 'bad',
  [EvidenceKind.probeRefused]: 'refused',
  [EvidenceKind.ours]: 'ours',
}

const hostAnswer = (state: HostState | undefined): RouteOverview['hosts'][number]['last'] =>
  state === undefined
    ? null
    : { good: state.good, since: state.since.toISOString(), at: state.at.toISOString(), text: state.text }

async function openEvent(
  numbersOf: Overviews['returnNumbers'],
  mode: ModeRecord,
  events: Awaited<ReturnType<typeof returnEvents>>,
): Promise<RouteOverview['returnEvent']> {
  if (mode.returnEventId === null) return null
  const { organisationId, routeId, returnEventId } = mode
  const numbers = await numbersOf({ organisationId, routeId, returnEventId }, false)
  const startedAt = events.find((event) => event.returnEventId === returnEventId)?.beganAt ?? mode.since
  return { id: returnEventId, startedAt: startedAt.toISOString(), ...numbers }
}
