/**
 * As many senders as connections are allowed, and ten times as many: what is accepted each second, how many are told 421,
 * and that nobody whose session had begun is broken. A sender that was turned away comes again after `waitMs`.
 */
import { sendApart, type Tally } from '../client/senders.ts'
import { arrived } from '../load.ts'
import { cpuSeconds } from '../meter.ts'
import type { HoldfastSubject } from '../subjects/holdfast.ts'
import type { Sink } from '../subjects/sink.ts'
import { recipient } from '../subjects/subject.ts'

export interface OverloadScene {
  connections: number
  times: number
  size: number
  warmSeconds: number
  seconds: number
  waitMs: number
  /** of the load */
  processes: number
}

export async function overloadOnce(
  subject: HoldfastSubject,
  sink: Sink,
  scene: OverloadScene,
  times: number,
): Promise<Record<string, number>> {
  const before = sink.received()
  const cpuBefore = cpuSeconds(subject.roots())
  const { connections, size, warmSeconds, seconds, waitMs, processes } = scene
  const wish = { port: subject.port, to: recipient, senders: connections * times, size, warmSeconds, seconds, waitMs }
  const tally: Tally = await sendApart(wish, processes)
  await arrived(() => sink.received(), before + tally.acceptedInAll, subject.name)
  return {
    acceptedPerSecond: tally.accepted / tally.seconds,
    turnedAwayPerSecond: tally.busy / tally.seconds,
    unreached: tally.unreached,
    broken: tally.broken + tally.refused,
    cpuPer1000: ((cpuSeconds(subject.roots()) - cpuBefore) / tally.acceptedInAll) * 1000,
  }
}
