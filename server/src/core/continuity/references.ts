/**
 * Hosts that have nothing to do with any primary and are nearly always there (`continuity.references`): when none of them
 * answers, it is we who cannot see. Asked now and then, and at once while the judge wants to know.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { ReferenceAges } from './sight.ts'

/** Resolves when it answered, rejects when not. */
export type AskReference = (reference: string, timeoutMs: number) => Promise<void>

export interface References {
  ages(): ReferenceAges
  /** The judge waits for an answer. */
  hurry(): void
  start(): void
  stop(): void
}

const EVERY_MS = 60_000
const HURRIED_MS = 2_000
const TIMEOUT_MS = 5_000

export function createReferences(deps: {
  clock: Clock
  log: Log
  references: readonly string[]
  ask: AskReference
}): References {
  const { clock, log, references } = deps
  let goodAt = -Infinity
  let badAt = -Infinity
  let began = -Infinity
  let running = false
  let timer: Timer | null = null

  function check(): void {
    if (running || references.length === 0) return
    running = true
    began = clock.monotonic()
    const at = began
    // The first that answers is enough.
    Promise.any(references.map((one) => deps.ask(one, TIMEOUT_MS)))
      .then(
        () => {
          goodAt = at
        },
        (error: unknown) => {
          badAt = at
          const { errors } = error as AggregateError
          log.warn({ references: references.length, err: String(errors[0]) }, 'no reference host answers')
        },
      )
      .finally(() => {
        running = false
      })
  }

  return {
    ages: () => ({
      configured: references.length > 0,
      goodAge: clock.monotonic() - goodAt,
      badAge: clock.monotonic() - badAt,
    }),
    hurry() {
      if (clock.monotonic() - began >= HURRIED_MS) check()
    },
    start() {
      check()
      timer = clock.every(EVERY_MS, check)
    },
    stop: () => timer?.cancel(),
  }
}
