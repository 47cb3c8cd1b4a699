/** The settings of a route (jsonb in table route): validated when they are applied and when they are read. */
import { z } from 'zod'

const seconds = (value: number) => z.number().min(0.05).max(604_800).default(value)

export const routeSettingsSchema = z.strictObject({
  /** Lower priority first; hosts of one priority share the load. Empty for a route of kind mx. */
  hosts: z
    .array(
      z.strictObject({
        host: z.string().min(1).max(255),
        port: z.number().int().min(1).max(65535).default(25),
        priority: z.number().int().min(0).max(65535).default(10),
      }),
    )
    .max(50)
    .default([]),
  protocol: z.enum(['smtp', 'lmtp']).default('smtp'),
  tls: z
    .enum(['none', 'opportunistic', 'required'])
    .default('opportunistic')
    .describe(
      'opportunistic: STARTTLS where it is offered and works, any certificate; with a username always encrypted. required: a valid certificate or no mail. none: in clear, the password too.',
    ),
  username: z.string().max(255).optional().describe('Name to sign in with (AUTH PLAIN or LOGIN).'),
  /** connections kept to this route */
  connections: z.number().int().min(1).max(200).default(20),
  /** how long an unsure delivery waits before it is sent again */
  unsureWait: seconds(900),
  /** first and longest wait before a deferred delivery is tried again */
  retryFirst: seconds(60),
  retryMax: seconds(3600),
  sensitivity: z.enum(['quick', 'balanced', 'patient']).default('balanced'),
  probe: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** RCPT TO of the probe; empty takes postmaster@ of the route's first domain */
      recipient: z.string().max(254).default(''),
      /** seconds between probes; absent takes the sensitivity's */
      interval: z.number().min(0.2).max(3600).optional(),
    })
    .prefault({}),
  return: z
    .strictObject({
      startAtOnce: z.number().int().min(1).max(100).default(1).describe('Messages under way at once at the start.'),
      mostAtOnce: z.number().int().min(1).max(100).default(10).describe('Messages under way at once at most.'),
      perSecond: z
        .number()
        .min(0.1)
        .max(10_000)
        .optional()
        .describe('Messages a second at most; left out: as fast as the primary takes them.'),
      perPersonPerMinute: z
        .number()
        .min(0.1)
        .max(10_000)
        .optional()
        .describe(
          'Messages a minute at most into one mailbox, evenly spaced, for primaries that limit a mailbox; left out: one after the other without a pause.',
        ),
    })
    .prefault({}),
})
export type RouteSettings = z.infer<typeof routeSettingsSchema>
