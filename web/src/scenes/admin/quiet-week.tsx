/** The next seven days as bars, a day each, midnight to midnight in the viewer's zone; the same in words for who listens. */
import { useTranslation } from 'react-i18next'
import type { QuietWindow } from '../../data/contract.ts'
import { clockTime, regional } from '../../lib/format.ts'

interface Bar {
  name: string
  from: number
  until: number
}

export function QuietWeek({ windows, now }: { windows: QuietWindow[]; now: number }) {
  const { t, i18n } = useTranslation()
  const midnight = new Date(now)
  midnight.setHours(0, 0, 0, 0)
  const bars: Bar[] = windows.flatMap(({ name, week, open }) => [
    ...week.map((one) => ({ name, from: Date.parse(one.from), until: Date.parse(one.until) })),
    ...(open ? [{ name, from: Date.parse(open.from), until: Date.parse(open.until) }] : []),
  ])
  const days = Array.from({ length: 7 }, (_, at) => {
    const begin = new Date(midnight)
    begin.setDate(begin.getDate() + at)
    const end = new Date(begin)
    end.setDate(end.getDate() + 1)
    return { begin: begin.getTime(), end: end.getTime() }
  })
  const dayText = new Intl.DateTimeFormat(regional(i18n.language), { weekday: 'short', day: 'numeric' })
  const clock = (at: number): string => clockTime(new Date(at).toISOString(), i18n.language, new Date(at))
  return (
    <section className="card quiet-week" aria-label={t('quiet.week')}>
      <h2>{t('quiet.week')}</h2>
      <div className="quiet-hours num" aria-hidden="true">
        {[0, 6, 12, 18, 24].map((hour) => (
          <span key={hour}>{hour}</span>
        ))}
      </div>
      <ul>
        {days.map(({ begin, end }) => {
          const its = bars
            .filter(({ from, until }) => from < end && until > begin)
            .map(({ name, from, until }) => ({ name, from: Math.max(from, begin), until: Math.min(until, end) }))
          const share = (at: number): string => `${((at - begin) / (end - begin)) * 100}%`
          return (
            <li key={begin}>
              <span className="quiet-day">{dayText.format(begin)}</span>
              <span className="quiet-track" aria-hidden="true">
                {its.map(({ name, from, until }) => (
                  <span
                    key={`${name} ${from}`}
                    className="quiet-bar"
                    title={`${name}: ${clock(from)} – ${clock(until)}`}
                    style={{ insetInlineStart: share(from), width: `${((until - from) / (end - begin)) * 100}%` }}
                  />
                ))}
                {now >= begin && now < end && <span className="quiet-now" style={{ insetInlineStart: share(now) }} />}
              </span>
              <span className="hidden">
                {its.length === 0
                  ? t('quiet.weekNone')
                  : its.map(({ name, from, until }) => `${name}: ${clock(from)} – ${clock(until)}`).join('; ')}
              </span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
