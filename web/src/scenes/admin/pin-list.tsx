/** What is set by hand besides routes: for whom, to what, by whom, why, until when. */
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { pinsQuery } from '../../data/queries.ts'
import { sentence } from '../../lib/sentence.ts'
import { TimeText } from '../../ui/time-text.tsx'
import { TargetSwitch } from './switch-dialog.tsx'
import { authorText } from './words.tsx'

export function PinList({ org, maySwitch }: { org: string; maySwitch: boolean }) {
  const { t } = useTranslation()
  const { data } = useQuery(pinsQuery(org))
  // null: closed; '': a new one
  const [changing, setChanging] = useState<string | null>(null)
  if (!data) return null
  const keyOf = ({ target, targetId }: { target: string; targetId: string }) => `${target} ${targetId}`
  const chosen = data.pins.find((one) => keyOf(one) === changing) ?? null
  return (
    <section className="card stack" aria-labelledby="pins-title">
      <div className="line">
        <h2 id="pins-title" className="grow">
          {t('pins.title')}
        </h2>
        {maySwitch && (
          <Button className="pins-switch" variant="default" onClick={() => setChanging('')}>
            {t('pins.switchFor')}
          </Button>
        )}
      </div>
      <p className="muted small">{t('pins.order')}</p>
      {data.pins.length === 0 ? (
        <p className="muted">{t('pins.none')}</p>
      ) : (
        <ul className="plain-list stack">
          {data.pins.map((pin) => (
            <li key={keyOf(pin)} className="line">
              <span className="grow">
                <strong>{t(`pins.of.${pin.target}`, { name: pin.name ?? t('pins.gone') })}</strong>{' '}
                {t('board.pinned', { kind: sentence(t, 'mode', pin.kind) })}.{' '}
                {t('board.pinnedBy', { author: authorText(pin.author), reason: pin.reason })}{' '}
                <span className="muted">
                  {t('admin.since')} <TimeText at={pin.since} form="clock" />
                  {pin.until && (
                    <>
                      , {t('board.pinnedUntil')} <TimeText at={pin.until} form="clock" />
                    </>
                  )}
                </span>
              </span>
              {maySwitch && (
                <Button variant="default" size="compact-sm" onClick={() => setChanging(keyOf(pin))}>
                  {t('pins.change')}
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {changing !== null && <TargetSwitch key={changing} org={org} pin={chosen} close={() => setChanging(null)} />}
    </section>
  )
}
