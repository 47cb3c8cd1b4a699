/** How much of a list is believed without being asked, for each source. */
import { z } from 'zod'

const limit = (most: number, percent: number, what: string) =>
  z
    .strictObject({
      most: z.number().int().min(0).max(1_000_000).default(most).describe(`Never more ${what} than this.`),
      percent: z.number().int().min(0).max(100).default(percent).describe('Of the people the source speaks of.'),
    })
    .prefault({})
    .describe(`Most ${what} of one run; above either limit the run changes nothing and asks.`)

export const sourceSettingsSchema = z.strictObject({
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
