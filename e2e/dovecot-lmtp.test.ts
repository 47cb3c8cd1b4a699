/**
 * Dovecot as the primary without a mail server before it: a route that speaks LMTP (RFC 2033). Several recipients in one
 * transaction, an answer for each after the dot, a full mailbox among them, and an outage.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { makeCorpus, nonceOf } from './kit/messages.ts'
import type { ProofMail } from './kit/messages.ts'
import { ledgerProblems, makeOperator, modeIs } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { createRandom } from './kit/random.ts'
import type { Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { startPrimary } from './peers/postfix-dovecot.ts'
import type { Primary } from './peers/postfix-dovecot.ts'
import { until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const people = ['alice', 'bob', 'carol']
const [alice, bob, carol] = people.map((name) => `${name}@corp.test`) as [string, string, string]

const QUOTA = `
mail_plugins = quota
plugin {
  quota = maildir:User quota
  quota_rule = *:bytes=3000000
  quota_grace = 0
}
`

describe.skipIf(skip)('Dovecot over LMTP', () => {
  let primary: Primary
  let sink: StandIn
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  beforeAll(async () => {
    primary = await startPrimary([alice, bob, carol], { dovecot: QUOTA })
    // Postfix has no part in this
    await primary.stopSmtp()
    sink = await startStandIn()
    installation = createInstallation({ name: 'lmtp' })
    server = await installation.start()
    operator = await makeOperator(server)
    await declareOrganisation(installation, {
      domain: 'corp.test',
      people,
      primaryPort: primary.lmtpPort,
      outboundPort: sink.port,
      route: { protocol: 'lmtp', retryFirst: 0.5, retryMax: 1, probe: { recipient: alice } },
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
  })

  const send = async ({ from, to, mailParameters, bytes }: Omit<ProofMail, 'nonce' | 'kind'>): Promise<void> => {
    const sent = await sendMail(server.ports.mx, { from, to, mailParameters }, bytes)
    expect(sent.final?.code).toBe(250)
  }
  const inbox = async (address: string, nonce: string): Promise<Buffer[]> =>
    (await primary.read(address)).map(({ bytes }) => bytes).filter((bytes) => nonceOf(bytes) === nonce)
  /** Each is in every mailbox it was for, once, and the same to the last byte. */
  async function expectHome(corpus: readonly ProofMail[]): Promise<void> {
    const wanted = (address: string): number => corpus.filter(({ to }) => to.includes(address)).length
    const nonces = new Set(corpus.map(({ nonce }) => nonce))
    for (const address of [alice, bob, carol]) {
      const found = await until(`all at ${address}`, async () => {
        const held = (await primary.read(address)).filter(({ bytes }) => nonces.has(nonceOf(bytes) ?? ''))
        return held.length >= wanted(address) ? held : null
      })
      expect(found).toHaveLength(wanted(address))
      const changed = corpus.filter(
        ({ nonce, bytes, to }) =>
          to.includes(address) &&
          !found.some((one) => nonceOf(one.bytes) === nonce && one.bytes.subarray(-bytes.length).equals(bytes)),
      )
      expect(changed.map(({ kind, nonce }) => `${kind} ${nonce}`)).toEqual([])
    }
  }
  const corpusOf = (label: string, count: number): ProofMail[] =>
    makeCorpus({ random: createRandom(11), count, people: [alice, bob, carol], label })
  const letter = (nonce: string, lines: number): Buffer =>
    Buffer.from(
      `From: <a@outside.test>\r\nSubject: ${nonce}\r\nMessage-ID: <${nonce}@test>\r\n\r\nnonce:${nonce}\r\n${`${'x'.repeat(98)}\r\n`.repeat(lines)}`,
    )
  const deliveries = async (nonce: string): Promise<any[]> => {
    const [organisation] = await operator.get('/organisations')
    const path = `/organisations/${organisation.id}/trace`
    const { items } = await operator.get(`${path}?q=${encodeURIComponent(`<${nonce}@test>`)}`)
    return (await operator.get(`${path}/${items[0].messageId}`)).deliveries
  }

  test('every kind of message, for one and for several, is in the mailboxes as it was sent', async () => {
    const corpus = corpusOf('lmtp', 36)
    for (const mail of corpus) await send(mail)
    await expectHome(corpus)
  })

  test('one mailbox is full: the others of the same transaction take it, it alone is refused', async () => {
    // Bob's is filled almost to the brim; the next is too much for it alone.
    await send({ from: 'a@outside.test', to: [bob], mailParameters: '', bytes: letter('brim', 25_000) })
    await until('it at Bob', async () => (await inbox(bob, 'brim')).length === 1)
    const bytes = letter('spill', 6000)
    await send({ from: 'a@outside.test', to: [alice, bob, carol], mailParameters: '', bytes })
    for (const address of [alice, carol]) {
      const [found] = await until(`it at ${address}`, async () => {
        const held = await inbox(address, 'spill')
        return held.length > 0 ? held : null
      })
      expect(found!.subarray(-bytes.length).equals(bytes)).toBe(true)
    }
    const full = await until('an answer for Bob', async () =>
      (await deliveries('spill')).find((one) => one.recipient === bob && one.attemptRows.length > 0),
    )
    expect(full.attemptRows[0].reply).toMatch(/^552 5\.2\.2 .*Quota/)
    expect(await inbox(bob, 'spill')).toEqual([])
    // Dovecot names the transaction in each of its answers: it was one
    const answers = (await deliveries('spill'))
      .map((one) => one.attemptRows[0].reply)
      .filter((one) => /Saved$/.test(one))
    expect(answers).toHaveLength(2)
    expect(new Set(answers.map((one) => /> (\S+?:T\d+)/.exec(one)?.[1])).size).toBe(1)
  })

  test('an outage: what waited goes home once', async () => {
    const corpus = corpusOf('lmtp-held', 18).map((mail) => ({ ...mail, to: mail.to.filter((one) => one !== bob) }))
    const held = corpus.filter(({ to }) => to.length > 0)
    await primary.stop()
    for (const mail of held) await send(mail)
    await modeIs(operator, 'emergency', 30)
    await primary.start()
    await primary.stopSmtp()
    await modeIs(operator, 'normal', 60)
    await expectHome(held)
    expect(await ledgerProblems(operator)).toEqual([])
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
