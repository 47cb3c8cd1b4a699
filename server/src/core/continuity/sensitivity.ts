/**
 * How quickly a route is judged: three named settings, every number in seconds, in one place. The machine, the probes
 * and the admin's page read the same numbers, so what the page promises is what the code does.
 *
 * The bounds that follow (proven with the fake clock in judging.test.ts): a dead or hanging primary is declared within
 * 60 s at balanced (about 5 s at quick), its return within the same time.
 */
import type { Switching } from '../directory/index.ts'

export interface Sensitivity {
  name: SensitivityName
  /** how far back evidence counts */
  window: number
  /** failures without a success before the route is suspect, and for how long they must have lasted */
  suspectFailures: number
  suspectAfter: number
  /** the same for emergency */
  emergencyFailures: number
  emergencyAfter: number
  /** successes without a failure before a suspect route is normal again, and for how long */
  calmSuccesses: number
  calmAfter: number
  /** the same for an emergency to end (the return begins) */
  recoverSuccesses: number
  recoverAfter: number
  /** half-dead: this many failed deliveries in the window, being at least this share of all, count as failing */
  shareFailures: number
  share: number
  /** seconds between probes: all well; suspect or just answered differently from before; during an emergency */
  probeEvery: number
  probeFaster: number
  probeEmergency: number
  /** a probe that takes longer is a failure (deliveries keep RFC 5321's time-outs) */
  probeTimeout: number
  /**
   * hold-down: emergencies the engine may declare within an hour because mail is not taken, and as many because people cannot
   * reach it; and the times it may become suspect
   */
  emergenciesPerHour: number
  suspicionsPerHour: number
  /** what the engine may do by itself; left out: everything */
  switching?: Switching
}

export const sensitivityNames = ['quick', 'balanced', 'patient'] as const
export type SensitivityName = (typeof sensitivityNames)[number]

export const sensitivities = {
  /** Demonstrations and tests: a whole outage within two minutes. Would switch too readily for most real systems. */
  quick: {
    name: 'quick',
    window: 60,
    suspectFailures: 2,
    suspectAfter: 0.5,
    emergencyFailures: 3,
    emergencyAfter: 1.5,
    calmSuccesses: 2,
    calmAfter: 2,
    recoverSuccesses: 3,
    recoverAfter: 2,
    shareFailures: 6,
    share: 0.5,
    probeEvery: 1,
    probeFaster: 0.4,
    probeEmergency: 0.8,
    probeTimeout: 1.2,
    emergenciesPerHour: 60,
    suspicionsPerHour: 120,
  },
  balanced: {
    name: 'balanced',
    window: 60,
    suspectFailures: 2,
    suspectAfter: 3,
    emergencyFailures: 3,
    emergencyAfter: 20,
    calmSuccesses: 3,
    calmAfter: 15,
    recoverSuccesses: 3,
    recoverAfter: 15,
    shareFailures: 8,
    share: 0.5,
    probeEvery: 12,
    probeFaster: 2,
    probeEmergency: 10,
    probeTimeout: 10,
    emergenciesPerHour: 4,
    suspicionsPerHour: 12,
  },
  /** Systems that restart often or answer slowly: several minutes before anything happens. */
  patient: {
    name: 'patient',
    window: 600,
    suspectFailures: 3,
    suspectAfter: 30,
    emergencyFailures: 6,
    emergencyAfter: 180,
    calmSuccesses: 4,
    calmAfter: 60,
    recoverSuccesses: 5,
    recoverAfter: 120,
    shareFailures: 20,
    share: 0.7,
    probeEvery: 60,
    probeFaster: 20,
    probeEmergency: 30,
    probeTimeout: 30,
    emergenciesPerHour: 2,
    suspicionsPerHour: 6,
  },
} as const satisfies Record<SensitivityName, Sensitivity>

/** The longest window of all: evidence older than this is never judged. */
export const longestWindow = Math.max(...sensitivityNames.map((name) => sensitivities[name].window))

/** What a route is judged by; one that nobody knows yet like most. */
export const rulesOf = (
  route: { settings: { sensitivity: SensitivityName }; switching: Switching } | undefined,
): Sensitivity =>
  route === undefined
    ? sensitivities.balanced
    : { ...sensitivities[route.settings.sensitivity], switching: route.switching }
