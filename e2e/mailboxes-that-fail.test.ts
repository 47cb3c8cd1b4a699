/**
 * A real Dovecot over LMTP in which two of six mailboxes fail for minutes while it takes the others' mail: colleagues notice
 * nothing, the two read here what waits for them and are told that it is their mailbox, one message at a time tries, and when
 * they are well all of it goes home, once and in order. The route stays normal throughout; its admin sees which part is down.
 */
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { nonceOf } from './kit/messages.ts'
import { makeOperator, primaryRoute } from './kit/operator.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { signIn, type Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const people = ['alice', 'bob', 'carol', 'dora', 'emil', 'frieda']
const failing = ['bob', 'carol']
const well = people.filter((name) => !failing.includes(name))
const addressOf = (name: string): string => `${name}@corp.test`

describe.skipIf(skip)('mailboxes that fail', () => {
  let primary: Primary
  let sink: StandIn
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  const sent: string[] = []
  beforeAll(async () => {
    primary = await startPrimary(people.map(addressOf))
    await primary.stopSmtp()
    sink = await startStandIn()
    installation = createInstallation({ name: 'mailboxes' })
    server = await installation.start()
    operator = await makeOperator(server)
    await declareOrganisation(installation, {
      domain: 'corp.test',
      people,
      primaryPort: primary.lmtpPort,
      outboundPort: sink.port,
      sensitivity: 'balanced',
      route: { protocol: 'lmtp', retryFirst: 3, retryMax: 10, probe: { recipient: addressOf('alice') } },
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
  })

  async function send(nonce: string, to: readonly string[]): Promise<void> {
    const bytes = Buffer.from(
      `From: <a@outside.test>\r\nSubject: ${nonce}\r\nMessage-ID: <${nonce}@test>\r\n\r\nnonce:${nonce}\r\n`,
    )
    const answer = await sendMail(server.ports.mx, { from: 'a@outside.test', to: to.map(addressOf) }, bytes)
    expect(answer.final?.code).toBe(250)
  }
  const round = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const nonce = `n${String(sent.length).padStart(3, '0')}`
      sent.push(nonce)
      await send(nonce, people)
    }
  }
  const home = async (name: string): Promise<string[]> =>
    (await primary.read(addressOf(name))).sort((one, other) => one.uid - other.uid).map(({ bytes }) => nonceOf(bytes)!)
  const store = (name: string): string => join(primary.folder, 'dovecot', 'mail', 'corp.test', name)
  const board = async (): Promise<any> => primaryRoute(operator)
  /** Their part of the store is there and cannot be written: Dovecot answers 451 for each of them, after the message. */
  function breakMailbox(name: string): () => void {
    mkdirSync(store(name), { recursive: true })
    const { uid, gid, mode } = statSync(store(name))
    chownSync(store(name), 0, 0)
    chmodSync(store(name), 0o700)
    return () => {
      chownSync(store(name), uid, gid)
      chmodSync(store(name), mode)
    }
  }
  let repair: (() => void)[] = []

  test('two of six fail: theirs waits calmly and is read here, colleagues and the route go on', async () => {
    await round(2)
    for (const name of people) await until(`all at ${name}`, async () => (await home(name)).length === 2)
    repair = failing.map(breakMailbox)
    const modes = new Set<string>()
    const until3 = Date.now() + 60_000
    for (;;) {
      await round(1)
      const { mode, mailboxes } = await board()
      modes.add(mode)
      if (mailboxes.failing === 2) break
      expect(Date.now(), JSON.stringify(mailboxes)).toBeLessThan(until3)
      await sleep(2_000)
    }
    const shown = await board()
    expect(shown.mailboxes.isPart).toBe(true)
    expect(shown.mailboxes.people.map((one: any) => one.name).sort()).toEqual(failing.map(addressOf))
    for (const one of shown.mailboxes.people) expect(one.lastText).toMatch(/Temporary internal error|internal error/i)
    const alarms = await until('the alarm', async () => {
      const { items } = await operator.get(`/organisations/${shown.organisation.id}/alarms`)
      return items.some((one: any) => one.kind === 'part-down' && one.endedAt === null) ? items : null
    })
    expect(alarms.filter((one: any) => one.kind === 'part-down')).toHaveLength(1)

    const attempts = async (): Promise<number> =>
      (await operator.get(`/organisations/${shown.organisation.id}/queue?limit=200`)).items.reduce(
        (sum: number, one: any) => sum + Number(one.attempts),
        0,
      )
    const before = await attempts()
    const from = Date.now()
    while (Date.now() - from < 40_000) {
      await round(2)
      modes.add((await board()).mode)
      await sleep(10_000)
    }
    expect([...modes]).toEqual(['normal'])
    // Each of the two tried with one message at a time, ever slower: some few times in forty seconds.
    expect((await attempts()) - before).toBeLessThanOrEqual(2 * 5)
    for (const name of well) {
      await until(`all at ${name}`, async () => (await home(name)).length === sent.length)
      expect((await home(name)).sort()).toEqual(sent)
    }
    for (const name of failing) {
      const web = await signIn(server.ports.http, addressOf(name), passwordFor(name))
      const standing = await web.get('/me/standing')
      expect(standing).toMatchObject({ mode: 'emergency', cause: 'mailbox-fails', pin: null })
      expect(standing.waitingHere).toBe(sent.length - 2)
      const [emails] = await web.jmap([['Email/query', { filter: { text: sent.at(-1)! } }]])
      expect(emails.ids).toHaveLength(1)
    }
    const colleague = await signIn(server.ports.http, addressOf('alice'), passwordFor('alice'))
    expect(await colleague.get('/me/standing')).toMatchObject({ mode: 'normal', waitingHere: 0 })
  }, 300_000)

  test('one of them is well again, after a restart: hers goes home in order, the other still waits', async () => {
    await server.stop()
    server = await installation.start()
    operator = await signIn(server.ports.http, 'operator', 'amber-ferry-operator-42')
    expect((await board()).mailboxes.failing).toBe(2)
    repair[0]!()
    await until('all at Bob', async () => (await home('bob')).length === sent.length, 330_000, 1_000)
    expect(await home('bob')).toEqual(sent)
    const { mode, mailboxes } = await board()
    expect(mode).toBe('normal')
    expect(mailboxes).toMatchObject({ failing: 1, isPart: false })
    await until('the alarm is over', async () => {
      const { items } = await operator.get(`/organisations/${(await board()).organisation.id}/alarms`)
      return items.every((one: any) => one.kind !== 'part-down' || one.endedAt !== null)
    })
  }, 400_000)

  test('and the other: everybody has everything, once, the two in the order in which it came', async () => {
    repair[1]!()
    await round(2)
    await until('all at Carol', async () => (await home('carol')).length === sent.length, 330_000, 1_000)
    for (const name of people) {
      await until(`all at ${name}`, async () => (await home(name)).length === sent.length)
      expect((await home(name)).sort()).toEqual(sent)
    }
    expect(await home('carol')).toEqual(sent)
    await until('nobody is in trouble', async () => (await board()).mailboxes.failing === 0)
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  }, 400_000)
})
