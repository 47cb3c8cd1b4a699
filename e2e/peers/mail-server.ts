/**
 * A mail server of another make, as the tests use it: with mailboxes of its own, a way out to everything else, and answers
 * on demand. What it keeps is read from its maildirs; its own trace headers stand before what was sent.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Who connects from here may send to anywhere through it. */
export const ITS_PEOPLE = '127.0.0.7'
/** Then a connection has had enough: 421 to the next MAIL, which a sender may have said already. */
export const MOST_MESSAGES = 7
export const SIGN_IN = { username: 'holdfast', password: 'amber-ferry-relay-42' }

export interface MailServerOptions {
  hostname: string
  mailboxes: readonly string[]
  /** where everything else goes, and the address of this machine that it goes from */
  smartHost: { port: number; from: string }
  /** mailboxes that are only for clients which signed in with `SIGN_IN` */
  signedIn?: readonly string[]
}

export interface MailServer {
  port: number
  start(): Promise<void>
  stop(): Promise<void>
  /** later: 450 at RCPT, refused: 550; null: taken again */
  answer(address: string, how: 'later' | 'refused' | null): void
  /** every message in a mailbox, lines ended by CRLF */
  read(address: string): Buffer[]
  log(): string
  remove(): Promise<void>
}

/** A bare line feed cannot have come: what is kept with the line ends of the machine is what came with CRLF. */
const asSent = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1')

export function readMaildir(folder: string): Buffer[] {
  const fresh = join(folder, 'new')
  if (!existsSync(fresh)) return []
  return readdirSync(fresh)
    .sort()
    .map((name) => asSent(readFileSync(join(fresh, name))))
}
