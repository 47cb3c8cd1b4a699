/** Accept and relay: messages from smtp-source through a subject to the sink that is always there. */
import { sleep } from '../../e2e/peers/processes.ts'
import { arrived, pour } from '../load.ts'
import { cpuSeconds, memoryMegabytes } from '../meter.ts'
import type { Sink } from '../subjects/sink.ts'
import { domains, recipient, type Subject } from '../subjects/subject.ts'

export interface RelayScene {
  name: string
  title: string
  messages: number
  size: number
  sessions: number
  recipients?: number
  /** memory is measured while it runs: that costs time, so only where it is asked for */
  memory?: boolean
  /** nothing is relayed: it is kept (`kept`), or its primary is down and every subject knows it (`gone`) */
  stays?: 'kept' | 'gone'
}

/** Rates are per second of the whole: accepted until the last 250, delivered until the last message is at the sink. */
export async function relayOnce(subject: Subject, sink: Sink, scene: RelayScene): Promise<Record<string, number>> {
  const wanted = sink.received() + (scene.stays ? 0 : scene.messages)
  let memoryMb = 0
  const sampler = scene.memory
    ? setInterval(() => {
        memoryMb = Math.max(memoryMb, memoryMegabytes(subject.roots()))
      }, 300)
    : null
  const cpuBefore = cpuSeconds(subject.roots())
  const from = performance.now()
  const to = scene.stays ? `alice@${domains[scene.stays]}` : recipient
  const accepted = await pour({ ...scene, port: subject.port, to }).finally(() => {
    if (sampler) clearInterval(sampler)
  })
  await arrived(() => sink.received(), wanted, subject.name)
  const delivered = (performance.now() - from) / 1000
  // what is written down after the last message belongs to it
  await sleep(400)
  return {
    acceptedPerSecond: scene.messages / accepted,
    ...(scene.stays ? {} : { deliveredPerSecond: scene.messages / delivered }),
    cpuPer1000: ((cpuSeconds(subject.roots()) - cpuBefore) / scene.messages) * 1000,
    ...(scene.memory ? { memoryMb } : {}),
  }
}
