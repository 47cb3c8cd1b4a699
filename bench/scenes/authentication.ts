/**
 * What SPF, DKIM and DMARC cost before the reply, in the forms of authentication/door.ts: the same signed message from
 * some senders at once, for a while, and until the last has arrived.
 */
import { createVerifier } from '../authentication/verify.ts'
import type { signedLetter } from '../authentication/signed.ts'
import { sendApart } from '../client/senders.ts'
import { arrived } from '../load.ts'
import { cpuSeconds } from '../meter.ts'
import type { HoldfastSubject } from '../subjects/holdfast.ts'
import type { Sink } from '../subjects/sink.ts'
import { recipient } from '../subjects/subject.ts'

export interface AuthenticationScene {
  senders: number
  size: number
  warmSeconds: number
  seconds: number
}

export const forms = ['off', 'main', 'worker', 'needed'] as const

export async function authenticationOnce(
  subject: HoldfastSubject,
  sink: Sink,
  scene: AuthenticationScene,
  bytes: Buffer,
): Promise<Record<string, number>> {
  const before = sink.received()
  const cpuBefore = cpuSeconds(subject.roots())
  const wish = { ...scene, port: subject.port, to: recipient, waitMs: 100, bytes: bytes.toString('base64') }
  const tally = await sendApart(wish)
  const said = performance.now()
  await arrived(() => sink.received(), before + tally.acceptedInAll, subject.name)
  const lag = (performance.now() - said) / 1000
  if (tally.refused + tally.broken > 0) throw new Error(`${subject.name}: not accepted: ${tally.firstText}`)
  return {
    deliveredPerSecond: tally.acceptedInAll / (scene.warmSeconds + scene.seconds + lag),
    cpuPer1000: ((cpuSeconds(subject.roots()) - cpuBefore) / tally.acceptedInAll) * 1000,
  }
}

/** Milliseconds of processor time that one message costs by itself, the whole check and with remembered results. */
export async function verificationMs(
  { bytes, dns }: Awaited<ReturnType<typeof signedLetter>>,
  messages: number,
): Promise<{ whole: number; remembered: number }> {
  const message = bytes.subarray(0, bytes.length - 3)
  const cost = async (cached: boolean): Promise<number> => {
    const verify = createVerifier(dns, cached)
    const once = async (): Promise<void> => {
      if (!(await verify({ bytes: message, ip: '127.0.0.1', helo: 'load.test', sender: 'sender@outside.test' })))
        throw new Error('the signed message is not valid')
    }
    for (let i = 0; i < messages / 5; i++) await once()
    const from = process.cpuUsage()
    for (let i = 0; i < messages; i++) await once()
    const { user, system } = process.cpuUsage(from)
    return (user + system) / 1000 / messages
  }
  return { whole: await cost(false), remembered: await cost(true) }
}
