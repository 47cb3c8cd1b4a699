/** Of each source: how much of a list is believed without being asked, and for those fetched by the clock how often and from where. */
import { z } from 'zod'
import { ldapSourceSchema } from './ldap/settings.ts'

const limit = (most: number, percent: number, what: string) =>
  z
    .strictObject({
      most: z.number().int().min(0).max(1_000_000).default(most).describe(`Never more ${what} than this.`),
      percent: z.number().int().min(0).max(100).default(percent).describe('Of the people the source speaks of.'),
    })
    .prefault({})
    .describe(`Most ${what} of one run; above either limit the run changes nothing and asks.`)

export const limitsShape = {
  creations: limit(500, 20, 'new people'),
  changes: limit(500, 20, 'changed people'),
  removals: limit(500, 20, 'people who go missing, may not sign in any more, or are removed'),
  graceDays: z
    .number()
    .int()
    .min(1)
    .max(365)
    .default(14)
    .describe('How long somebody must be missing in the list before they are removed.'),
}

const EVERY = /^([1-9]\d{0,3})([mhd])$/
const MINUTES = { m: 1, h: 60, d: 1440 } as const
const SHORTEST = 15

export const minutesOf = (text: string): number => {
  const parts = EVERY.exec(text)
  return parts === null ? NaN : Number(parts[1]) * MINUTES[parts[2] as keyof typeof MINUTES]
}

export const scheduleShape = {
  every: z
    .string()
    .refine((text) => minutesOf(text) >= SHORTEST && minutesOf(text) <= MINUTES.d, 'is not from 15m to 1d')
    .optional()
    .describe('How often the list is fetched, such as 15m, 1h or 1d; left out: only by holdfast directory sync.'),
  alarmAfter: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('After so many times `every` without a whole list there is an alarm.'),
}

/** As it is stored. */
export const sourceSettingsSchema = z.strictObject({
  ...limitsShape,
  everyMinutes: z.number().int().min(SHORTEST).max(MINUTES.d).optional(),
  alarmAfter: scheduleShape.alarmAfter,
  ldap: ldapSourceSchema.optional(),
})
export type SourceSettings = z.output<typeof sourceSettingsSchema>

/** Of an organisation of a few people a fifth is nobody: so many are never too many. */
const FEW = { creations: 10, changes: 10, removals: 1 } as const
export type Limited = keyof typeof FEW

export interface OverLimit {
  what: Limited
  count: number
  allowed: number
}

/** What of a plan is more than the source may do unasked; `base`: people it speaks of now. */
export function overLimits(settings: SourceSettings, counts: Record<Limited, number>, base: number): OverLimit[] {
  const over: OverLimit[] = []
  for (const what of ['creations', 'changes', 'removals'] as const) {
    const { most, percent } = settings[what]
    const few = percent === 0 ? 0 : FEW[what]
    const allowed = Math.min(most, Math.max(few, Math.floor((base * percent) / 100)))
    if (counts[what] > allowed) over.push({ what, count: counts[what], allowed })
  }
  return over
}
