/** Quiet times in words: which days, which hours, for whom. */
import type { TFunction } from 'i18next'
import type { QuietPlan, QuietWindow } from '../../data/contract.ts'
import { regional } from '../../lib/format.ts'

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]
export const nths = [1, 2, 3, 4, 5, 'last'] as const
export type Nth = (typeof nths)[number]

/** 5 January 1970 was a Monday. */
export function dayName(day: Weekday, locale: string, weekday: 'short' | 'long' = 'short'): string {
  const at = Date.UTC(1970, 0, 5 + weekdays.indexOf(day))
  return new Intl.DateTimeFormat(regional(locale), { weekday, timeZone: 'UTC' }).format(at)
}

/** A wall time of a zone that is not ours: its figures, by locale. */
function wallText(wall: string, locale: string): string {
  const options = { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' } as const
  return new Intl.DateTimeFormat(regional(locale), options).format(Date.parse(`${wall}Z`))
}

const nthWords = ['quiet.first', 'quiet.second', 'quiet.third', 'quiet.fourth', 'quiet.fifth'] as const
export const nthText = (t: TFunction, nth: Nth): string => t(nth === 'last' ? 'quiet.last' : nthWords[nth - 1]!)

export function whenText(t: TFunction, plan: QuietPlan, locale: string): string {
  const { weekly, monthly, once } = plan
  if (once) return t('quiet.once', { from: wallText(once.from, locale), to: wallText(once.to, locale) })
  if (weekly) {
    const days = new Intl.ListFormat(regional(locale), { type: 'unit' }).format(
      weekdays.filter((day) => weekly.days.includes(day)).map((day) => dayName(day, locale)),
    )
    return t('quiet.weekly', { days, from: weekly.from, to: weekly.to })
  }
  if (!monthly) return ''
  const { nth, day, date, from, to } = monthly
  if (date === 'last') return t('quiet.monthlyLast', { from, to })
  if (date !== undefined) return t('quiet.monthlyDate', { date, from, to })
  return t('quiet.monthlyNth', {
    nth: nthText(t, (nth ?? 1) as Nth),
    day: dayName(day ?? 'mon', locale, 'long'),
    from,
    to,
  })
}

export function whomText(t: TFunction, { target, targetName }: QuietWindow): string {
  if (target === 'all') return t('quiet.all')
  if (targetName === null) return t('quiet.gone')
  const words = {
    route: 'quiet.route',
    domain: 'quiet.domain',
    group: 'quiet.group',
    person: 'quiet.person',
  } as const
  return t(words[target], { name: targetName })
}
