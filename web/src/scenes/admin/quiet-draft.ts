/** What stands in the form of a quiet time, and what is sent: a plan's parts that have no field stay as they are. Pure. */
import type { QuietPlan, QuietWindow } from '../../data/contract.ts'
import type { Nth, Weekday } from './quiet-words.ts'

export interface QuietDraft {
  name: string
  /** the word and the id, `route <id>` */
  target: string
  kind: 'weekly' | 'monthly' | 'once'
  days: Weekday[]
  nth: Nth
  day: Weekday
  from: string
  to: string
  onceFrom: string
  onceTo: string
  zone: string
  except: string
  also: string
  senders: string
  subjects: string
  high: boolean
  modes: NonNullable<QuietPlan['modes']>
}

const FRESH: QuietDraft = {
  name: '',
  target: 'all ',
  kind: 'weekly',
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  nth: 2,
  day: 'tue',
  from: '22:00',
  to: '06:00',
  onceFrom: '',
  onceTo: '',
  zone: 'UTC',
  except: '',
  also: '',
  senders: '',
  subjects: '',
  high: false,
  modes: 'judged',
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }
const given = <T extends object>(values: T): Given<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>

export function draftOf(window: QuietWindow | null, zone: string): QuietDraft {
  if (window === null) return { ...FRESH, zone }
  const named = { ...FRESH, zone, name: window.name, target: `${window.target} ${window.targetId ?? ''}` }
  const { plan } = window
  if (plan === null) return named
  const { weekly, monthly, once, exempt } = plan
  return {
    ...named,
    ...given({ from: (weekly ?? monthly)?.from, to: (weekly ?? monthly)?.to, days: weekly?.days, day: monthly?.day }),
    ...given({ nth: monthly?.nth as Nth | undefined, onceFrom: once?.from, onceTo: once?.to, modes: plan.modes }),
    kind: once ? 'once' : monthly ? 'monthly' : 'weekly',
    zone: plan.zone,
    except: (plan.except ?? []).join(' '),
    also: (plan.also ?? []).join(' '),
    senders: (exempt?.senders ?? []).join(' '),
    subjects: (exempt?.subjects ?? []).join('\n'),
    high: (exempt?.priorities ?? []).includes('high'),
  }
}

/** A window for a day of the month has no fields for it; its hours can be changed. */
export const keepsDate = (window: QuietWindow | null): boolean => window?.plan?.monthly?.date !== undefined
/** Only where it is about whole routes may it say what becomes of their modes. */
export const isWide = ({ target }: QuietDraft): boolean => target.startsWith('all ') || target.startsWith('route ')

const words = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)
const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

function whenOf(draft: QuietDraft, window: QuietWindow | null): object {
  const { kind, days, nth, day, from, to } = draft
  if (kind === 'once') return { once: { from: draft.onceFrom, to: draft.onceTo } }
  const others = { except: words(draft.except), also: words(draft.also) }
  if (kind === 'weekly') return { weekly: { days, from, to }, ...others }
  const which = keepsDate(window) ? { date: window?.plan?.monthly?.date } : { nth, day }
  return { monthly: { ...which, from, to }, ...others }
}

export function wishOf(draft: QuietDraft, window: QuietWindow | null): object {
  const [target, id] = draft.target.split(' ')
  const exempt = window?.plan?.exempt
  const otherPriorities = (exempt?.priorities ?? []).filter((priority) => priority !== 'high')
  return {
    name: draft.name.trim(),
    target,
    targetId: id === '' ? null : id,
    provider: window?.provider ?? false,
    plan: {
      zone: draft.zone.trim(),
      ...whenOf(draft, window),
      exempt: {
        ...exempt,
        senders: words(draft.senders),
        subjects: lines(draft.subjects),
        priorities: draft.high ? ['high', ...otherPriorities] : otherPriorities,
      },
      modes: isWide(draft) ? draft.modes : 'judged',
    },
  }
}
