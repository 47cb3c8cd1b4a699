/**
 * When an organisation's people are told of an outage by mail to a private address, and what the mail says besides. On by
 * default: only who was given a private address is written to.
 */
import { z } from 'zod'
import type { Id } from '../../platform/ids.ts'

export const noticeSettingsSchema = z.strictObject({
  automatic: z
    .boolean()
    .default(true)
    .describe('People with a privateAddress are told without being asked for; false: only when an admin says so.'),
  afterMinutes: z
    .number()
    .min(1)
    .max(1440)
    .default(10)
    .describe('Minutes that an emergency must have lasted without a break.'),
  contact: z
    .string()
    .min(1)
    .max(200)
    .refine((text) => text.isWellFormed() && !/[\p{Cc}]/u.test(text), 'must be one line')
    .optional()
    .describe('Whom people ask, as the notice says it: "the service desk, +44 20 7946 0000".'),
})
export type NoticeSettings = z.output<typeof noticeSettingsSchema>

/** What a private address is sealed for. */
export const privatePlace = (personId: Id): string => `person.private_sealed:${personId}`
/** What a telephone number is sealed for. */
export const phonePlace = (personId: Id): string => `private_contact.phone:${personId}`
