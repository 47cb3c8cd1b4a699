/**
 * The primary goes away, mail comes in meanwhile, the primary comes back: what is accepted per second while it is down, how
 * long until the first message is home, and how fast the rest follows. Postfix and Haraka are told to flush the moment the
 * primary is back, as their admin would; Holdfast finds out by itself.
 */
import { sleep, until } from '../../e2e/peers/processes.ts'
import { arrived, pour, pourToMany } from '../load.ts'
import type { Sink } from '../subjects/sink.ts'
import { domains, type Subject } from '../subjects/subject.ts'

export interface OutageScene {
  messages: number
  size: number
  sessions: number
}

/** `declared`: resolves when the subject knows that its primary is down. */
export async function outageOnce(
  subject: Subject,
  down: Sink,
  scene: OutageScene,
  declared: () => Promise<boolean>,
): Promise<Record<string, number>> {
  await down.off()
  try {
    // a first message finds it dead, for those who learn it from mail
    await pour({ ...scene, port: subject.port, messages: 1, sessions: 1, to: `alice@${domains.down}` })
    await until(`${subject.name} knows that its primary is down`, declared, 120_000, 250)
    const accepted = await pourToMany({ ...scene, port: subject.port }, domains.down)
    // its own first attempts at all of them are over
    await sleep(3000)
    const before = down.received()
    await down.on()
    const back = performance.now()
    await subject.flush()
    await arrived(() => down.received(), before + 1, subject.name)
    const first = performance.now()
    await arrived(() => down.received(), before + scene.messages + 1, subject.name)
    const last = performance.now()
    return {
      acceptedPerSecond: scene.messages / accepted,
      firstAfterSeconds: (first - back) / 1000,
      drainPerSecond: scene.messages / ((last - first) / 1000),
    }
  } catch (error) {
    await down.on().catch(() => undefined)
    throw error
  }
}
