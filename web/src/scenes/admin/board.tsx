/** The board: every route with its mode, why, on what evidence, with which numbers; the switch; a running return. */
import { Button, Skeleton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { RouteBoard } from '../../data/contract.ts'
import { routesQuery, sessionQuery } from '../../data/queries.ts'
import { engineText } from '../../lib/engine-text.ts'
import { number, stretch } from '../../lib/format.ts'
import { sentence } from '../../lib/sentence.ts'
import { ModeMark, toneOf } from '../../ui/mode.tsx'
import { Notice } from '../../ui/notice.tsx'
import { ProgressBar } from '../../ui/progress-bar.tsx'
import { EmptyState, ErrorState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { DiskNotice } from './disk-notice.tsx'
import { Mailboxes } from './mailboxes.tsx'
import { Notices } from './notices.tsx'
import { returnText } from './progress-text.ts'
import { PinList } from './pin-list.tsx'
import { RouteSwitch } from './switch-dialog.tsx'
import { authorText } from './words.tsx'

const here = getRouteApi('/signed/admin/$org/board')

export function BoardScene() {
  const { t } = useTranslation()
  const { org } = here.useParams()
  const { data, error, refetch } = useQuery(routesQuery(org))
  const { data: account } = useQuery(sessionQuery)
  const [switching, setSwitching] = useState<string | null>(null)
  const chosen = data?.find(({ id }) => id === switching) ?? null
  const maySwitch = account?.abilities.includes('board:pin') ?? false
  return (
    <>
      <h1>{t('admin.board')}</h1>
      <DiskNotice />
      {error && data ? <Notice tone="warn">{t('state.offlineBar')}</Notice> : null}
      {data ? (
        data.length ? (
          <div className="routes">
            {data.map((route) => (
              <RouteCard
                key={route.id}
                org={org}
                route={route}
                mayAct={maySwitch}
                {...(maySwitch && canSwitch(route) ? { change: () => setSwitching(route.id) } : {})}
              />
            ))}
          </div>
        ) : (
          <EmptyState>{t('admin.noRoutes')}</EmptyState>
        )
      ) : error ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <Skeleton height={320} />
      )}
      <p className="muted small">{t('admin.live')}</p>
      {data && data.length > 0 && <PinList org={org} maySwitch={maySwitch} />}
      {chosen && <RouteSwitch key={chosen.id} org={org} route={chosen} close={() => setSwitching(null)} />}
    </>
  )
}

/** A way out has no mode to switch; only a pin from when it was a mail system can be taken away. */
const canSwitch = (route: RouteBoard): boolean => route.kind === 'primary' || route.pin !== null

const kinds: Record<string, 'board.kindPrimary' | 'board.kindSmarthost' | 'board.kindMx'> = {
  primary: 'board.kindPrimary',
  smarthost: 'board.kindSmarthost',
  mx: 'board.kindMx',
}

export function RouteCard({
  org,
  route,
  mayAct = false,
  change,
}: {
  org: string
  route: RouteBoard
  mayAct?: boolean
  change?: () => void
}) {
  const { t, i18n } = useTranslation()
  const kind = kinds[route.kind]
  const age = route.oldestOpenAt ? stretch(Date.now() - Date.parse(route.oldestOpenAt), i18n.language) : '–'
  const home = route.returnEvent && route.returnEvent.total > 0 ? route.returnEvent : null
  const progress = home && returnText(t, home, i18n.language)
  return (
    <section className={`card route mode-${toneOf(route.mode)}`} aria-label={route.name}>
      <div className="line">
        <div className="grow">
          <h2>{route.name}</h2>
          {kind && <span className="muted small">{t(kind)}</span>}
        </div>
        {change && (
          <Button variant="default" onClick={change}>
            {t('board.switch')}
          </Button>
        )}
      </div>
      <div className="stack">
        <div className="line" role="status" aria-live="polite">
          <ModeMark mode={route.mode} />
          <span>
            {t('admin.since')} <TimeText at={route.since} form="seconds" />
          </span>
        </div>
        <p>
          {sentence(t, 'reason', route.cause)}{' '}
          {route.detail && !route.pin && <span className="muted">{engineText(t, route.detail, i18n.language)}</span>}
        </p>
        {route.blind && (
          <Notice tone="warn">
            <strong>{t('board.blind', { why: route.blind.why })}</strong> {t('board.blindMeans')}{' '}
            <TimeText at={route.blind.since} form="seconds" />
          </Notice>
        )}
        {route.question && (
          <Notice tone="warn">
            <strong>
              {t(route.question.policy === 'ask' ? 'board.asks' : 'board.would', {
                mode: sentence(t, 'mode', route.question.to),
              })}
            </strong>{' '}
            {engineText(t, route.question.detail, i18n.language)} <TimeText at={route.question.since} form="seconds" />{' '}
            <Link to="/admin/$org/alarms" params={{ org }}>
              {t('admin.alarms')}
            </Link>
          </Notice>
        )}
        {route.pin && (
          <Notice tone="warn">
            <strong>{t('board.pinned', { kind: sentence(t, 'mode', route.pin.kind) })}</strong>{' '}
            {t('board.pinnedBy', {
              author: authorText(route.pin.author),
              reason: route.pin.reason,
            })}{' '}
            {route.pin.until && (
              <>
                {t('board.pinnedUntil')} <TimeText at={route.pin.until} form="clock" />
              </>
            )}
          </Notice>
        )}
      </div>
      <Mailboxes mailboxes={route.mailboxes} />
      {home && progress && (
        <div className="stack">
          <h3>{t('board.return')}</h3>
          <ProgressBar value={progress.done} of={home.total} label={progress.label} />
          <p className="num">
            {progress.label}.{' '}
            <Link to="/admin/$org/returns/$event" params={{ org, event: home.id }}>
              {t('board.ledger')}
            </Link>
          </p>
          {home.unsure > 0 && <p className="muted">{t('board.unsure', { count: home.unsure })}</p>}
        </div>
      )}
      <dl className="figures">
        <div>
          <dt title={t('board.openHint')}>{t('board.open')}</dt>
          <dd>
            <Link to="/admin/$org/queue" params={{ org }} search={{ route: route.id }}>
              {number(route.open, i18n.language)}
            </Link>
          </dd>
        </div>
        <div>
          <dt title={t('board.heldHint')}>{t('board.held')}</dt>
          <dd>{number(route.held, i18n.language)}</dd>
        </div>
        <div className={route.parked > 0 ? 'figure-warn' : undefined}>
          <dt title={t('board.parkedHint')}>
            {route.parked > 0 && <IconAlertTriangle size={15} aria-hidden="true" />} {t('board.parked')}
          </dt>
          <dd>
            <Link to="/admin/$org/parking" params={{ org }}>
              {number(route.parked, i18n.language)}
            </Link>
          </dd>
        </div>
        <div>
          <dt>{t('board.oldest')}</dt>
          <dd>{age}</dd>
        </div>
      </dl>
      {route.kind === 'primary' && <Notices org={org} routeId={route.id} mayAct={mayAct} />}
      <Evidence route={route} />
      <Sensitivity route={route} />
    </section>
  )
}

function Evidence({ route }: { route: RouteBoard }) {
  const { t, i18n } = useTranslation()
  return (
    <div className="stack">
      <h3>{t('board.evidence')}</h3>
      {route.evidence.length === 0 ? (
        <p className="muted">{t('board.noEvidence')}</p>
      ) : (
        <table className="table">
          <thead>
            <tr>
              <th scope="col">{t('board.evidenceKind')}</th>
              <th scope="col" className="figure">
                {t('board.evidenceCount')}
              </th>
              <th scope="col">{t('board.evidenceText')}</th>
            </tr>
          </thead>
          <tbody>
            {route.evidence.map(({ kind, count, lastText }) => (
              <tr key={kind}>
                <td data-name={t('board.evidenceKind')}>{sentence(t, 'evidence', kind)}</td>
                <td data-name={t('board.evidenceCount')} className="figure num">
                  {number(count, i18n.language)}
                </td>
                <td data-name={t('board.evidenceText')} className="mono">
                  {lastText}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className="small">
        <span className="muted">{t('app.label', { label: t('board.probe') })} </span>
        {route.probe ? (
          <>
            <strong>{route.probe.good ? t('board.probeGood') : t('board.probeBad')}</strong>{' '}
            <TimeText at={route.probe.lastAt} form="seconds" /> <span className="mono">{route.probe.lastText}</span>
          </>
        ) : (
          t('board.probeNone')
        )}
      </p>
      <Hosts hosts={route.hosts} />
      <Reports reports={route.reports} />
      <Reach probes={route.reach} />
      {route.acceptsAll && (
        <p className="small">
          {t('board.acceptsAll')} <TimeText at={route.acceptsAll.since} form="clock" /> ({t('board.acceptsAllAsked')}{' '}
          <TimeText at={route.acceptsAll.askedAt} form="seconds" />)
        </p>
      )}
    </div>
  )
}

/** How each of several hosts answers: that one of them is dead moves no mode. */
function Hosts({ hosts }: { hosts: RouteBoard['hosts'] }) {
  const { t } = useTranslation()
  if (hosts.length < 2) return null
  const dead = hosts.filter(({ last }) => last?.good === false).length
  return (
    <>
      <h3>{t('board.hosts')}</h3>
      {dead > 0 && dead < hosts.length && <Notice tone="warn">{t('board.hostsDead', { count: dead })}</Notice>}
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t('board.hostsHost')}</th>
            <th scope="col">{t('board.hostsAnswer')}</th>
            <th scope="col">{t('board.evidenceText')}</th>
          </tr>
        </thead>
        <tbody>
          {hosts.map(({ host, last }) => (
            <tr key={host}>
              <td data-name={t('board.hostsHost')} className="mono">
                {host}
              </td>
              <td data-name={t('board.hostsAnswer')}>
                <span>
                  <strong>{t(!last ? 'board.hostsUnknown' : last.good ? 'board.hostsGood' : 'board.hostsBad')}</strong>{' '}
                  {last && (
                    <>
                      {t('board.hostsSince')} <TimeText at={last.since} form="seconds" />
                    </>
                  )}
                </span>
              </td>
              <td data-name={t('board.evidenceText')} className="mono">
                {last?.text}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

/** People who say that they cannot reach their mail; only those who have signed in count. */
function Reports({ reports }: { reports: RouteBoard['reports'] }) {
  const { t, i18n } = useTranslation()
  if (!reports) return null
  const { signed, claimed, needed, lastAt } = reports
  return (
    <p className="small">
      <span className="muted">{t('app.label', { label: t('board.reports') })} </span>
      <strong>{t('board.reportsSigned', { count: signed, needed: number(needed, i18n.language) })}</strong>{' '}
      {claimed > 0 && t('board.reportsClaimed', { count: claimed })}{' '}
      <span className="muted">{t('board.reportsLast')}</span> <TimeText at={lastAt} form="seconds" />
    </p>
  )
}

/** Whether people can reach their mail there, by each probe of the route's file. */
function Reach({ probes }: { probes: RouteBoard['reach'] }) {
  const { t } = useTranslation()
  if (probes.length === 0) return null
  return (
    <>
      <h3>{t('board.reach')}</h3>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t('board.reachProbe')}</th>
            <th scope="col">{t('board.reachOutcome')}</th>
            <th scope="col">{t('board.evidenceText')}</th>
          </tr>
        </thead>
        <tbody>
          {probes.map(({ name, kind, last }) => (
            <tr key={name}>
              <td data-name={t('board.reachProbe')}>
                <span>
                  {name} <span className="muted small">{t(`board.reachKind.${kind}`)}</span>
                </span>
              </td>
              <td data-name={t('board.reachOutcome')}>
                <span>
                  <strong>{t(`board.reachIs.${last?.outcome ?? 'unknown'}`)}</strong>{' '}
                  {last && <TimeText at={last.at} form="seconds" />}
                </span>
              </td>
              <td data-name={t('board.evidenceText')} className="mono">
                {last?.text}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function Sensitivity({ route: { sensitivity } }: { route: RouteBoard }) {
  const { t, i18n } = useTranslation()
  const seconds = (count: number) => t('board.seconds', { value: number(count, i18n.language) })
  return (
    <div className="stack">
      <h3>{t('board.sensitivity', { name: sentence(t, 'sensitivity', sensitivity.name) })}</h3>
      <dl className="figures">
        {(['suspectAfter', 'emergencyAfter', 'recoverAfter', 'probeEvery'] as const).map((name) => (
          <div key={name}>
            <dt>{t(`board.${name}`)}</dt>
            <dd>{seconds(sensitivity[name])}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
