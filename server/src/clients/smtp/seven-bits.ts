/**
 * What is sent instead of a message with eight bits to a server that does not offer 8BITMIME: a derived body
 * (protocols/mime/seven-bit.ts), read from the original anew for the plan, for its length, and for the sending. It breaks
 * signatures over the original; one of our own is made again over what leaves. The original stays as it is.
 */
import { setImmediate } from 'node:timers/promises'
import { createStreamedParts } from '../../protocols/dkim/streamed.ts'
import { convertToSevenBit, planSevenBit, type SevenBitPlan } from '../../protocols/mime/index.ts'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { OutgoingMail } from './envelope.ts'

export const needsSevenBits = (mail: OutgoingMail, offered: Capabilities): boolean =>
  mail.eightbit && !offered.eightBitMime

/** What else this process does goes on between pieces of this size. */
const STEP = 65_536
const MOST_HEADER = 1_048_576

/** The mail itself where nothing of it can or need be converted. Throws what reading it throws. */
export async function inSevenBits(mail: OutgoingMail): Promise<OutgoingMail> {
  const planner = planSevenBit()
  for await (const piece of inSteps(mail.body())) {
    planner.push(piece)
    if (!planner.isClear) return mail
  }
  const plan = planner.finish()
  if (plan === null) return mail
  const { signature } = mail
  const parts = signature ? createStreamedParts(MOST_HEADER) : null
  const converted = (): AsyncGenerator<Buffer> => convert(mail.body(), plan, signature?.field ?? null)
  let size = 0
  for await (const piece of converted()) {
    size += piece.length
    parts?.write(piece)
  }
  const signed = parts?.finish()
  const anew = signed && signature ? await signature.sign(signed) : null
  return {
    ...mail,
    eightbit: false,
    size: size + (anew?.length ?? 0),
    async *body() {
      if (anew) yield anew
      yield* converted()
    },
  }
}

async function* convert(
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  plan: SevenBitPlan,
  without: Buffer | null,
): AsyncGenerator<Buffer> {
  const converter = convertToSevenBit(plan, without)
  for await (const piece of inSteps(body)) {
    const out: Buffer[] = []
    converter.push(piece, out)
    if (out.length > 0) yield Buffer.concat(out)
  }
  const out: Buffer[] = []
  converter.finish(out)
  if (out.length > 0) yield Buffer.concat(out)
}

async function* inSteps(body: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of body)
    for (let at = 0; at < chunk.length; at += STEP) {
      if (at > 0) await setImmediate()
      yield chunk.subarray(at, at + STEP)
    }
}
