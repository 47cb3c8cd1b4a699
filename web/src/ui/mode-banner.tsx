/**
 * The banner on every mail page: mode in colour and word and since when; what happened, what it means, what to do
 * (three parts). In normal mode one calm line. Changes are announced through a live region.
 */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { Trans, useTranslation } from 'react-i18next'
import type { Standing } from '../data/contract.ts'
import { standingQuery } from '../data/queries.ts'
import { number } from '../lib/format.ts'
import { sentence } from '../lib/sentence.ts'
import { CantReachMine } from './cant-reach-mine.tsx'
import { ModeMark, toneOf } from './mode.tsx'
import { ProgressBar } from './progress-bar.tsx'
import { TimeText } from './time-text.tsx'

export function ModeBanner() {
  const { data, error } = useQuery(standingQuery)
  const { t } = useTranslation()
  if (!data) return error ? <div className="banner banner-calm mode-suspect">{t('banner.unknown')}</div> : null
  return <Banner standing={data} />
}

export function Banner({ standing }: { standing: Standing }) {
  const { t, i18n } = useTranslation()
  const [open, setOpen] = useState(false)
  const { mode, primaryName } = standing
  const calm = mode === 'normal'
  const back = standing.return && standing.return.pending > 0 ? standing.return : null
  const progress =
    back && t('banner.progress', { home: number(back.home, i18n.language), total: number(back.total, i18n.language) })
  // One's own mailbox, while colleagues work: told apart from an outage of all.
  const words = standing.cause === 'mailbox-fails' ? 'mailbox' : mode
  const what: ReactNode = (
    <Trans
      t={t}
      i18nKey={
        standing.pin === 'emergency' && mode === 'emergency' ? 'banner.emergencyPinnedWhat' : `banner.${words}What`
      }
      values={{ primary: primaryName }}
      components={{ when: <Since at={standing.since} /> }}
    />
  )
  return (
    <section
      className={`banner mode-${toneOf(mode)}${calm ? ' banner-calm' : ''}${open ? ' open' : ''}`}
      aria-label={t('banner.label')}
    >
      <ModeMark mode={mode} />
      {/* In the hand, while reading or writing, the banner is one line: mode, since when, details. */}
      <span className="banner-since">
        <Since at={standing.since} />
      </span>
      <div className="banner-body" role="status" aria-live="polite">
        {calm ? (
          <span>
            {t('banner.normalMeans')} {open && what}
          </span>
        ) : (
          <>
            <strong>{what}</strong> {t(`banner.${words}Means`)}{' '}
            <span className="banner-do">{(open || mode !== 'suspect') && t(`banner.${words}Do`)}</span>
          </>
        )}
        <Rest standing={standing} open={open} />
        {back && progress && (
          <>
            <ProgressBar value={back.home} of={back.total} label={progress} />
            <p className="num">{progress}</p>
          </>
        )}
      </div>
      <button type="button" className="banner-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? t('banner.hideDetails') : t('app.details')}
      </button>
    </section>
  )
}

function Since({ at }: { at: string }) {
  const { t } = useTranslation()
  return (
    <>
      {t('banner.sinceWord')} <TimeText at={at} form="clock" />
    </>
  )
}

/** Why it is so, and how much waits: on demand in normal mode, where it would only worry. */
function Rest({ standing, open }: { standing: Standing; open: boolean }) {
  const { t } = useTranslation()
  const { mode, pin, cause, waitingHere, sentHere, parkedHere } = standing
  const parked = parkedHere > 0
  const calm = mode === 'normal'
  return (
    <>
      {open && (
        <p>
          {/* While something is parked, neither "everything is home" nor "nothing to do" is so. */}
          {pin ? t('banner.pinned') : !(parked && cause === 'return-drained') && sentence(t, 'reason', cause)}{' '}
          {calm && !parked && t('banner.normalDo')}
        </p>
      )}
      {open && <CantReachMine />}
      {parked && <p className="banner-parked">{t('banner.parked', { count: parkedHere })}</p>}
      {(open || !calm) && waitingHere + sentHere > 0 && (
        <p>
          {waitingHere > 0 && t('banner.waiting', { count: waitingHere })}{' '}
          {open && sentHere > 0 && t('banner.sentHere', { count: sentHere })}
        </p>
      )}
    </>
  )
}
