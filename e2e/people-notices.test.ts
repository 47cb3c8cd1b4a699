/**
 * An outage as people meet it: some say that they cannot reach their mail, the primary refuses everything, and a minute
 * later (the stated time here) each has one mail at a private address outside, signed, in their language; once, over a kill
 * of the server.
 */
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { makeOperator, modeIs, primaryRoute, signInOperator } from './kit/operator.ts'
import { applyFile, organisationFile, passwordFor } from './kit/organisation.ts'
import { signIn, type Web } from './kit/web.ts'
import { sleep, until } from './peers/processes.ts'

const people = ['alice', 'bob', 'carol']
const outside = (name: string): string => `${name}@home.example`
let primary: StandIn
let sink: StandIn
let installation: Installation
let server: RunningHoldfast
let operator: Web
let dns: { name: string; type: string; value: string }[] = []

beforeAll(async () => {
  ;[primary, sink] = await Promise.all([startStandIn(), startStandIn()])
  installation = createInstallation({ name: 'notices', config: { publicUrl: 'http://mail-emergency.test' } })
  server = await installation.start()
  operator = await makeOperator(server)
  const file = organisationFile({
    ...{ domain: 'corp.test', people, primaryPort: primary.port, outboundPort: sink.port },
    organisation: { notices: { afterMinutes: 1, contact: 'the service desk' } },
  }) as { organisations: [{ people: { privateAddress?: string; locale?: string }[] }] }
  const [alice, bob] = file.organisations[0].people
  Object.assign(alice!, { privateAddress: outside('alice'), locale: 'fr' })
  Object.assign(bob!, { privateAddress: outside('bob') })
  const applied = await applyFile(installation, 'corp', file)
  dns = (JSON.parse(applied.stdout) as { dns: typeof dns }).dns
})
afterAll(async () => {
  await server.stop()
  await installation.remove()
  await Promise.all([primary.close(), sink.close()])
})

const sent = () => sink.store.all().filter(({ bytes }) => /^Auto-Submitted: auto-generated/m.test(bytes.toString()))
const standing = async () => {
  const [one] = (await installation.must(['notices', '--json'])).json.organisations
  return one.routes[0]
}

test('reports: the same answer for whom there is and for whom there is not; only the signed one counts', async () => {
  const report = (address: string) =>
    fetch(`http://127.0.0.1:${server.ports.http}/api/v1/reports`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address }),
    })
  const answers = await Promise.all(['carol@corp.test', 'nobody@corp.test', 'not an address'].map(report))
  expect(answers.map(({ status }) => status)).toEqual([204, 204, 204])
  const alice = await signIn(server.ports.http, 'alice@corp.test', passwordFor('alice'))
  await alice.send('POST', '/me/report')
  await until('the board shows them', async () => (await primaryRoute(operator)).reports?.claimed === 1, 10_000)
  expect((await primaryRoute(operator)).reports).toMatchObject({ signed: 1, claimed: 1, needed: 5 })
  expect((await primaryRoute(operator)).mode).toBe('normal')
})

test('a minute of an emergency: one signed mail to each private address, and none besides', async () => {
  await primary.setFault('off')
  await modeIs(operator, 'emergency', 30)
  await sleep(40_000)
  expect(sent()).toEqual([])
  await until('both are told', () => sent().length === 2, 60_000)
  expect(
    sent()
      .flatMap(({ recipients }) => recipients)
      .sort(),
  ).toEqual([outside('alice'), outside('bob')])
  for (const { envelopeFrom, bytes } of sent()) {
    expect(envelopeFrom).toBe('')
    const resolver = (name: string, type: string): Promise<string[][]> => {
      const found = dns.find((record) => record.name.replace(/\.$/, '') === name && record.type === type)
      return found
        ? Promise.resolve([[found.value]])
        : Promise.reject(Object.assign(new Error(name), { code: 'ENOTFOUND' }))
    }
    const verdicts = (await dkimVerify(bytes, { resolver })).results as any[]
    expect(verdicts.map((one) => [one.signingDomain, one.status.result])).toEqual([['corp.test', 'pass']])
  }
  await server.kill()
  server = await installation.start()
  operator = await signInOperator(server)
  await sleep(8_000)
  expect(sent()).toHaveLength(2)
  expect(await standing()).toMatchObject({ people: 2, outage: { told: 2, total: 2, isDone: true } })
  const trace = await installation.must(['queue', '--json'])
  expect(trace.stdout).not.toContain('home.example')
})

test('what is sound stays so', async () => {
  const check = await installation.cli(['check', '--json'])
  expect(check.code, check.stdout.slice(-4000)).toBe(0)
})
