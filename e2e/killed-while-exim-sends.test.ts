/**
 * Holdfast is killed while a real Exim sends to it, and started again. Exim keeps what got no answer and comes again: nothing
 * is missing at the primary, and what is there twice is there for a reason that a log names.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { greet, openLine, transact } from '../server/testkit/smtp-send.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail, nonceOf } from './kit/messages.ts'
import { makeOperator, signInOperator } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { createRandom } from './kit/random.ts'
import { addTo, explain, nonceOfKey } from './kit/tally.ts'
import type { Counts } from './kit/tally.ts'
import { unsureAttempts } from './kit/unsure.ts'
import { startExim } from './peers/exim.ts'
import { ITS_PEOPLE } from './peers/mail-server.ts'
import type { MailServer } from './peers/mail-server.ts'
import { missing } from './peers/needs.ts'
import { freePort, until } from './peers/processes.ts'

/** nonce -> tries of Exim's that broke, by its own log; a connection that was refused can have brought nothing. */
function unanswered(log: string): Counts {
  const nonces = new Map<string, string>()
  for (const [, id, nonce] of log.matchAll(/^\S+ \S+ (\S+) <= .* id=(\S+)@proof\.outside\.test/gm))
    nonces.set(id!, nonce!)
  const found: Counts = new Map()
  for (const [line, id] of log.matchAll(/^\S+ \S+ (\S+) == .*$/gm))
    if (nonces.has(id!) && !line.includes('Connection refused')) addTo(found, nonces.get(id!)!)
  return found
}

const skip = missing('exim', 'root')
const people = ['alice@corp.test', 'bob@corp.test']
const MESSAGES = 80

describe.skipIf(skip)('killed while Exim sends', () => {
  let installation: Installation
  let server: RunningHoldfast
  let primary: MailServer
  let world: MailServer
  beforeAll(async () => {
    const port = await freePort()
    installation = createInstallation({
      name: 'killed-exim',
      config: { listen: { mx: { port } }, delivery: { lease: 3 } },
    })
    server = await installation.start()
    await makeOperator(server)
    const smartHost = { port, from: '127.0.0.6' }
    primary = await startExim({ hostname: 'primary.test', mailboxes: people, smartHost })
    world = await startExim({ hostname: 'world.test', mailboxes: ['a@one.test'], smartHost })
    await declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice', 'bob'],
      primaryPort: primary.port,
      outboundPort: world.port,
      sensitivity: 'patient',
      route: { tls: 'opportunistic', retryFirst: 0.5, retryMax: 1, unsureWait: 1 },
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await world.remove()
  })

  const arrivals = (): Counts => {
    const found: Counts = new Map()
    for (const address of people)
      for (const bytes of primary.read(address)) addTo(found, countKey(nonceOf(bytes) ?? '?', address))
    return found
  }

  test('nothing is missing, and what came twice is explained', async () => {
    const random = createRandom(5)
    const corpus = Array.from({ length: MESSAGES }, (_, n) =>
      makeMail({ random, nonce: `killed-${n}`, kind: n % 20 === 3 ? 'fifty-kilobytes' : 'plain', people }),
    )
    const left = [...corpus]
    const lane = async (): Promise<void> => {
      for (let mail = left.shift(); mail; mail = left.shift()) {
        // it takes only so many messages on one connection
        const line = openLine(world.port, { localAddress: ITS_PEOPLE })
        await greet(line, 'desk.test')
        expect((await transact(line, { from: 'a@one.test', to: mail.to }, mail.bytes)).final?.code).toBe(250)
        line.close()
      }
    }
    const sending = Promise.all([lane(), lane(), lane()])
    await until('mail to flow', () => arrivals().size >= 10, 30_000, 10)
    await server.kill()
    server = await installation.start()
    await sending
    const due = corpus.flatMap(({ nonce, to }) => to.map((address) => countKey(nonce, address)))
    const lacking = (): string[] => {
      const found = arrivals()
      return due.filter((key) => !found.has(key))
    }
    await until('everything at the primary', () => lacking().length === 0, 90_000, 300).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${lacking().join(', ')}\n${world.log().slice(-3000)}`, { cause: error })
    })
    const extra: Counts = new Map([...arrivals()].flatMap(([key, count]) => (count > 1 ? [[key, count - 1]] : [])))
    const web = await signInOperator(server)
    const unsure = await unsureAttempts(web, new Set([...extra.keys()].map(nonceOfKey)), 'proof.outside.test')
    const why = explain(extra, unsure, unanswered(world.log()))
    console.log(`${MESSAGES} messages, twice: ${why.byUnsure} unsure, ${why.byUnanswered} without an answer to Exim`)
    expect(why.unexplained).toEqual([])
    for (const address of people)
      for (const bytes of primary.read(address)) {
        const original = corpus.find(({ nonce }) => nonce === nonceOf(bytes))!.bytes
        expect(bytes.subarray(-original.length).equals(original)).toBe(true)
      }
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
