/**
 * Many senders at once, in a process of its own so that its work is not the bench's: each sends one message after another,
 * a connection each, and after a 421 waits a little, as a real one would (only that those wait for minutes).
 * Run as a program with the wish as JSON; it prints its Tally as JSON.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { sleep } from '../../e2e/peers/processes.ts'
import { formBytes, sendForm, type Form } from './forms.ts'
import { letterBytes, sendOnce, type Ending } from './session.ts'

export interface SendersWish {
  port: number
  to: string
  senders: number
  size: number
  /** not counted, then counted */
  warmSeconds: number
  seconds: number
  /** after a 421 or a connection that did not come about */
  waitMs: number
  localAddress?: string
  /** a whole message as it is, instead of one of `size` octets; base64 */
  bytes?: string
  /** left out: as session.ts has it */
  form?: Form
}

/** What ended while it was counted, and what was accepted in all. */
export type Tally = Record<Ending, number> & { acceptedInAll: number; seconds: number; firstText: string }

export async function send(wish: SendersWish): Promise<Tally> {
  const tally: Tally = {
    accepted: 0,
    busy: 0,
    unreached: 0,
    refused: 0,
    broken: 0,
    acceptedInAll: 0,
    seconds: wish.seconds,
    firstText: '',
  }
  const from = performance.now() + wish.warmSeconds * 1000
  const until = from + wish.seconds * 1000
  const bytes = wish.bytes === undefined ? letterBytes(wish.size) : Buffer.from(wish.bytes, 'base64')
  const { port, to, localAddress, form } = wish
  const formed = form === undefined ? null : { port, to, bytes: formBytes(form, wish.size) }
  const letter = {
    port,
    to,
    from: 'sender@outside.test',
    bytes,
    ...(localAddress === undefined ? {} : { localAddress }),
  }
  const lane = async (): Promise<void> => {
    // not all in one moment
    await sleep(Math.random() * wish.warmSeconds * 500)
    while (performance.now() < until) {
      const { ending, text } = await (formed === null ? sendOnce(letter) : sendForm(form!, formed))
      const now = performance.now()
      if (now >= from && now < until) tally[ending]++
      if (ending === 'accepted') tally.acceptedInAll++
      else {
        if (ending === 'broken' || ending === 'refused') tally.firstText ||= text
        await sleep(wish.waitMs * (0.5 + Math.random()))
      }
    }
  }
  await Promise.all(Array.from({ length: wish.senders }, lane))
  return tally
}

/** The same in `processes` processes (0: in this one); counts are added up. */
export async function sendApart(wish: SendersWish, processes = 1): Promise<Tally> {
  if (processes === 0) return send(wish)
  const share = { ...wish, senders: Math.ceil(wish.senders / processes) }
  const run = async (): Promise<Tally> => {
    const args = ['--import', 'tsx', import.meta.filename, JSON.stringify(share)]
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 20 })
    return JSON.parse(stdout) as Tally
  }
  const [first, ...others] = await Promise.all(Array.from({ length: processes }, run))
  for (const other of others)
    for (const key of ['accepted', 'busy', 'unreached', 'refused', 'broken', 'acceptedInAll'] as const)
      first![key] += other[key]
  return first!
}

if (process.argv[1] === import.meta.filename)
  process.stdout.write(JSON.stringify(await send(JSON.parse(process.argv[2]!) as SendersWish)))
