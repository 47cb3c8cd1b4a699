/**
 * Durability by order of system calls, in all three size classes: for every message the write-ahead log's bytes with its
 * row are forced to disk before the first byte of its 250 is written. A small body is in the log with it. Chunk rows are
 * written ahead without waiting for the disk (synchronous_commit=off), so their bytes must lie in the log before the row
 * that links them: whatever makes the row durable makes them so. A body in the blob store is forced to disk, moved into
 * place, and its folder forced too, before the commit that links it is. SIGKILL alone proves nothing about fsync.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { greet, openLine, transact } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { writeProofResult } from './kit/proof-result.ts'
import { parseTrace, traceWhile } from './kit/strace.ts'
import type { SystemCall } from './kit/strace.ts'
import { missing } from './peers/needs.ts'
import { peerFolder } from './peers/processes.ts'

const skip = missing('strace')
const blobBytes = 800_000
let installation: Installation
let server: RunningHoldfast
let primary: StandIn

beforeAll(async () => {
  if (skip) return
  primary = await startStandIn()
  installation = createInstallation({ name: 'order', config: { storage: { blobBytes } } })
  server = await installation.start()
  await declareOrganisation(installation, {
    domain: 'order.test',
    people: ['alice'],
    primaryPort: primary.port,
    outboundPort: primary.port,
    sensitivity: 'patient',
    probe: false,
  })
})
afterAll(async () => {
  if (skip) return
  await server.stop()
  await installation.remove()
  await primary.close()
})

test('unfinished and resumed calls are put together', () => {
  const calls = parseTrace(
    [
      '7 pwrite64(5</d/pg_wal/0001>, "abc", 3, 0) = 3',
      '7 fdatasync(5</d/pg_wal/0001> <unfinished ...>',
      '9 write(8<socket:[1]>, "x", 1) = 1',
      '7 <... fdatasync resumed>) = 0',
    ].join('\n'),
  )
  expect(calls.map(({ name, entered, returned }) => [name, entered, returned])).toEqual([
    ['pwrite64', 0, 0],
    ['fdatasync', 1, 3],
    ['write', 2, 2],
  ])
})

type SizeClass = 'row' | 'chunks' | 'blob'

interface Sent {
  /** in every line of the body, with the line's part */
  nonce: string
  /**
   * in the envelope's sender, several times, since the border of a page may tear one: of all that is stored before the
   * 250 only the message row of the accept commit has it
   */
  link: string
  reply: string
  sizeClass: SizeClass
  parts: number
}

/** Small ones of many sizes; two chunk rows and three of them; a blob. */
const sizeOf = (index: number): { sizeClass: SizeClass; size: number } => {
  if (index % 5 === 4) return { sizeClass: 'blob', size: blobBytes * 1.25 }
  if (index % 5 === 3) return { sizeClass: 'chunks', size: index % 2 ? 600_000 : 300_000 }
  return { sizeClass: 'row', size: 1000 + index * 500 }
}

const PART_BYTES = 50_000
const markOf = (nonce: string, part: number): string => `${nonce} part ${part}.`

/** Every line has the mark of its part: no border of pages or of the store's own chunks can tear them all. */
function mailOf(nonce: string, size: number): { bytes: Buffer; parts: number } {
  const lines = ['From: a@outside.test', 'To: alice@order.test', 'Subject: order', `Message-ID: <${nonce}@x.test>`, '']
  let part = 0
  for (let written = 0; written < size; written += lines.at(-1)!.length + 2) {
    part = Math.floor(written / PART_BYTES)
    lines.push(`nonce:${markOf(nonce, part)} and words to fill the line`)
  }
  return { bytes: Buffer.from(`${lines.join('\r\n')}\r\n`), parts: part + 1 }
}

const isWal = (call: SystemCall): boolean => call.args.includes('/pg_wal/')
const isSync = (call: SystemCall): boolean => call.name === 'fdatasync' || call.name === 'fsync'

interface Logged {
  written: SystemCall
  /** place within that write */
  at: number
  forced: SystemCall
}

/** The write that first brought this text to the log, and the first forced write of that segment that began after it. */
function walForced(calls: readonly SystemCall[], text: string): Logged | null {
  const written = calls.find((call) => isWal(call) && /^p?write/.test(call.name) && call.args.includes(text))
  const segment = /<([^>]*\/pg_wal\/[^>]*)>/.exec(written?.args ?? '')?.[1]
  if (!written || !segment) return null
  // the commit record follows the bytes: of all forced writes that began after them, the first that is there
  const forced = calls.find(
    (call) => isSync(call) && call.ok && call.args.includes(segment) && call.entered >= written.returned,
  )
  return forced ? { written, at: written.args.indexOf(text), forced } : null
}

const liesBefore = (one: Logged, other: Logged): boolean =>
  one.written === other.written ? one.at < other.at : one.written.returned <= other.written.entered

