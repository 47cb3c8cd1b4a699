/** People send with real mail clients (curl, Python's smtplib, swaks, msmtp), before and during an outage. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { makeOperator, modeIs } from './kit/operator.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { mailboxIds } from './kit/person.ts'
import { runClient as run } from './kit/run-client.ts'
import type { Ran } from './kit/run-client.ts'
import { signIn, type Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'

const skip = missing('curl', 'python', 'swaks', 'msmtp')

const alice = 'alice@corp.test'
const good = passwordFor('alice')
let installation: Installation
let server: RunningHoldfast
let primary: StandIn
let sink: StandIn
let operator: Web

interface Sending {
  port: number
  tls: 'starttls' | 'implicit'
  password: string
  to: string[]
  mail: string
}
/** The certificate that Holdfast made for itself, as a client is given it to trust. */
const trusted = (): string => join(installation.data, 'tls.crt')

const PYTHON = `
import smtplib, ssl, sys
port, tls, user, password, trusted, *to = sys.argv[1:]
context = ssl.create_default_context(cafile=trusted)
if tls == 'implicit':
    client = smtplib.SMTP_SSL('localhost', int(port), context=context)
else:
    client = smtplib.SMTP('localhost', int(port))
    client.starttls(context=context)
client.login(user, password)
client.sendmail(user, to, sys.stdin.read().replace('\\r\\n', '\\n'))
client.quit()
`

const clients: Record<string, (sending: Sending) => Promise<Ran>> = {
  curl: ({ port, tls, password, to, mail }) =>
    run(
      'curl',
      [
        ...['-sS', '--url', `${tls === 'implicit' ? 'smtps' : 'smtp'}://localhost:${port}`, '--ssl-reqd'],
        ...['--cacert', trusted(), '--user', `${alice}:${password}`, '--mail-from', alice],
        ...to.flatMap((address) => ['--mail-rcpt', address]),
        ...['--upload-file', '-'],
      ],
      mail,
    ),
  smtplib: ({ port, tls, password, to, mail }) =>
    run('python3', ['-c', PYTHON, String(port), tls, alice, password, trusted(), ...to], mail),
  swaks: ({ port, tls, password, to, mail }) =>
    run(
      'swaks',
      [
        ...['--server', '127.0.0.1', '--port', String(port), tls === 'implicit' ? '--tls-on-connect' : '--tls'],
        ...['--auth', 'LOGIN', '--auth-user', alice, '--auth-password', password, '--from', alice],
        ...['--to', to.join(','), '--data', '-'],
      ],
      mail,
    ),
  msmtp: ({ port, tls, password, to, mail }) =>
    run(
      'msmtp',
      [
        ...['--file=/dev/null', '--host=localhost', `--port=${port}`, '--tls=on', `--tls-trust-file=${trusted()}`],
        ...[`--tls-starttls=${tls === 'implicit' ? 'off' : 'on'}`, '--auth=plain', `--user=${alice}`],
        ...[`--passwordeval=echo ${password}`, `--from=${alice}`, ...to],
      ],
      // As sendmail has it: lines end as they do here.
      mail.replaceAll('\r\n', '\n'),
    ),
}
const ways = Object.keys(clients).flatMap((client) =>
  (['starttls', 'implicit'] as const).map((tls): [string, Sending['tls']] => [client, tls]),
)

const compose = (nonce: string): string =>
  `From: Alice <${alice}>\r\nTo: bob@corp.test\r\nSubject: ${nonce}\r\nX-Nonce: ${nonce}\r\n\r\nHello\r\n.a dot\r\n`

function send(client: string, tls: Sending['tls'], nonce: string, change: Partial<Sending> = {}): Promise<Ran> {
  const port = tls === 'implicit' ? server.ports.submissions : server.ports.submission
  const to = ['bob@corp.test', 'x@outside.test']
  return clients[client]!({ port, tls, password: good, to, mail: compose(nonce), ...change })
}

/** Subjects in a folder, as the person sees them. */
async function subjects(name: string, role: 'inbox' | 'sent'): Promise<string[]> {
  const web = await signIn(server.ports.http, `${name}@corp.test`, passwordFor(name))
  const boxes = await mailboxIds(web)
  const [{ ids }] = await web.jmap([['Email/query', { filter: { inMailbox: boxes[role] } }]])
  const [{ list }] = await web.jmap([['Email/get', { ids, properties: ['subject'] }]])
  return (list as { subject: string }[]).map(({ subject }) => subject).sort()
}

describe.skipIf(skip)('real mail clients', () => {
  beforeAll(async () => {
    primary = await startStandIn({ mailboxes: [alice, 'bob@corp.test'] })
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({ name: 'submission' })
    server = await installation.start()
    operator = await makeOperator(server)
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

  test.each(ways)('%s, %s', async (client, tls) => {
    const nonce = `${client}-${tls}`
    const { code, said } = await send(client, tls, nonce)
    expect(code, said).toBe(0)
    const there = await sink.store.waitFor((mail) => mail.nonce === nonce)
    expect(there.recipients).toEqual(['x@outside.test'])
    expect(there.bytes.toString()).toMatch(/^DKIM-Signature:/m)
    expect(there.bytes.toString()).toMatch(/^Message-ID: </m)
    expect(there.bytes.toString()).toContain('\r\nHello\r\n.a dot\r\n')
    await primary.store.waitFor((mail) => mail.nonce === nonce)
  })

  test('every message is in Sent once and in the colleague’s Inbox once', async () => {
    const all = ways.map(([client, tls]) => `${client}-${tls}`).sort()
    expect(await subjects('alice', 'sent')).toEqual(all)
    expect(await subjects('bob', 'inbox')).toEqual(all)
    for (const store of [primary.store, sink.store])
      expect(
        store
          .all()
          .map(({ nonce }) => nonce)
          .sort(),
      ).toEqual(all)
  })

  test('while the primary is away it is sent and read all the same', async () => {
    await primary.setFault('off')
    await send('curl', 'implicit', 'notices')
    await modeIs(operator, 'emergency', 60)
    expect((await send('curl', 'starttls', 'emergency')).code).toBe(0)
    await sink.store.waitFor((mail) => mail.nonce === 'emergency')
    expect(await subjects('bob', 'inbox')).toContain('emergency')
    await primary.setFault(null)
    await primary.store.waitFor((mail) => mail.nonce === 'emergency', 60_000)
  })

  // The last: who guesses is slowed down, on the web pages as well. curl and smtplib guess twice, by both mechanisms.
  test.each(Object.keys(clients))('%s: a wrong password is told, and nothing leaves', async (client) => {
    const { code, said } = await send(client, 'implicit', `wrong-${client}`, { password: 'guess' })
    expect(code, said).not.toBe(0)
    expect(said).toMatch(/535|denied/i)
    expect(sink.store.all().map(({ nonce }) => nonce)).not.toContain(`wrong-${client}`)
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
