/**
 * The story of an outage against a real Postfix and Dovecot, with its sizes as data: mail flows, the primary dies, is
 * declared dead, people read, delete and answer, it comes back, dies once more in the middle of the return, and comes
 * back for good. What is in Dovecot at the end is counted by nonce.
 */
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { expect } from 'vitest'
import type { StandIn } from '../../server/testkit/stand-in/stand-in.ts'
import type { Primary } from '../peers/postfix-dovecot.ts'
import { sleep, until } from '../peers/processes.ts'
import type { Installation, RunningHoldfast } from './holdfast.ts'
import { countKey, makeCorpus, nonceOf } from './messages.ts'
import type { ProofMail } from './messages.ts'
import { ledgerProblems, modeIs, primaryRoute } from './operator.ts'
import { pour } from './pour.ts'
import type { Random } from './random.ts'
import { passwordFor } from './organisation.ts'
import { mailboxIds, writeAndSend } from './person.ts'
import { addTo, explain, nonceOfKey, tally } from './tally.ts'
import type { Claims, Counts } from './tally.ts'
import { unsureAttempts } from './unsure.ts'
import { signIn } from './web.ts'
import type { Web } from './web.ts'

export interface OutageStage {
  installation: Installation
  server: RunningHoldfast
  primary: Primary
  sink: StandIn
  operator: Web
  people: readonly string[]
  random: Random
  /** from `holdfast apply --json` */
  dns: { name: string; type: string; value: string }[]
}

export interface OutageSizes {
  before: number
  during: number
  big: boolean
  /** most seconds until it is declared, and until it is over after the primary is back */
  declaredWithin: number
  recoveredWithin: number
  /** kill the primary once more while mail goes home */
  killDuringReturn: boolean
}

export interface OutageReport {
  accepted: number
  declaredAfter: number
  recoveredAfter: number
  twiceUnsure: number
  twiceInsidePrimary: number
}

/** Alice reads, deletes three waiting messages, and answers one with an attachment. Returns the nonces she deleted. */
async function workInTheEmergency(stage: OutageStage, poured: Claims, label: string): Promise<Set<string>> {
  const { server, people, sink, dns } = stage
  const [aliceAddress, bobAddress] = people as [string, string]
  const alice = await signIn(server.ports.http, aliceAddress, passwordFor('alice'))
  const boxes = await mailboxIds(alice)
  const expected = [...poured.due]
    .filter(([key]) => key.endsWith(` ${aliceAddress}`))
    .reduce((sum, [, count]) => sum + count, 0)
  const [query] = await alice.jmap([
    [
      'Email/query',
      {
        filter: { inMailbox: boxes.inbox },
        sort: [{ property: 'receivedAt', isAscending: false }],
        calculateTotal: true,
        limit: 200,
      },
    ],
  ])
  expect(query.total).toBe(expected)
  const standing = await alice.get('/me/standing')
  expect(standing.mode).toBe('emergency')
  expect(standing.waitingHere).toBeGreaterThan(0)

  // three that wait and whose nonce stands for one message only
  const [read] = await alice.jmap([
    ['Email/get', { ids: query.ids.slice(0, 60), properties: ['id', 'blobId', 'subject', 'preview'] }],
  ])
  const deleted = new Set<string>()
  for (const email of read.list as any[]) {
    if (deleted.size === 3) break
    const nonce = nonceOf(await alice.download(email.blobId))
    if (nonce === null || !nonce.startsWith(`${label}b-`) || poured.due.get(countKey(nonce, aliceAddress)) !== 1)
      continue
    const how =
      deleted.size === 1
        ? { destroy: [email.id] }
        : { update: { [email.id]: { mailboxIds: { [boxes.trash!]: true } } } }
    const [set] = await alice.jmap([['Email/set', how]])
    expect(set.notUpdated ?? set.notDestroyed ?? null).toBeNull()
    deleted.add(nonce)
  }
  expect(deleted.size).toBe(3)

  // an answer with an attachment, to the outside and to a colleague
  const upload = await alice.upload(Buffer.from(`attached by ${label}`), 'text/plain')
  await writeAndSend(alice, {
    from: [{ name: 'Alice', email: aliceAddress }],
    to: [{ email: 'customer@outside.test' }],
    cc: [{ email: bobAddress }],
    subject: `answer ${label}`,
    bodyStructure: {
      type: 'multipart/mixed',
      subParts: [
        { type: 'text/plain', partId: 'text' },
        { type: 'text/plain', blobId: upload.blobId, name: 'note-é.txt', disposition: 'attachment' },
      ],
    },
    bodyValues: { text: { value: `We are here.\nnonce:${label}-answer\n` } },
  })
  const left = await sink.store.waitFor((mail) => mail.bytes.includes(`nonce:${label}-answer`), 20_000)
  expect(left.recipients).toEqual(['customer@outside.test'])

  const resolver = async (name: string, type: string): Promise<string[][]> => {
    const found = dns.find((record) => record.name.replace(/\.$/, '') === name && record.type === type)
    if (!found) throw Object.assign(new Error(`no ${type} of ${name}`), { code: 'ENOTFOUND' })
    return [[found.value]]
  }
  const signed = await dkimVerify(left.bytes, { resolver: resolver })
  const verdicts = (signed.results as any[]).map((one) => [one.signingDomain, one.status.result])
  expect(verdicts).toEqual([[aliceAddress.split('@')[1], 'pass']])

  const bob = await signIn(server.ports.http, bobAddress, passwordFor('bob'))
  const subjects = await bob.jmap([['Email/query', { filter: { subject: `answer ${label}` } }]])
  expect(subjects[0].ids).toHaveLength(1)
  return deleted
}

