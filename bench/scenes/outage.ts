/**
 * The primary goes away, mail comes in meanwhile, the primary comes back: how long until the first message is home, how
 * fast the queue drains once it does (its fastest half), and how long all of it takes. Postfix and Haraka are told to flush
 * the moment the primary is back, as their admin would; Holdfast finds out by itself, and watches the primary for a while
 * before it trusts it with everything: that is part of the last figure.
 */
import { sleep, until } from '../../e2e/peers/processes.ts'
import { arrived, missing, pour, pourToMany } from '../load.ts'
import type { Sink } from '../subjects/sink.ts'
import { domains, type Subject } from '../subjects/subject.ts'

export interface OutageScene {
  messages: number
  size: number
  sessions: number
}

const PARTS = 20
/** A few messages that a flush has missed come with the next retry, minutes later: they are counted, not waited for. */
const STRAGGLERS_MS = 15_000

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
    const times: number[] = []
    for (let part = 1; part <= PARTS - 1; part++) {
      await arrived(() => down.received(), before + Math.ceil((scene.messages * part) / PARTS), subject.name)
      times.push(performance.now())
    }
    const left = await missing(() => down.received(), before + scene.messages + 1, STRAGGLERS_MS)
    const halves = times.slice(PARTS / 2).map((late, i) => late - times[i]!)
    return {
      pouredPerSecond: scene.messages / accepted,
      firstAfterSeconds: (first - back) / 1000,
      drainPerSecond: (scene.messages / 2 / Math.min(...halves)) * 1000,
      leftBehind: left,
      allAfterSeconds: (performance.now() - back) / 1000,
    }
  } catch (error) {
    await down.on().catch(() => undefined)
    throw error
  }
}
