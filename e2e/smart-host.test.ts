/** A real Postfix hands its mail to the world to us: it gets there, and what people sent is there when Postfix is not. */
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { mailboxIds } from './kit/person.ts'
import { signIn } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const [alice, bob] = ['alice@corp.test', 'bob@corp.test']
const world = ['a@one.test', 'b@one.test', 'c@two.test', 'd@two.test', 'e@three.test']

describe.skipIf(skip)("the primary's way out", () => {
  let primary: Primary
  let sink: StandIn
  let installation: Installation
  let server: RunningHoldfast
  let dns: { name: string; value: string }[]
  beforeAll(async () => {
    primary = await startPrimary([alice, bob])
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({ name: 'smart-host' })
    server = await installation.start()
    const applied = await declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice', 'bob'],
      primaryPort: primary.smtpPort,
      outboundPort: sink.port,
      organisation: { outboundSources: [{ networks: ['127.0.0.1'] }] },
    })
    dns = applied.json.dns
    await primary.relayThrough(server.ports.mx, 2)
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
  })

  /** What Alice's own client hands to the primary. */
  const write = (nonce: string, to: string[]) =>
    sendMail(
      primary.smtpPort,
      { from: alice, to },
      `From: Alice <${alice}>\r\nTo: ${to.join(', ')}\r\nSubject: ${nonce}\r\nMessage-ID: <${nonce}@corp.test>\r\nX-Nonce: ${nonce}\r\n\r\nHello\r\n`,
    )
  const reached = (nonce: string): string[] =>
    sink.store
      .all()
      .filter((mail) => mail.nonce === nonce)
      .flatMap((mail) => mail.recipients)
      .sort()

  test('a message that Postfix splits gets to everybody once, to the colleague by the primary itself', async () => {
    expect((await write('split', [...world, bob])).ok).toBe(true)
    await until('all have it', () => reached('split').length >= world.length, 30_000)
    expect(reached('split')).toEqual(world)
    // Three transactions: it came in parts.
    expect(sink.store.all().length).toBeGreaterThan(1)
    await until('bob has it', async () => (await primary.count(bob)) === 1, 20_000)
  })

  test('what leaves is signed with the key whose record was printed', async () => {
    for (const { bytes, nonce } of sink.store.all()) {
      const { results } = await dkimVerify(bytes, {
        resolver: async (name: string) => [[dns.find((record) => record.name.replace(/\.$/, '') === name)!.value]],
      })
      const verdicts = (results as any[]).map((one) => [one.signingDomain, one.status.result])
      expect(verdicts, nonce ?? '').toEqual([['corp.test', 'pass']])
    }
  })

  test('its notice to a stranger goes out with the null sender and is in nobody’s Sent', async () => {
    await sendMail(
      primary.smtpPort,
      { from: '', to: ['stranger@four.test'] },
      'Subject: notice\r\nX-Nonce: notice\r\n\r\nx\r\n',
    )
    await until('it is there', () => reached('notice').length === 1, 20_000)
    expect(sink.store.all().find((mail) => mail.nonce === 'notice')!.envelopeFrom).toBe('')
  })

  test('what she sent is in Sent, once, also while the primary is away', async () => {
    await primary.stop()
    const web = await signIn(server.ports.http, alice, passwordFor('alice'))
    const boxes = await mailboxIds(web)
    const [query] = await web.jmap([['Email/query', { filter: { inMailbox: boxes.sent }, calculateTotal: true }]])
    expect(query.total).toBe(1)
    const [read] = await web.jmap([['Email/get', { ids: query.ids, properties: ['subject', 'keywords', 'to'] }]])
    expect(read.list[0]).toMatchObject({ subject: 'split', keywords: { $seen: true } })
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