/** What is wrong with the order of a message's bytes in the log; `answered` is the line where its 250 begins. */
function problemsInLog(
  calls: readonly SystemCall[],
  { nonce, link, sizeClass, parts }: Sent,
  answered: number,
): string[] {
  const row = walForced(calls, link)
  if (!row) return ['its row is not in the write-ahead log']
  const problems: string[] = []
  if (row.forced.returned > answered)
    problems.push(`250 at line ${answered}, its row was forced at ${row.forced.returned}`)
  if (sizeClass === 'blob') return problems
  for (let part = 0; part < parts; part++) {
    const bytes = walForced(calls, markOf(nonce, part))
    if (!bytes) problems.push(`part ${part} of ${parts} of its body is not in the write-ahead log`)
    else if (bytes.forced.returned > answered)
      problems.push(`250 at line ${answered}, part ${part} of its body was forced at ${bytes.forced.returned}`)
    else if (sizeClass === 'chunks' && !liesBefore(bytes, row))
      problems.push(`part ${part} of its body lies behind the row that links it`)
  }
  return problems
}

/** The blob's bytes, its name and its folder are on disk before the row that links it is written. */
function problemsInBlob(calls: readonly SystemCall[], { nonce, link }: Sent): string[] {
  const row = walForced(calls, link)
  const body = calls.filter(
    (call) => call.args.includes('/blobs/') && /^p?writev?(64)?$/.test(call.name) && call.args.includes(nonce),
  )
  const path = /<([^>]*\/blobs\/[^>]*)>/.exec(body[0]?.args ?? '')?.[1]
  if (!row || !path) return ['its body was not written to the blob store']
  const last = Math.max(...body.map((call) => call.returned))
  const synced = calls.find((call) => isSync(call) && call.ok && call.args.includes(path) && call.entered > last)
  const moved = calls.find(
    (call) => /^(rename|link)/.test(call.name) && call.ok && call.args.includes(path.split('/').at(-1)!),
  )
  const folder =
    moved &&
    calls.find(
      (call) =>
        isSync(call) &&
        call.ok &&
        call.entered > moved.returned &&
        /\/blobs(\/[^>]*)?>/.test(call.args) &&
        !call.args.includes('.tmp'),
    )
  if (!synced) return ['the blob was never forced to disk']
  if (!moved) return ['the blob was never moved into place']
  if (synced.returned > moved.entered) return ['the blob was moved into place before it was on disk']
  if (!folder) return ["the blob's folder was never forced to disk"]
  if (folder.returned > row.written.entered) return ["the commit was written before the blob's folder was on disk"]
  return []
}

test.skipIf(skip)(
  'no 250 before the log is on disk, chunk rows before their commit, no commit before the blob',
  async () => {
    const sent: Sent[] = []
    const postmaster = installation.postmaster()!
    const folder = peerFolder('strace')
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const calls = await traceWhile([server.pid, postmaster], join(folder, 'trace'), async () => {
      const session = openLine(server.ports.mx)
      await greet(session)
      for (let i = 0; i < 20; i++) {
        const { sizeClass, size } = sizeOf(i)
        const nonce = `ord-${Date.now().toString(36)}-${i}`
        const link = `link${Date.now().toString(36)}x${i}end`
        const { bytes, parts } = mailOf(nonce, size)
        const { final } = await transact(
          session,
          { from: `${[link, link, link].join('.')}@outside.test`, to: ['alice@order.test'] },
          bytes,
        )
        expect(final?.code).toBe(250)
        sent.push({ nonce, link, reply: final!.text, sizeClass, parts })
      }
      session.close()
    })

    const problems: string[] = []
    for (const one of sent) {
      const answer = calls.find(
        (call) =>
          /^(write|writev|sendto|sendmsg)$/.test(call.name) &&
          call.args.includes(one.reply.slice(0, 60)) &&
          !isWal(call),
      )
      const found = answer
        ? [
            ...problemsInLog(calls, one, answer.entered),
            ...(one.sizeClass === 'blob' ? problemsInBlob(calls, one) : []),
          ]
        : ['the write of its 250 is not in the trace']
      problems.push(...found.map((problem) => `${one.sizeClass} ${one.nonce}: ${problem}`))
    }
    expect(problems).toEqual([])
    const count = (sizeClass: SizeClass): number => sent.filter((one) => one.sizeClass === sizeClass).length
    expect([count('row'), count('chunks'), count('blob')]).toEqual([12, 4, 4])
    writeProofResult({
      seed: null,
      sizes: { messages: sent.length, chunks: count('chunks'), blobs: count('blob') },
      systemCalls: calls.length,
    })
  },
)

test.skipIf(skip)('the doctor answers beside a running server', async () => {
  const health = await installation.cli(['doctor', '--json'])
  expect(health.stdout).toBeTruthy()
})
