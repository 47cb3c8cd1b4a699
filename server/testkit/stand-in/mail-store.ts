/**
 * What a stand-in has received, per mailbox, in memory; with a journal file it survives a restart. A line of the journal
 * is written (and with `sync` forced to disk) before the stand-in says 250, so counting the journal is counting what the
 * primary really took. Lines that were cut by a kill are ignored when it is read.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'

export interface StoredMail {
  id: number
  /** milliseconds */
  at: number
  envelopeFrom: string
  recipients: string[]
  /** parameters of MAIL FROM, as sent */
  mailParameters: string
  bytes: Buffer
  sha256: string
  /** the first X-Nonce header or `nonce:` word found in the message, for counting in proofs */
  nonce: string | null
  /** false: the client was left without an answer */
  answered: boolean
}

export interface MailStore {
  all(): readonly StoredMail[]
  /** folded addresses, in order of first use */
  mailboxes(): Map<string, StoredMail[]>
  of(address: string): readonly StoredMail[]
  add(mail: Omit<StoredMail, 'id' | 'sha256' | 'nonce'>): StoredMail
  clear(): void
  /** resolves with the mail once somebody has it; rejects after the time given */
  waitFor(wanted: (mail: StoredMail) => boolean, milliseconds?: number): Promise<StoredMail>
  waitForCount(count: number, milliseconds?: number): Promise<void>
  close(): void
}

const noncePattern = /(?:^|\n)(?:X-Nonce|nonce):[ \t]*([A-Za-z0-9_-]{4,64})/i

/** Bodies may be base64 or large: the nonce is looked for in the first 64 KB only, headers included. */
export const findNonce = (bytes: Buffer): string | null =>
  noncePattern.exec(bytes.toString('latin1', 0, 65_536))?.[1] ?? null

export const foldAddress = (address: string): string => address.trim().toLowerCase()

export function createMailStore(options: { journal?: string; sync?: boolean } = {}): MailStore {
  const list: StoredMail[] = []
  const boxes = new Map<string, StoredMail[]>()
  const waiting = new Set<() => void>()
  const { journal } = options

  const file = (mail: StoredMail): void => {
    list.push(mail)
    for (const recipient of new Set(mail.recipients.map(foldAddress))) {
      const box = boxes.get(recipient)
      if (box) box.push(mail)
      else boxes.set(recipient, [mail])
    }
  }

  if (journal && existsSync(journal)) {
    const text = readFileSync(journal, 'utf8')
    for (const line of text.split('\n').slice(0, -1)) {
      try {
        const { bytes, ...rest } = JSON.parse(line) as Omit<StoredMail, 'bytes'> & { bytes: string }
        file({ ...rest, bytes: Buffer.from(bytes, 'base64') })
      } catch {
        // a line cut by a kill: the sender never got its 250
      }
    }
    if (text.length > 0 && !text.endsWith('\n')) appendFileSync(journal, '\n')
  }
  let handle = journal ? openSync(journal, 'a', 0o600) : null

  const until = (done: () => boolean, milliseconds: number, what: () => string): Promise<void> =>
    new Promise((resolve, reject) => {
      if (done()) return resolve()
      const check = (): void => {
        if (!done()) return
        clearTimeout(timer)
        waiting.delete(check)
        resolve()
      }
      const timer = setTimeout(() => {
        waiting.delete(check)
        reject(new Error(what()))
      }, milliseconds)
      waiting.add(check)
    })

  return {
    all: () => list,
    mailboxes: () => boxes,
    of: (address) => boxes.get(foldAddress(address)) ?? [],
    add(given) {
      const mail: StoredMail = {
        ...given,
        id: list.length + 1,
        sha256: createHash('sha256').update(given.bytes).digest('hex'),
        nonce: findNonce(given.bytes),
      }
      if (handle !== null) {
        writeSync(handle, `${JSON.stringify({ ...mail, bytes: mail.bytes.toString('base64') })}\n`)
        if (options.sync) fdatasyncSync(handle)
      }
      file(mail)
      for (const check of [...waiting]) check()
      return mail
    },
    clear() {
      list.length = 0
      boxes.clear()
    },
    async waitFor(wanted, milliseconds = 10_000) {
      await until(
        () => list.some(wanted),
        milliseconds,
        () => `the mail waited for did not come within ${milliseconds} ms (${list.length} others did)`,
      )
      return list.find(wanted)!
    },
    waitForCount: (count, milliseconds = 10_000) =>
      until(
        () => list.length >= count,
        milliseconds,
        () => `${list.length} of ${count} messages came within ${milliseconds} ms`,
      ),
    close() {
      if (handle !== null) closeSync(handle)
      handle = null
    },
  }
}
