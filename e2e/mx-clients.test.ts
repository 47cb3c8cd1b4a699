/** What else sends mail to an MX: curl, Python's smtplib, swaks and msmtp, in clear and over STARTTLS, to our own people. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { runClient } from './kit/run-client.ts'
import type { Ran } from './kit/run-client.ts'
import { missing } from './peers/needs.ts'

const skip = missing('curl', 'python', 'swaks', 'msmtp')
const [alice, bob, nobody] = ['alice@corp.test', 'bob@corp.test', 'nobody@corp.test']
const sender = 'a@outside.test'
let installation: Installation
let server: RunningHoldfast
let primary: StandIn
let sink: StandIn

interface Sending {
  tls: boolean
  to: string[]
  mail: string
}
const port = (): string => String(server.ports.mx)
const trusted = (): string => join(installation.data, 'tls.crt')

const PYTHON = `
import smtplib, ssl, sys
port, tls, trusted, sender, *to = sys.argv[1:]
client = smtplib.SMTP('localhost', int(port))
if tls == 'true':
    client.starttls(context=ssl.create_default_context(cafile=trusted))
text = sys.stdin.buffer.read()
client.ehlo()
options = [word for word in ('BODY=8BITMIME', 'SMTPUTF8') if client.has_extn(word.replace('BODY=', ''))]
refused = client.sendmail(sender, to, text, options if any(byte > 127 for byte in text) else [])
client.quit()
print(refused)
`

const clients: Record<string, (sending: Sending) => Promise<Ran>> = {
  curl: ({ tls, to, mail }) =>
    runClient(
      'curl',
      [
        ...['-sS', '--url', `smtp://localhost:${port()}/client.test`, '--mail-from', sender, '--mail-rcpt-allowfails'],
        ...(tls ? ['--ssl-reqd', '--cacert', trusted()] : []),
        ...to.flatMap((address) => ['--mail-rcpt', address]),
        ...['--upload-file', '-'],
      ],
      mail,
    ),
  smtplib: ({ tls, to, mail }) =>
    runClient('python3', ['-c', PYTHON, port(), String(tls), trusted(), sender, ...to], mail),
  swaks: ({ tls, to, mail }) =>
    runClient(
      'swaks',
      [
        ...[
          '--server',
          '127.0.0.1',
          '--port',
          port(),
          ...(tls ? ['--tls'] : []),
          '--pipeline',
          '--helo',
          'client.test',
        ],
        ...['--from', sender, '--to', to.join(','), '--data', '-'],
      ],
      mail,
    ),
  msmtp: ({ tls, to, mail }) =>
    runClient(
      'msmtp',
      [
        ...[
          '--file=/dev/null',
          '--host=localhost',
          `--port=${port()}`,
          `--tls=${tls ? 'on' : 'off'}`,
          `--from=${sender}`,
        ],
        ...(tls ? [`--tls-trust-file=${trusted()}`] : []),
        ...to,
      ],
      // As sendmail has it: lines end as they do here.
      mail.replaceAll('\r\n', '\n'),
    ),
}
const ways = Object.keys(clients).flatMap((client) => [true, false].map((tls): [string, boolean] => [client, tls]))

const compose = (nonce: string): string =>
  `From: <${sender}>\r\nTo: <${alice}>\r\nSubject: ${nonce}\r\nMessage-ID: <${nonce}@outside.test>\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\n` +
  `X-Nonce: ${nonce}\r\n\r\nHello\r\n.\r\n..two\r\n\r\n ${'x'.repeat(900)}\r\nlast\r\n`

describe.skipIf(skip)('clients at the MX', () => {
  beforeAll(async () => {
    primary = await startStandIn({ mailboxes: [alice, bob] })
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({ name: 'mx-clients' })
    server = await installation.start()
    await declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice', 'bob'],
      primaryPort: primary.port,
      outboundPort: sink.port,
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.close()
    await sink.close()
  })

  test.each(ways)('%s, STARTTLS %s: to two people in one transaction, and not a byte changed', async (client, tls) => {
    const nonce = `${client}-${tls ? 'tls' : 'clear'}`
    const mail = compose(nonce)
    const { code, said } = await clients[client]!({ tls, to: [alice, bob], mail })
    expect(code, said).toBe(0)
    const there = await primary.store.waitFor((one) => one.nonce === nonce)
    expect(there.recipients.sort()).toEqual([alice, bob])
    expect(there.envelopeFrom).toBe(sender)
    // swaks ends what it is given with a line of its own
    expect(there.bytes.toString().endsWith(`\r\n${mail}${client === 'swaks' ? '\r\n' : ''}`)).toBe(true)
    expect(there.bytes.toString('latin1', 0, 1000)).toMatch(tls ? /with ESMTPS id/ : /with ESMTP id/)
  })

  test.each(['curl', 'smtplib', 'swaks'])(
    '%s: the known recipient has it though another is unknown',
    async (client) => {
      const nonce = `${client}-partly`
      const { said } = await clients[client]!({ tls: false, to: [alice, nobody], mail: compose(nonce) })
      const there = await primary.store.waitFor((one) => one.nonce === nonce)
      expect(there.recipients).toEqual([alice])
      if (client !== 'curl') expect(said).toMatch(/550/)
    },
  )

  // msmtp sends to all or to nobody.
  test.each(Object.keys(clients))('%s: who is not ours is refused, and the client is told', async (client) => {
    const nonce = `${client}-stranger`
    for (const to of ['nobody@corp.test', 'x@elsewhere.test']) {
      const { code, said } = await clients[client]!({ tls: false, to: [to], mail: compose(nonce) })
      expect(code, said).not.toBe(0)
      expect(said).toMatch(/550/)
    }
    expect([...primary.store.all(), ...sink.store.all()].filter((one) => one.nonce === nonce)).toEqual([])
  })

  test('smtplib: eight bits and UTF-8 in the header, announced', async () => {
    const mail = compose('eight-bits').replace('Hello', 'Grüße').replace('Subject: ', 'Subject: ελληνικά ')
    const { code, said } = await clients.smtplib!({ tls: true, to: [alice], mail })
    expect(code, said).toBe(0)
    const there = await primary.store.waitFor((one) => one.nonce === 'eight-bits')
    expect(there.bytes.toString().endsWith(`\r\n${mail}`)).toBe(true)
    expect(there.mailParameters).toMatch(/SMTPUTF8/)
  })

  test('every message came once, and every invariant holds', async () => {
    const nonces = primary.store.all().map(({ nonce }) => nonce)
    expect(nonces).toHaveLength(new Set(nonces).size)
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
