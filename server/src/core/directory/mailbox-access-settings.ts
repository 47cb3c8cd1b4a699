/**
 * Whether somebody hears at once that their mailbox is opened to an administrator (core/four-eyes). At once unless the
 * organisation declares otherwise, with the ground for it, which the person reads when they are told.
 */
import { z } from 'zod'

export const mailboxAccessSettingsSchema = z
  .strictObject({
    noticeDelayDays: z
      .number()
      .int()
      .min(0)
      .max(365)
      .default(0)
      .describe('Days after the approval until the person is told; 0: at once.'),
    delayBasis: z
      .string()
      .min(10)
      .max(500)
      .refine((text) => text.isWellFormed() && !/[\p{Cc}]/u.test(text), 'must be one line')
      .optional()
      .describe('What allows or demands the delay (law, order, agreement), as the person will read it.'),
  })
  .refine(({ noticeDelayDays, delayBasis }) => noticeDelayDays === 0 || delayBasis !== undefined, {
    path: ['delayBasis'],
    error: 'say what allows the delay: the person will read it',
  })
export type MailboxAccessSettings = z.output<typeof mailboxAccessSettingsSchema>
