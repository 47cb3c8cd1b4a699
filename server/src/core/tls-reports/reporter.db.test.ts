/** From connections to a report at the domain that wants it: counted, once for each day and domain, tried again, given up. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { startDnsServer, type DnsServer } from '../../../testkit/dns-server.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startNextHop, type HeardLine, type NextHop } from '../../../testkit/next-hop.ts'
import { createMxLookup } from '../../clients/dns/mx.ts'
import { createDns } from '../../clients/dns/resolver.ts'
import type { SmtpConnection } from '../../clients/smtp/connection.ts'
import { SmtpFailure, tlsFailure } from '../../clients/smtp/result.ts'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createTlsReporter } from './reporter.ts'
import { reportMail } from '../../protocols/tls-rpt/report.ts'
import { dkimKeyPlace } from '../submission/index.ts'
import { domainsOf, signReport } from './sign.ts'
import { createTlsTally, resultOf, type TlsAbout } from './tally.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

let dns: DnsServer
let hop: NextHop
let answer: (heard: HeardLine) => string | null | undefined
const DAY = 86_400_000
const yesterday = new Date(systemClock.now() - DAY).toISOString().slice(0, 10)

beforeEach(async () => {
  await fresh.db.query('TRUNCATE tls_result, tls_report')
  answer = () => undefined
  hop = await startNextHop({ answer: (heard) => answer(heard), tls: 'broken' })
  dns = await startDnsServer({
    '_smtp._tls.corp.test': { txt: ['v=TLSRPTv1; rua=mailto:reports@corp.test'] },
    'corp.test': { mx: [[10, 'mx.corp.test']] },
    'mx.corp.test': { a: ['127.0.0.1'] },
  })
})
afterEach(async () => {
  await hop.close()
  await dns.close()
})

const sts: TlsAbout = { domain: 'corp.test', policy: { type: 'sts', strings: ['mode: testing'], mx: ['mx.corp.test'] } }
const way = (change: Partial<SmtpConnection>): SmtpConnection =>
  ({ tls: 'TLSv1.3 X', fault: null, ownAddress: '192.0.2.9', ...change }) as SmtpConnection
const host = { host: 'mx.corp.test', address: '192.0.2.1' }
const yesterdays = (): Clock => ({ ...systemClock, now: () => systemClock.now() - DAY })
const tallyAt = (clock: Clock = yesterdays()) =>
  createTlsTally({ db: fresh.db, clock, log: silentLog, metrics: createMetrics() })
const reporter = (clock: Clock = systemClock) => {
  const resolver = createDns({ clock: systemClock, servers: [dns.address], timeoutMs: 100 })
  const lookUpMx = createMxLookup(resolver, true)
  return createTlsReporter({
    db: fresh.db,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    keys: keysFrom(Buffer.alloc(32, 7)),
    dns: resolver,
    allowPrivate: true,
    mail: { lookUpMx, port: hop.port, helo: 'mx.holdfast.test', clock: systemClock },
    spreadSeconds: 0,
  })
}
const reports = () =>
  fresh.db.query<{ state: string; attempts: number; told: string }>('SELECT state, attempts, told FROM tls_report')
const counted = async () =>
  (
    await fresh.db.query<{ result: string; sessions: string }>(
      'SELECT result, sum(sessions) AS sessions FROM tls_result GROUP BY result ORDER BY result',
    )
  ).map(({ result, sessions }) => `${result || 'success'} ${sessions}`)
/** One good and one bad connection, yesterday. */
async function count(about: TlsAbout = sts): Promise<void> {
  const tally = tallyAt()
  tally.note(about, host, way({}))
  tally.note(about, host, tlsFailure('certificate-expired', 'too old'))
  await tally.flush()
}
/** As if its next try were now. */
const makeDue = () => fresh.db.query(`UPDATE tls_report SET due_at = now() WHERE state = 'open'`)

