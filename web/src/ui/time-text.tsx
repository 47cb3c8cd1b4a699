/** A time in the viewer's zone; the zone and the full date on hover, and for readers who listen. */
import { useTranslation } from 'react-i18next'
import { clockTime, longTime, shortTime } from '../lib/format.ts'

export function TimeText({
  at,
  form = 'short',
}: {
  at: string | null | undefined
  form?: 'short' | 'clock' | 'seconds' | 'long'
}) {
  const { i18n } = useTranslation()
  if (!at) return <span>–</span>
  const long = longTime(at, i18n.language)
  const text =
    form === 'long'
      ? long
      : form === 'short'
        ? shortTime(at, i18n.language)
        : clockTime(at, i18n.language, new Date(), form === 'seconds')
  return (
    <time dateTime={at} title={long} className="num">
      {text}
    </time>
  )
}
