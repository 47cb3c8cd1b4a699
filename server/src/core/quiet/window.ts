/**
 * A window of Quiet Time as people write it, in a file, by the API or on the page: one schema for the three doors and for
 * what is stored. Mail that comes in for those it is for, while it is open, waits for its end.
 */
import { domainToASCII } from 'node:url'
import { z } from 'zod'
import { dayOf, minuteOf, weekdays } from './calendar.ts'
import type { When } from './recurrence.ts'
import { compared } from './sign-in-codes.ts'
import { DAY, isZone, MINUTE } from './wall-time.ts'

const MOST_DATES = 400
const MOST_ENTRIES = 200
const LONGEST_ONCE = 31 * DAY

const text = (most: number) =>
  z
    .string()
    .max(most)
    .refine((value) => !/\p{Cc}/u.test(value) && value.isWellFormed(), 'must not hold control characters')
    .refine((value) => value.trim() !== '', 'must not be empty')
const clockTime = z.string().refine((value) => minuteOf(value) !== null, 'is no time of day: 22:00')
const date = z.string().refine((value) => dayOf(value) !== null, 'is no date: 2026-12-24')
const wallTime = z.string().refine((value) => wallOf(value) !== null, 'is no date with a time: 2026-12-24T18:00')
const hours = {
  from: clockTime.describe('It opens then.'),
  to: clockTime.describe('It closes then; on the next day, where that is not after `from`.'),
}

/** `2026-12-24T18:00` */
function wallOf(value: string): number | null {
  const [day, time, more] = value.split('T')
  const [days, minutes] = [dayOf(day ?? ''), minuteOf(time ?? '')]
  return days === null || minutes === null || more !== undefined ? null : days * DAY + minutes * MINUTE
}

/** Folded as addresses are: `boss@corp.example`, `@corp.example`, `@*.corp.example`. */
export function foldPattern(value: string): string | null {
  const trimmed = value.trim().toLowerCase()
  const at = trimmed.lastIndexOf('@')
  const domain = trimmed.slice(at + 1)
  const isAnyBelow = at === 0 && domain.startsWith('*.')
  const name = domainToASCII(isAnyBelow ? domain.slice(2) : domain)
  if (at < 0 || name === '' || /[\s<>,]/.test(trimmed)) return null
  return `${trimmed.slice(0, at)}@${isAnyBelow ? '*.' : ''}${name}`
}
const pattern = text(254)
  .refine((value) => foldPattern(value) !== null, 'is no address, nor @domain or @*.domain')
  .transform((value) => foldPattern(value)!)

export const planSchema = z.strictObject({
  zone: z
    .string()
    .refine(isZone, 'is no time zone of the IANA list, such as Europe/Berlin')
    .describe('Time zone of its hours, such as Europe/Berlin; its summer time counts.'),
  weekly: z
    .strictObject({ days: z.array(z.enum(weekdays)).min(1).max(7).describe('On which it opens.'), ...hours })
    .optional()
    .describe('Every week. One of weekly, monthly and once.'),
  monthly: z
    .strictObject({
      nth: z
        .union([z.number().int().min(1).max(5), z.literal('last')])
        .optional()
        .describe('Which of them in a month.'),
      day: z.enum(weekdays).optional().describe('With nth: nth 2, day tue is the second Tuesday.'),
      date: z
        .union([z.number().int().min(1).max(31), z.literal('last')])
        .optional()
        .describe('Instead: the day of the month; a month without it has none.'),
      ...hours,
    })
    .refine(
      ({ nth, day, date: of }) =>
        of === undefined ? nth !== undefined && day !== undefined : nth === undefined && day === undefined,
      'needs nth and day, or date',
    )
    .optional()
    .describe('Every month: a patch night.'),
  once: z
    .strictObject({
      from: wallTime.describe('It opens then, by the clocks of the zone.'),
      to: wallTime.describe('It closes then; at most 31 days later.'),
    })
    .refine(({ from, to }) => wallOf(to)! > wallOf(from)!, 'ends before it begins')
    .refine(({ from, to }) => wallOf(to)! - wallOf(from)! <= LONGEST_ONCE, 'is longer than 31 days')
    .optional()
    .describe('A single time.'),
  except: z.array(date).max(MOST_DATES).default([]).describe('Days on which it does not open: holidays, freezes.'),
  also: z.array(date).max(MOST_DATES).default([]).describe('Days on which it opens whatever the pattern says.'),
  exempt: z
    .strictObject({
      senders: z
        .array(pattern)
        .max(MOST_ENTRIES)
        .default([])
        .describe(
          'Mail from these goes at once (envelope or From): an address, @domain, or @*.domain for what is below.',
        ),
      recipients: z.array(pattern).max(MOST_ENTRIES).default([]).describe('Mail for these, written in the same way.'),
      subjects: z.array(text(200)).max(MOST_ENTRIES).default([]).describe('Mail whose subject holds one of these.'),
      priorities: z
        .array(z.enum(['high', 'normal', 'low']))
        .max(3)
        .default([])
        .describe('Mail that its sender gave such a priority (Importance, X-Priority, Priority).'),
      codeWords: z
        .array(text(200))
        .min(1)
        .max(MOST_ENTRIES)
        .optional()
        .describe('Words in a subject that tell a sign-in code, in place of those that are known.'),
    })
    .prefault({})
    .describe('What is not held. Bounces and other notices (null sender) and sign-in codes never are.'),
  modes: z
    .enum(['judged', 'stay', 'emergency'])
    .default('judged')
    .describe(
      'What becomes of the routes while it is open. judged: as ever. stay: no evidence changes their mode. emergency: they are in emergency, as if pinned. Only where it is for all or for a route.',
    ),
})
export type Plan = z.output<typeof planSchema>

export const nameSchema = text(100)

/** What the schema of a single entry cannot say. Null: nothing is wrong. */
export function planProblem(plan: Plan, isNarrow: boolean): { path: string; text: string } | null {
  const kinds = [plan.weekly, plan.monthly, plan.once].filter((one) => one !== undefined).length
  if (kinds !== 1) return { path: '', text: 'needs one of weekly, monthly and once' }
  if (plan.once !== undefined && plan.except.length + plan.also.length > 0)
    return {
      path: plan.also.length > 0 ? 'also' : 'except',
      text: 'belongs to a pattern; a single time has no other days',
    }
  if (plan.modes !== 'judged' && isNarrow)
    return { path: 'modes', text: 'is about whole routes: only a window for all or for a route may say so' }
  return null
}

const days = (dates: readonly string[]): Set<number> => new Set(dates.map((one) => dayOf(one)!))
const numberOf = (value: number | 'last'): number => (value === 'last' ? -1 : value)

export function whenOf(plan: Plan): When {
  if (plan.once) return { kind: 'once', from: wallOf(plan.once.from)!, to: wallOf(plan.once.to)! }
  const { weekly, monthly } = plan
  const { from, to } = (weekly ?? monthly)!
  return {
    kind: 'pattern',
    pattern: weekly
      ? { every: 'week', days: weekly.days }
      : monthly!.date === undefined
        ? { every: 'month', nth: numberOf(monthly!.nth!), day: monthly!.day! }
        : { every: 'month', date: numberOf(monthly!.date) },
    from: minuteOf(from)!,
    to: minuteOf(to)!,
    except: days(plan.except),
    also: days(plan.also),
  }
}

/** Its words as subjects are compared. */
export const wordsOf = (words: readonly string[]): string[] => words.map(compared)
