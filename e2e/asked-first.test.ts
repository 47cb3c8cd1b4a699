/**
 * A policy that asks first, as an admin lives it: a real Postfix goes away, a letter with a question is outside within the
 * bound, nothing switches and nothing is lost while nobody answers; one answers by the command line, the other way by the
 * panel's API, and what has waited is home, once.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { countKey, makeMail, nonceOf } from './kit/messages.ts'
import { makeOperator, modeIs, primaryRoute } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { pour } from './kit/pour.ts'
import { createRandom } from './kit/random.ts'
import { addTo, noClaims, tally, type Counts } from './kit/tally.ts'
import type { Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const alice = 'alice@asked.test'
const duty = 'duty@outside.test'

describe.skipIf(skip)('asked first', () => {
  const claims = noClaims()
  const random = createRandom(1)
  let primary: Primary
  let sink: StandIn
  let installation: Installation
  let server: RunningHoldfast
  let operator: Web
  let sent = 0

  beforeAll(async () => {
    primary = await startPrimary([alice])
    sink = await startStandIn({ hostname: 'outside.test' })
    installation = createInstallation({ name: 'asked', config: { publicUrl: 'https://mail.asked.test' } })
    server = await installation.start()
    operator = await makeOperator(server)
    await declareOrganisation(installation, {
      domain: 'asked.test',
      people: ['alice'],
      primaryPort: primary.smtpPort,
      outboundPort: sink.port,
      route: { switching: { away: 'ask', home: 'ask' }, retryFirst: 0.5, retryMax: 1, unsureWait: 1 },
      organisation: { alarmsTo: [duty] },
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
  })

  async function mail(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const one = makeMail({ random, nonce: `asked-${sent++}`, kind: 'plain', people: [alice], to: [alice] })
      await pour(() => server.ports.mx, [one], { connections: 1, into: claims })
    }
  }
  const letters = (): string[] => sink.store.of(duty).map(({ bytes }) => bytes.toString().replaceAll('=\r\n', ''))
  const about = (text: string): boolean => letters().some((letter) => letter.includes(text))
  async function missingAtHome(): Promise<readonly string[]> {
    const home: Counts = new Map()
    for (const held of await primary.read(alice)) addTo(home, countKey(nonceOf(held.bytes) ?? '?', alice))
    const { missing: lost, extra, strangers } = tally(home, claims)
    expect([...extra.keys(), ...strangers]).toEqual([])
    return lost
  }

  test('it goes away: the question is outside by mail, with what moved it and a link, and no mode changes', async () => {
    await mail(3)
    await until('it is home', async () => (await missingAtHome()).length === 0, 20_000)
    await primary.stopSmtp()
    await mail(3)
    await until('the question is outside', () => about('May Holdfast switch primary to emergency?'), 30_000)
    expect(letters()).toHaveLength(1)
    expect(letters()[0]).toMatch(/https:\/\/mail\.asked\.test\/admin\/[-0-9a-f]{36}\/alarms/)
    await sleep(8_000)
    expect((await primaryRoute(operator)).mode).toBe('suspect')
    expect(letters()).toHaveLength(1)
    const { stdout } = await installation.must(['mode'])
    expect(stdout).toContain('holdfast mode answer "primary" away')
  })

  test('answered on the command line: an emergency, in the name of whoever answered; once', async () => {
    await installation.must(['mode', 'answer', 'primary', 'away'])
    await modeIs(operator, 'emergency', 5)
    expect((await installation.cli(['mode', 'answer', 'primary', 'away'])).code).not.toBe(0)
    await mail(3)
    expect(await primary.read(alice)).toHaveLength(3)
  })

  test('it is back: asked again, and nothing goes home before somebody says so', async () => {
    await primary.startSmtp()
    await until('asked', () => about('May the mail of primary go home?'), 60_000)
    await mail(2)
    await sleep(5_000)
    expect((await primaryRoute(operator)).mode).toBe('emergency')
    expect(await primary.read(alice)).toHaveLength(3)
    const { organisation } = await primaryRoute(operator)
    const { items } = await operator.get(`/organisations/${organisation.id}/alarms`)
    const question = items.find(({ kind }: { kind: string }) => kind === 'ask-home')
    await operator.send('POST', `/organisations/${organisation.id}/alarms/${question.id}/answer`)
    await modeIs(operator, 'normal', 60)
    await until('all is home', async () => (await missingAtHome()).length === 0, 30_000)
    expect(await primary.read(alice)).toHaveLength(sent)
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