describe('counting', () => {
  test.each<[string, SmtpConnection | SmtpFailure, boolean, string | null]>([
    ['TLS', way({ fault: 'certificate-not-trusted' }), false, ''],
    [
      'TLS that a policy in testing would not have',
      way({ fault: 'certificate-not-trusted' }),
      true,
      'certificate-not-trusted',
    ],
    ['TLS that it would', way({}), true, ''],
    ['no STARTTLS', way({ tls: null }), false, 'starttls-not-supported'],
    ['clear', way({ tls: 'clear: wrong version', fault: 'validation-failure' }), false, 'validation-failure'],
    ['failed', tlsFailure('certificate-host-mismatch', 'x'), false, 'certificate-host-mismatch'],
    ['failed in a way without a word', new SmtpFailure('tls', 'timeout', 'x'), false, 'validation-failure'],
    ['never came to TLS', new SmtpFailure('connect', 'refused', 'x'), false, null],
  ])('%s', (_, outcome, isTest, result) => {
    expect(resultOf(outcome, isTest)?.result ?? null).toBe(result)
  })

  test('added up in the database, by processes that know nothing of each other', async () => {
    await Promise.all([count(), count()])
    expect(await counted()).toEqual(['success 2', 'certificate-expired 2'])
    const tally = tallyAt()
    tally.unused(sts, 'mx.corp.test', 'dnssec-invalid', 'no\0 answer')
    tally.noPolicy('corp.test', 'https://mta-sts.corp.test/: answered 404')
    tally.noPolicy('corp.test', 'https://mta-sts.corp.test/: is not a policy')
    await tally.stop()
    expect(await counted()).toEqual([
      'success 2',
      'certificate-expired 2',
      'dnssec-invalid 1',
      'sts-policy-fetch-error 1',
      'sts-policy-invalid 1',
    ])
  })
  test('bounded, and a database that is away costs numbers and nothing else', async () => {
    const tally = tallyAt()
    for (let i = 0; i < 5_100; i++) tally.note({ ...sts, domain: `d${i}.test` }, host, way({}))
    await tally.flush()
    expect(await counted()).toEqual(['success 5000'])
    const away = { query: () => Promise.reject(new Error('away')) } as unknown as typeof fresh.db
    const lost = createTlsTally({ db: away, clock: fakeClock(), log: silentLog, metrics: createMetrics() })
    lost.note(sts, host, way({}))
    await lost.flush()
  })
})

interface Report {
  'date-range': { 'start-datetime': string }
  'policies': { 'summary': object; 'failure-details': object[] }[]
}

describe('reporting', () => {
  const bodyOf = (): Report => {
    const lines = hop.heard.map(({ line }) => line)
    const from = lines.findIndex((line) => line.startsWith('\tfilename='))
    const base64 = lines
      .slice(
        from + 2,
        lines.findIndex((line, i) => i > from && line.startsWith('--tlsrpt-')),
      )
      .join('')
    return JSON.parse(gunzipSync(Buffer.from(base64, 'base64')).toString()) as Report
  }

  test('by mail, in clear where TLS is broken, once for the day and domain, over processes and rounds', async () => {
    await count()
    const done = await Promise.all([reporter().run(), reporter().run()])
    expect(done[0] + done[1]).toBe(1)
    expect(await reports()).toEqual([{ state: 'sent', attempts: 1, told: '' }])
    expect(hop.heard.filter(({ line }) => line === 'MAIL FROM:<>')).toHaveLength(1)
    const report = bodyOf()
    expect(report['date-range']['start-datetime']).toBe(`${yesterday}T00:00:00Z`)
    expect(report.policies[0]!.summary).toEqual({
      'total-successful-session-count': 1,
      'total-failure-session-count': 1,
    })
    expect(report.policies[0]!['failure-details'][0]).toMatchObject({
      'receiving-ip': '192.0.2.1',
      'additional-information': 'too old',
    })
    // Its counts are gone; what comes late is not reported a second time.
    expect(await counted()).toEqual([])
    await count()
    expect(await reporter().run()).toBe(0)
  })
  test('a day that is not over is not reported; a domain that wants none costs one question', async () => {
    const today = tallyAt(systemClock)
    today.note(sts, host, way({}))
    await today.flush()
    await count({ ...sts, domain: 'quiet.test' })
    expect(await reporter().run()).toBe(1)
    expect(await reports()).toEqual([{ state: 'unwanted', attempts: 1, told: '' }])
    expect(hop.connections()).toBe(0)
  })
  test('what is not taken is tried again under the same id, and given up after its day', async () => {
    await count()
    answer = ({ line }) => (line.startsWith('RCPT') ? '451 4.2.0 not now' : undefined)
    expect(await reporter().run()).toBe(1)
    expect(await reports()).toEqual([{ state: 'open', attempts: 1, told: expect.stringContaining('not now') }])
    expect(await reporter().run()).toBe(0)
    const [before] = await fresh.db.query('SELECT report_id FROM tls_report')
    await makeDue()
    const later = { ...systemClock, now: () => systemClock.now() + DAY }
    expect(await reporter(later).run()).toBe(1)
    expect(await reports()).toMatchObject([{ state: 'given-up', attempts: 2 }])
    expect(await fresh.db.query('SELECT report_id FROM tls_report')).toEqual([before])
  })
  test('a name server that is silent is a reason to try again', async () => {
    await count()
    dns.silence.add('_smtp._tls.corp.test')
    await reporter().run()
    expect(await reports()).toMatchObject([{ state: 'open', told: expect.stringContaining('does not answer') }])
    expect(await counted()).not.toEqual([])
  })
  test('what is old goes, whether it was reported or not', async () => {
    await count()
    await fresh.db.query('UPDATE tls_result SET day = day - 4')
    await reporter().run()
    expect(await counted()).toEqual([])
    expect(await reports()).toEqual([])
  })
})