/** What Dovecot holds; Postfix's own doublings after a kill are counted once, apart. */
async function inDovecot(
  stage: OutageStage,
  originals: Map<string, ProofMail>,
): Promise<{ found: Counts; doubled: number; wrong: string[] }> {
  const found: Counts = new Map()
  const wrong: string[] = []
  let doubled = 0
  for (const address of stage.people) {
    const seen = new Set<string>()
    for (const held of await stage.primary.read(address)) {
      const nonce = nonceOf(held.bytes)
      const key = countKey(nonce ?? '?', address)
      const original = originals.get(nonce ?? '')
      if (original && !held.bytes.subarray(-original.bytes.length).equals(original.bytes))
        wrong.push(`${original.kind} ${key}`)
      const delivery = `${key} ${held.queueId}`
      if (seen.has(delivery)) doubled += 1
      else {
        seen.add(delivery)
        addTo(found, key)
      }
    }
  }
  return { found, doubled, wrong }
}

export async function liveThroughOutage(stage: OutageStage, sizes: OutageSizes, label: string): Promise<OutageReport> {
  const { server, primary, operator, people, random } = stage
  const corpus = makeCorpus({ random, count: sizes.before, people, label: `${label}a` })
  const later = makeCorpus({ random, count: sizes.during, people, label: `${label}b`, big: sizes.big })
  const originals = new Map([...corpus, ...later].map((mail) => [mail.nonce, mail]))
  const port = (): number => server.ports.mx

  // 1: mail flows and is at the primary within moments
  const first = Math.ceil(corpus.length / 2)
  const poured = await pour(port, corpus.slice(0, first))
  const countAll = async (): Promise<number> =>
    (await Promise.all(people.map((one) => primary.count(one)))).reduce((sum, n) => sum + n, 0)
  const wanted = [...poured.due.values()].reduce((sum, n) => sum + n, 0)
  await until('mail at the primary', async () => (await countAll()) >= wanted, 60_000, 300)

  // 2 and 3: it is killed under load, and declared dead without being asked
  const pouring = pour(port, corpus.slice(first), { into: poured, connections: 4 })
  await sleep(150)
  await primary.kill()
  const died = Date.now()
  await pouring
  await modeIs(operator, 'emergency', sizes.declaredWithin)
  const declaredAfter = (Date.now() - died) / 1000
  await pour(port, later, { into: poured })

  // 4: people work
  const deleted = await workInTheEmergency(stage, poured, label)

  // 5: it comes back, dies once more while mail goes home, and comes back for good
  await primary.start()
  let back = Date.now()
  if (sizes.killDuringReturn) {
    await modeIs(operator, 'recovering', sizes.recoveredWithin)
    await until(
      'the return to be under way',
      async () => ((await primaryRoute(operator)).returnEvent?.home ?? 0) > 5,
      30_000,
      50,
    )
    await primary.kill()
    await sleep(1500)
    await primary.start()
    back = Date.now()
  }
  await modeIs(operator, 'normal', sizes.recoveredWithin)
  const recoveredAfter = (Date.now() - back) / 1000
  await until('nothing to be open', async () => ((await primaryRoute(operator)).open === 0 ? true : null), 120_000, 500)
  await until("the primary's own queue to be empty", () => primary.queued() === 0, 60_000, 500).catch(
    (error: unknown) => {
      throw new Error(primary.explain(), { cause: error })
    },
  )

  // the count: what was answered is due once at the colleague, what was deleted no more, and nothing else is there
  const { found, doubled, wrong } = await inDovecot(stage, originals)
  expect(wrong).toEqual([])
  const claims: Claims = { ...poured, due: new Map(poured.due) }
  claims.due.set(countKey(`${label}-answer`, people[1]!), 1)
  for (const nonce of deleted) claims.due.set(countKey(nonce, people[0]!), 0)
  const { missing, strangers, extra } = tally(found, claims)
  expect({ missing, strangers }).toEqual({ missing: [], strangers: [] })
  const unsure = await unsureAttempts(operator, new Set([...extra.keys()].map(nonceOfKey)), 'proof.outside.test')
  const twice = explain(extra, unsure, poured.unanswered)
  expect(twice.unexplained).toEqual([])
  expect(stage.sink.store.all().map((mail) => [mail.nonce, mail.recipients])).toEqual([
    [`${label}-answer`, ['customer@outside.test']],
  ])
  expect(await ledgerProblems(operator)).toEqual([])

  const accepted = [...poured.due.values()].reduce((sum, n) => sum + n, 0)
  return { accepted, declaredAfter, recoveredAfter, twiceUnsure: twice.byUnsure, twiceInsidePrimary: doubled }
}
