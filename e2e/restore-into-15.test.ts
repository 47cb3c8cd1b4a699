/**
 * The way out of the embedded database: an export of a lived-in PostgreSQL 18 restores into Debian's PostgreSQL 15. `check
 * --full` finds nothing wrong there, and the people find what they had: every message of every size class to the byte,
 * their folders and flags, the ledger of the return, the audit.
 */
import { createHash } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { openDatabase } from '../server/src/platform/db/database.ts'
import { silentLog } from '../server/src/platform/log.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { listAll, makeOperator, modeIs, primaryRoute, signInOperator } from './kit/operator.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { mailboxIds, writeAndSend } from './kit/person.ts'
import { signIn } from './kit/web.ts'
import type { Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import type { Postgres15 } from './peers/postgres-15.ts'
import { startPostgres15 } from './peers/postgres-15.ts'
import { until } from './peers/processes.ts'

const alice = 'alice@corp.test'
const bob = 'bob@corp.test'
const config = { storage: { blobBytes: 400_000 }, delivery: { lease: 3 } }
/** in the accept commit, one chunk row, two of them, the blob store */
const sizes = [300, 20_000, 100_000, 350_000, 600_000]

const mailOf = (subject: string, size: number): Buffer => {
  const line = `${subject} \u00e4 ${'and words to fill the line '.repeat(2)}\r\n`
  return Buffer.from(
    `From: a@outside.test\r\nTo: ${alice}\r\nSubject: ${subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${line.repeat(Math.ceil(size / line.length))}`,
  )
}
const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

interface Seen {
  subject: string
  folders: string[]
  keywords: string[]
  size: number
  sha256: string
}

/** Everything a person has, as the mailbox shows it, with the digest of the bytes that it hands out. */
async function mailboxOf(web: Web): Promise<Seen[]> {
  const [boxes, found] = await web.jmap([
    ['Mailbox/get', { ids: null }],
    ['Email/query', { limit: 200 }],
  ])
  const names = new Map<string, string>(boxes.list.map((box: any) => [box.id, box.name]))
  const properties = ['id', 'blobId', 'subject', 'mailboxIds', 'keywords', 'size']
  const [read] = await web.jmap([['Email/get', { ids: found.ids, properties }]])
  const seen: Seen[] = []
  for (const { blobId, subject, mailboxIds: ids, keywords, size } of read.list)
    seen.push({
      subject,
      folders: Object.keys(ids)
        .map((id) => names.get(id) ?? id)
        .sort(),
      keywords: Object.keys(keywords).sort(),
      size,
      sha256: digestOf(await web.download(blobId)),
    })
  return seen.sort((a, b) => (a.subject < b.subject ? -1 : 1))
}

async function serverVersion(url: string): Promise<string> {
  const db = openDatabase({ connection: { connectionString: url }, poolSize: 1, log: silentLog })
  const [row] = await db.query<{ server_version_num: string }>('SHOW server_version_num')
  await db.close()
  return row!.server_version_num
}

/** What an administrator sees of it. */
async function recordsOf(web: Web): Promise<{ ledger: any[]; audit: any[] }> {
  const { organisation } = await primaryRoute(web)
  const path = `/organisations/${organisation.id}`
  const ledger: any[] = []
  for (const event of await listAll(web, `${path}/returns`))
    ledger.push(...(await listAll(web, `${path}/returns/${event.id}/ledger`)))
  return { ledger, audit: await listAll(web, `${path}/audit`) }
}

describe.skipIf(missing('postgresql-15'))('restore into PostgreSQL 15', () => {
  let old: Postgres15
  let primary: StandIn
  let source: Installation
  let target: Installation
  let running: RunningHoldfast | null = null
  beforeAll(async () => {
    old = await startPostgres15()
    primary = await startStandIn()
    source = createInstallation({ name: 'restore-from', config })
    target = createInstallation({ name: 'restore-to', config, env: { DATABASE_URL: old.url } })
  })
  afterAll(async () => {
    await running?.stop()
    await source.remove()
    await target.remove()
    await old.remove()
    await primary.close()
  })

  const people = async (server: RunningHoldfast): Promise<[Web, Web]> => [
    await signIn(server.ports.http, alice, passwordFor('alice')),
    await signIn(server.ports.http, bob, passwordFor('bob')),
  ]

  /** An outage with its return, a person at work, and one more message that is still owed. */
  async function live(server: RunningHoldfast, operator: Web): Promise<Map<string, Buffer>> {
    const sent = new Map<string, Buffer>()
    const send = async (subject: string, size: number, to: string[]): Promise<void> => {
      const bytes = mailOf(subject, size)
      const { ok } = await sendMail(server.ports.mx, { from: 'a@outside.test', to }, bytes)
      expect(ok).toBe(true)
      sent.set(subject, bytes)
    }
    await primary.setFault('off')
    for (const [i, size] of sizes.entries()) await send(`in the outage ${i}`, size, i % 2 ? [alice, bob] : [alice])
    await modeIs(operator, 'emergency', 30)

    const [web] = await people(server)
    const boxes = await mailboxIds(web)
    const [made] = await web.jmap([['Mailbox/set', { create: { p: { name: 'Projekte \u00e9', parentId: null } } }]])
    const [found] = await web.jmap([['Email/query', { filter: { subject: 'in the outage' } }]])
    const [first, second, third] = found.ids as [string, string, string]
    const update = {
      [first]: { 'mailboxIds': { [made.created.p.id]: true }, 'keywords/$seen': true },
      [second]: { 'keywords/$flagged': true },
      [third]: { mailboxIds: { [boxes.trash!]: true } },
    }
    const [set] = await web.jmap([['Email/set', { update }]])
    expect(set.notUpdated ?? null).toBeNull()
    await writeAndSend(web, {
      from: [{ email: alice }],
      to: [{ email: bob }],
      subject: 'an answer',
      bodyStructure: { type: 'text/plain', partId: 'text' },
      bodyValues: { text: { value: 'We are here.' } },
    })

    await primary.setFault(null)
    await modeIs(operator, 'normal', 60)
    await until('all at home', async () => (await primaryRoute(operator)).open === 0)
    await primary.setFault('off')
    await send('still owed', 2000, [alice])
    return sent
  }

  test('an export of 18 restores into 15: every check passes, and everybody finds what they had', async () => {
    running = await source.start()
    const operator = await makeOperator(running)
    await declareOrganisation(source, {
      domain: 'corp.test',
      people: ['alice', 'bob'],
      primaryPort: primary.port,
      outboundPort: primary.port,
      route: { retryFirst: 1, retryMax: 2, unsureWait: 1 },
    })
    const sent = await live(running, operator)
    const before = { people: await Promise.all((await people(running)).map(mailboxOf)), ...(await recordsOf(operator)) }
    expect(before.people.map((list) => list.length)).toEqual([sizes.length + 2, 3])
    expect(new Set(before.people[0]!.flatMap((one) => one.folders))).toEqual(
      new Set(['Inbox', 'Trash', 'Sent', 'Projekte \u00e9']),
    )
    expect(before.ledger.length).toBeGreaterThanOrEqual(sizes.length)
    await running.stop()
    running = null

    const folder = join(source.data, 'export')
    const exported = await source.must(['export', folder, '--all', '--json'])
    copyFileSync(join(source.data, 'master.key'), join(target.data, 'master.key'))
    const imported = await target.must(['import', folder, '--json'])
    expect(imported.json).toMatchObject({ rows: exported.json.rows, closed: false })
    expect(await serverVersion(old.url)).toMatch(/^15/)
    const check = await target.must(['check', '--full', '--json'])
    expect(check.json).toMatchObject({ problems: [] })

    running = await target.start()
    const there = await signInOperator(running)
    const after = { people: await Promise.all((await people(running)).map(mailboxOf)), ...(await recordsOf(there)) }
    expect(after.people).toEqual(before.people)
    const ofLedger = ({ at, recipient, outcome, proof }: any): unknown => [at, recipient, outcome, proof]
    expect(after.ledger.map(ofLedger).slice(0, before.ledger.length)).toEqual(before.ledger.map(ofLedger))
    const actions = new Set(after.audit.map((row) => row.id))
    expect(before.audit.filter((row) => !actions.has(row.id))).toEqual([])

    // and what was handed out before was right
    const [web] = await people(running)
    for (const [subject, bytes] of sent) {
      const [found] = await web.jmap([['Email/query', { filter: { subject } }]])
      const [read] = await web.jmap([['Email/get', { ids: found.ids, properties: ['blobId', 'subject'] }]])
      const email = read.list.find((one: any) => one.subject === subject)
      const held = await web.download(email.blobId)
      expect(held.subarray(-bytes.length).equals(bytes), subject).toBe(true)
    }
  })
})
