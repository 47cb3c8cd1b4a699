/** On the board and at the queue: the disk fills, when it is full at this rate, what that means and what to do. */
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { diskQuery } from '../../data/queries.ts'
import { Notice } from '../../ui/notice.tsx'
import { diskForecast } from './disk-forecast.ts'

/** Where it can't be asked nothing is said: the page's own list says that there is no answer. */
export function DiskNotice() {
  const { t } = useTranslation()
  const { data } = useQuery(diskQuery)
  const forecast = data && diskForecast(data)
  if (!forecast) return null
  const { level, unit, count } = forecast
  const head = level === 'full' ? t('disk.full') : t('disk.soon', { time: t(`disk.${unit}`, { count }) })
  const means = level === 'full' ? t('disk.refusing') : t(level === 'now' ? 'disk.now' : 'disk.then')
  return (
    <Notice tone={level === 'soon' ? 'warn' : 'bad'}>
      <strong>{head}</strong> {means}
    </Notice>
  )
}
