/**
 * A domain whose list is not complete, with a real Postfix behind it: who is there is taken at the first mail, who is not is
 * refused by us, once Postfix was asked; when it is down, and when it takes everybody, nobody is refused.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { applyFile, organisationFile } from './kit/organisation.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')

describe.skipIf(skip)('strangers at a real Postfix', () => {
  let primary: Primary, taker: Primary, sink: StandIn, installation: Installation, server: RunningHoldfast
  beforeAll(async () => {
    primary = await startPrimary(['alice@corp.test', 'dora@corp.test', 'emil@corp.test'])
    taker = await startPrimary(['alice@wide.test'], { config: 'virtual_mailbox_maps = static:all' })
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({
      name: 'strangers',
      config: { smtp: { rates: { exempt: [] } }, callouts: { perNetwork: 12 } },
    })
    server = await installation.start()
    for (const [domain, { smtpPort: primaryPort }] of [
      ['corp.test', primary],
      ['wide.test', taker],
    ] as const) {
      const route = { retryFirst: 1, retryMax: 3 }
      const common = { people: ['alice'], outboundPort: sink.port, probe: false, route }
      const file = organisationFile({ ...common, domain, primaryPort })
      await applyFile(installation, domain, JSON.parse(JSON.stringify(file).replace('"recipientsComplete":true,', '')))
    }
  }, 120_000)
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await Promise.all([primary.remove(), taker.remove(), sink.close()])
  })

  const send = async (to: string): Promise<string> => {
    const mail = `From: a@outside.test\r\nSubject: To ${to}\r\nMessage-ID: <${Math.random()}@outside.test>\r\n\r\nHello\r\n`
    const { recipients } = await sendMail(server.ports.mx, { from: 'a@outside.test', to: [to] }, mail)
    const { code, text } = recipients[0]!.reply
    return `${code} ${text}`
  }
  /** how often Postfix refused this address */
  const refusals = (local: string): number =>
    primary.log().split(`<${local}@corp.test>: Recipient address rejected`).length - 1

  test('somebody Postfix has is taken and gets the mail; nobody is refused, and Postfix is asked once', async () => {
    expect(await send('dora@corp.test')).toMatch(/^250 /)
    await until('the mail is there', async () => (await primary.count('dora@corp.test')) === 1, 30_000)
    for (let i = 0; i < 3; i++)
      expect(await send('ghost@corp.test')).toBe('550 5.1.1 There is nobody with this address here')
    expect(refusals('ghost')).toBe(1)
    const { json } = await installation.must(['admin', 'recipients', '-o', 'corp', '--json'])
    expect(json.recipients).toMatchObject([
      { address: 'dora@corp.test', known: true },
      { address: 'ghost@corp.test', known: false, source: 'callout', route: 'primary' },
    ])
  })

  test('forgotten, it is asked anew', async () => {
    await installation.must(['admin', 'recipients', '-o', 'corp', '--forget', 'ghost@corp.test'])
    await until(
      'asked anew',
      async () => {
        expect(await send('ghost@corp.test')).toMatch(/^550 /)
        return refusals('ghost') === 2
      },
      10_000,
    )
  })

  test('one that takes everybody is found out: nobody is learned, nobody refused', async () => {
    expect(await send('whoever@wide.test')).toMatch(/^450 4\.1\.1/)
    expect((await installation.must(['admin', 'recipients', '-o', 'wide', '--json'])).json.recipients).toEqual([])
  })

  test('who harvests is put off, and Postfix is asked no more', async () => {
    const said: string[] = []
    for (let i = 0; i < 15; i++) said.push((await send(`guess${i}@corp.test`)).slice(0, 3))
    const asked = said.filter((code) => code === '550').length
    expect(asked).toBeGreaterThan(3)
    expect(said.slice(asked)).toEqual(Array.from({ length: 15 - asked }, () => '450'))
    expect(primary.log().match(/<guess\d+@corp\.test>: Recipient address rejected/g)).toHaveLength(asked)
    // whom it knows it still takes
    expect(await send('dora@corp.test')).toMatch(/^250 /)
  })

  test('Postfix is down: who was known is taken, nobody else is refused', async () => {
    await installation.must(['admin', 'recipients', '-o', 'corp', '--domain', 'corp.test', '--forget'])
    await server.stop()
    server = await installation.start()
    expect(await send('emil@corp.test')).toMatch(/^250 /)
    await primary.stopSmtp()
    expect(await send('emil@corp.test')).toMatch(/^250 /)
    expect(await send('phantom@corp.test')).toMatch(/^450 4\.1\.1/)
    await primary.startSmtp()
    await until('both are there', async () => (await primary.count('emil@corp.test')) === 2, 60_000)
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
