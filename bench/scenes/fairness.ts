/**
 * One organisation's trouble beside another's mail: a burst to a primary that is dead, silent or slow, and a trickle to a
 * good one. The trickle is timed before, while the burst is accepted, and after that, while the burst's messages are
 * attempted, deferred and attempted again. The mode of the bad route is pinned to normal where `pinned`: the worst case,
 * for nothing takes its mail out of the way then.
 */
import { sleep } from '../../e2e/peers/processes.ts'
import { trickle, type Latency } from '../client/trickle.ts'
import { pour } from '../load.ts'
import { startHoldfast, type HoldfastSubject } from '../subjects/holdfast.ts'
import { domains, recipient } from '../subjects/subject.ts'
import { createTimedSink, type Health } from '../subjects/timed-sink.ts'

export interface FairnessScene {
  name: string
  health: Exclude<Health, 'good'>
  pinned: boolean
  burst: number
  size: number
  sessions: number
  perSecond: number
  /** seconds of the phases before and after */
  seconds: number
  /** room for mail in memory, where it is to be smaller than by default */
  readyBytes?: number
}

export interface FairnessFigures {
  before: Latency
  accepting: Latency
  after: Latency
  acceptedPerSecond: number
  /** medians and p95 by those before */
  acceptingRatio: number
  afterRatio: number
  afterP95Ratio: number
}

/** `program`: another build of Holdfast, to see what a change did. */
export async function fairnessOnce(scene: FairnessScene, program?: string): Promise<FairnessFigures> {
  const good = await createTimedSink()
  const bad = await createTimedSink()
  let subject: HoldfastSubject | null = null
  try {
    subject = await startHoldfast(
      { up: good.port, down: bad.port },
      {
        ...(program === undefined ? {} : { program }),
        ...(scene.readyBytes === undefined ? {} : { config: { delivery: { readyBytes: scene.readyBytes } } }),
      },
    )
    const { port } = subject
    const steady = { port, to: recipient, perSecond: scene.perSecond, size: scene.size, sink: good }
    if (scene.pinned)
      await subject.installation.must(['mode', 'pin', 'primary', 'normal', '-o', 'down', '--reason', 'the bench'])
    // first connections, prepared statements
    await trickle(steady, 3)
    const before = await trickle(steady, scene.seconds)
    await bad.become(scene.health)
    const pouring = pour({ ...scene, port, messages: scene.burst, to: `alice@${domains.down}` })
    const [accepting, seconds] = await Promise.all([trickle(steady, pouring), pouring])
    const after = await trickle(steady, scene.seconds)
    return {
      before,
      accepting,
      after,
      acceptedPerSecond: scene.burst / seconds,
      acceptingRatio: accepting.medianMs / before.medianMs,
      afterRatio: after.medianMs / before.medianMs,
      afterP95Ratio: after.p95Ms / before.p95Ms,
    }
  } finally {
    await subject?.stop()
    await good.stop()
    await bad.stop()
    await sleep(500)
  }
}
