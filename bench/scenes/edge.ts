/** The same message by DATA, over TLS on both legs, by CHUNKING and with SMTPUTF8: so many senders for a while, until the last has arrived. */
import { sendApart } from '../client/senders.ts'
import type { Form } from '../client/forms.ts'
import { arrived } from '../load.ts'
import { cpuSeconds } from '../meter.ts'
import type { EdgeSink } from '../subjects/edge-sink.ts'
import type { Subject } from '../subjects/subject.ts'

export interface EdgeScene {
  senders: number
  size: number
  warmSeconds: number
  seconds: number
  /** of the load; 0: in the bench's own, to try it out */
  processes: number
}

export async function edgeOnce(
  subject: Subject,
  sink: EdgeSink,
  scene: EdgeScene,
  { form, to }: { form: Form; to: string },
): Promise<Record<string, number>> {
  const before = sink.received()
  const [encrypted, international] = [sink.encrypted(), sink.international()]
  const cpuBefore = cpuSeconds(subject.roots())
  const wish = { ...scene, port: subject.port, to, waitMs: 100, form }
  const tally = await sendApart(wish, scene.processes)
  if (tally.refused + tally.broken > 0) throw new Error(`${subject.name}, ${form}: not accepted: ${tally.firstText}`)
  const said = performance.now()
  await arrived(() => sink.received(), before + tally.acceptedInAll, subject.name)
  // without the time in which the load's own process starts
  const seconds = scene.warmSeconds + scene.seconds + (performance.now() - said) / 1000
  // a form that did not happen would be a fine rate
  const hop =
    form === 'tls' ? sink.encrypted() - encrypted : form === 'utf8' ? sink.international() - international : null
  if (hop !== null && hop < tally.acceptedInAll)
    throw new Error(`${subject.name}: ${hop} of ${tally.acceptedInAll} messages went on in the form ${form}`)
  return {
    deliveredPerSecond: tally.acceptedInAll / seconds,
    cpuPer1000: ((cpuSeconds(subject.roots()) - cpuBefore) / tally.acceptedInAll) * 1000,
  }
}
