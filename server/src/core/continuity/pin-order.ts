/**
 * Which mode counts for somebody's mail where several things speak of it: pins of the person, their group, domain, route
 * and organisation, a failing mailbox, the engine's judgement of the route (docs/decisions/0024-who-decides.md). Pure.
 *
 * A hold wins over everything: what is compromised lets nothing through, however narrow an exception was made before. Else
 * the narrowest pin counts, then a mailbox that fails, then what is wider. A pin to normal does not hurry past a return: what is
 * owed goes home first.
 */
import { Mode, Pin } from '../../platform/codes.ts'
import { troubleModes } from '../../store/pins.ts'

/** In this order: the first that speaks decides, unless another one holds. */
export const deciders = ['person', 'group', 'mailbox', 'domain', 'route', 'organisation', 'engine'] as const
export type Decider = (typeof deciders)[number]
export type PinDecider = Exclude<Decider, 'mailbox' | 'route' | 'engine'>

export interface Voices extends Partial<Record<PinDecider, Pin>> {
  /** the mailbox fails while its route takes mail */
  mailboxFails: boolean
  route: { mode: Mode; isPinned: boolean }
}

export interface Decision {
  mode: Mode
  by: Decider
}

const pinnedMode: Record<Pin, Mode> = {
  [Pin.emergency]: Mode.emergency,
  [Pin.normal]: Mode.normal,
  [Pin.hold]: Mode.hold,
}

const routeTakesMail: ReadonlySet<Mode> = new Set(troubleModes)
/** In this mode of its route a mailbox can be in trouble of its own. */
export const canFailAlone = (mode: Mode): boolean => routeTakesMail.has(mode)

function modeBy(voices: Voices, by: Decider): Mode | null {
  const { route } = voices
  switch (by) {
    case 'engine':
      return route.mode
    case 'route':
      return route.isPinned ? route.mode : null
    case 'mailbox':
      return voices.mailboxFails && canFailAlone(route.mode) ? Mode.emergency : null
    default: {
      const pin = voices[by]
      if (pin === undefined) return null
      return pin === Pin.normal && route.mode === Mode.recovering ? Mode.recovering : pinnedMode[pin]
    }
  }
}

export function decide(voices: Voices): Decision {
  let first: Decision | null = null
  for (const by of deciders) {
    const mode = modeBy(voices, by)
    if (mode === Mode.hold) return { mode, by }
    if (mode !== null) first ??= { mode, by }
  }
  return first!
}
