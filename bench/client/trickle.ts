/**
 * A steady trickle: so many messages a second, each on a connection of its own and sent when its time has come, whether
 * those before it have arrived or not. Its figure is the time from MAIL to the arrival at the sink.
 */
import { sleep } from '../../e2e/peers/processes.ts'
import { percentile } from '../measure.ts'
import type { TimedSink } from '../subjects/timed-sink.ts'
import { letterBytes, sendOnce } from './session.ts'

export interface Trickle {
  port: number
  to: string
  perSecond: number
  size: number
  sink: TimedSink
}

export interface Latency {
  medianMs: number
  p95Ms: number
  messages: number
  /** not accepted at the first try */
  notAccepted: number
  /** accepted and not at the sink `PATIENCE_MS` after the last was sent; they count as that late */
  late: number
}

const PATIENCE_MS = 60_000
let next = 1

/** `until`: for so many seconds, or until the promise has resolved. */
export async function trickle(how: Trickle, until: number | Promise<unknown>): Promise<Latency> {
  const state = { over: false }
  const end = typeof until === 'number' ? sleep(until * 1000) : until
  void end.catch(() => undefined).then(() => (state.over = true))
  const sending: Promise<void>[] = []
  const mailAt = new Map<string, number>()
  let notAccepted = 0
  const send = async (id: string): Promise<void> => {
    const bytes = letterBytes(how.size, `X-Bench: ${id}`)
    const sent = await sendOnce({ port: how.port, from: 'trickle@outside.test', to: how.to, bytes })
    if (sent.ending === 'accepted') mailAt.set(id, sent.mailAt)
    else notAccepted++
  }
  const from = performance.now()
  for (let n = 0; !state.over; n++) {
    const wait = from + (n * 1000) / how.perSecond - performance.now()
    if (wait > 0) await sleep(wait)
    sending.push(send(`t${next++}`))
  }
  await Promise.all(sending)
  const asked = performance.now()
  const missing = (): number => [...mailAt.keys()].filter((id) => !how.sink.arrivals.has(id)).length
  while (missing() > 0 && performance.now() - asked < PATIENCE_MS) await sleep(20)
  const late = missing()
  const times = [...mailAt].map(([id, at]) => (how.sink.arrivals.get(id) ?? at + PATIENCE_MS) - at)
  times.sort((a, b) => a - b)
  return { medianMs: percentile(times, 50), p95Ms: percentile(times, 95), messages: times.length, notAccepted, late }
}
