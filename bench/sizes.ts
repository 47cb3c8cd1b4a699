/** Sizes: smoke for CI (its figures mean nothing), ordinary for `npm run bench`, full for the proof. */
import type { OutageScene } from './scenes/outage.ts'
import type { RelayScene } from './scenes/relay.ts'

export interface Sizes {
  rounds: number
  relay: RelayScene[]
  outage: OutageScene & { rounds: number }
}

const TEN = 10_240
const HUNDRED = 102_400

const scenes = (n: number): RelayScene[] => [
  { name: 'sessions-20', title: '10 KB, 20 sessions', messages: n, size: TEN, sessions: 20 },
  { name: 'sessions-100', title: '10 KB, 100 sessions', messages: n, size: TEN, sessions: 100, memory: true },
  { name: 'session-1', title: '10 KB, one session', messages: n / 4, size: TEN, sessions: 1 },
  {
    name: 'recipients-20',
    title: '10 KB, 20 recipients',
    messages: Math.ceil(n / 3),
    size: TEN,
    sessions: 20,
    recipients: 20,
  },
  { name: 'size-100k', title: '100 KB, 20 sessions', messages: n / 2, size: HUNDRED, sessions: 20 },
  { name: 'accept-alone', title: 'accepted and kept', messages: n, size: TEN, sessions: 20, stays: 'kept' },
  // half of it: what cannot go out lies in the queues from round to round
  { name: 'accept-down', title: 'primary down', messages: n / 2, size: TEN, sessions: 20, stays: 'gone' },
]

export type SizeName = 'smoke' | 'ordinary' | 'full'

export const sizes: Record<SizeName, Sizes> = {
  smoke: { rounds: 1, relay: scenes(240).slice(0, 1), outage: { rounds: 0, messages: 0, size: TEN, sessions: 20 } },
  ordinary: { rounds: 3, relay: scenes(2400), outage: { rounds: 1, messages: 2000, size: TEN, sessions: 20 } },
  full: { rounds: 5, relay: scenes(5000), outage: { rounds: 3, messages: 5000, size: TEN, sessions: 20 } },
}
