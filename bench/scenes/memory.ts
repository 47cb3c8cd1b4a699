/**
 * A large message beside a small one: the peak of memory while some are accepted and relayed at once, of Holdfast's own
 * process and of its database's. `rounds` of messages after each other, so that what is only collected late shows.
 */
import { arrived, pour } from '../load.ts'
import { familyOf } from '../../e2e/peers/processes.ts'
import { pssMegabytes } from '../meter.ts'
import type { HoldfastSubject } from '../subjects/holdfast.ts'
import type { Sink } from '../subjects/sink.ts'
import { recipient } from '../subjects/subject.ts'

export interface MemoryScene {
  name: string
  title: string
  size: number
  /** at once */
  sessions: number
  messages: number
}

const SAMPLE_MS = 50

export async function memoryOnce(
  subject: HoldfastSubject,
  sink: Sink,
  scene: MemoryScene,
): Promise<Record<string, number>> {
  const postmaster = subject.installation.postmaster()
  const { pid } = subject.running()
  let processMb = 0
  let databaseMb = 0
  const look = (): void => {
    processMb = Math.max(processMb, pssMegabytes([pid]))
    databaseMb = Math.max(databaseMb, pssMegabytes(postmaster === null ? [] : familyOf(postmaster)))
  }
  look()
  const idleMb = processMb
  const sampler = setInterval(look, SAMPLE_MS)
  const before = sink.received()
  const from = performance.now()
  try {
    await pour({ ...scene, port: subject.port, to: recipient })
    await arrived(() => sink.received(), before + scene.messages, subject.name)
  } finally {
    clearInterval(sampler)
  }
  return { processMb, databaseMb, idleMb, seconds: (performance.now() - from) / 1000 }
}