describe('by HTTPS', () => {
  let server: Server
  let status = 201
  const got: { type: string | undefined; body: Buffer }[] = []
  beforeEach(async () => {
    got.length = 0
    // A certificate that nobody vouches for.
    server = createServer(selfSigned(['elsewhere.test'], systemClock.now()), (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        got.push({ type: request.headers['content-type'], body: Buffer.concat(parts) })
        response.writeHead(status, { location: 'https://evil.test/' }).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    dns.zones.set('_smtp._tls.corp.test', { txt: [`v=TLSRPTv1; rua=https://mx.corp.test:${port}/tls`] })
  })
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve))
  })
  test('posted as gzip; a redirect is not followed', async () => {
    await count()
    await reporter().run()
    expect(await reports()).toMatchObject([{ state: 'sent' }])
    expect(got[0]!.type).toBe('application/tlsrpt+gzip')
    expect(JSON.parse(gunzipSync(got[0]!.body).toString())).toMatchObject({ 'organization-name': 'mx.holdfast.test' })
    await fresh.db.query('TRUNCATE tls_report')
    status = 302
    await count()
    await reporter().run()
    expect(await reports()).toMatchObject([{ state: 'open', told: expect.stringContaining('answered 302') }])
  })
})

test('signed by the key of the domain that our host is in (RFC 6376), and not changed by that', async () => {
  const org = await makeOrganisation(fresh.db, { people: [], domain: 'holdfast.test' })
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keys = keysFrom(Buffer.alloc(32, 7))
  const sealed = keys.seal(
    dkimKeyPlace(org.domainId),
    Buffer.from(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  )
  await fresh.db.query(`UPDATE domain SET dkim_selector = 'hf1', dkim_private_sealed = $1 WHERE domain_id = $2`, [
    sealed,
    org.domainId,
  ])
  const head = { reportId: 'id', submitter: 'mx.holdfast.test', domain: 'corp.test', day: yesterday }
  const mail = reportMail(head, Buffer.from('x'), 'reports@corp.test', 'Fri, 27 Nov 2026 01:00:00 +0000')
  const signed = await signReport({ db: fresh.db, keys, clock: systemClock }, 'mx.holdfast.test', mail)
  expect(signed.subarray(-mail.length).equals(mail)).toBe(true)
  const record = pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const { results } = await dkimVerify(signed, {
    resolver: (name: string) =>
      Promise.resolve(name === 'hf1._domainkey.holdfast.test' ? [[`v=DKIM1; p=${record}`]] : []),
  })
  expect(results[0]).toMatchObject({ signingDomain: 'holdfast.test', status: { result: 'pass' } })
})

test('whose key signs: the host name and the domains it is in, no top-level domain', () => {
  expect(domainsOf('MX.mail.example.org')).toEqual(['mx.mail.example.org', 'mail.example.org', 'example.org'])
  expect(domainsOf('localhost')).toEqual([])
})
