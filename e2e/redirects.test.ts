/**
 * A real Postfix is the world: what a redirect sends there comes with our sender, and its bounce finds the author; what a
 * list sends there bounces to the list, and the member is paused.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const [author, reader, gone] = ['author@world.test', 'reader@world.test', 'gone@world.test']
const [alice, team, crew] = ['alice@corp.test', 'team@corp.test', 'crew@corp.test']

describe.skipIf(skip)('redirects and lists to the world', () => {
  let world: Primary
  let primary: StandIn
  let installation: Installation
  let server: RunningHoldfast
  beforeAll(async () => {
    // Postfix takes `gone`, and finds out later that Dovecot does not have them.
    const takes = [author, reader, gone].map((one) => `{${one}=1}`).join(',')
    world = await startPrimary([author, reader], { config: `virtual_mailbox_maps = inline:{${takes}}\n` })
    primary = await startStandIn()
    installation = createInstallation({ name: 'redirects' })
    server = await installation.start()
    await declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice'],
      primaryPort: primary.port,
      outboundPort: world.smtpPort,
      organisation: {
        redirects: [{ address: team, to: [alice, reader, gone] }],
        lists: [
          {
            address: crew,
            name: 'The crew',
            members: [alice, reader, gone],
            posting: 'anyone',
            pauseAfter: { bounces: 1, days: 30 },
          },
        ],
      },
    })
    await world.relayThrough(server.ports.mx, 50)
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await world.remove()
    await primary.close()
  })

  const write = (to: string, nonce = 'for-all') =>
    sendMail(
      server.ports.mx,
      { from: author, to: [to] },
      `From: <${author}>\r\nTo: <${to}>\r\nSubject: For all\r\nMessage-ID: <${nonce}@world.test>\r\nX-Nonce: ${nonce}\r\n\r\nHello\r\n`,
    )
  const textsOf = async (user: string): Promise<string[]> =>
    (await world.read(user)).map(({ bytes }) => bytes.toString())

  test('everybody has it once, and the world sees a sender of ours', async () => {
    expect((await write(team)).ok).toBe(true)
    await primary.store.waitFor((mail) => mail.recipients.includes(alice), 20_000)
    await until('the reader has it', async () => (await world.count(reader)) === 1, 30_000)
    const [text] = await textsOf(reader)
    expect(text).toMatch(/^Return-Path: <SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=world\.test=author@corp\.test>/m)
    expect(text!.endsWith('\r\n\r\nHello\r\n')).toBe(true)
  })

  test('the bounce of one of them comes back by us to the author', async () => {
    await until('the author hears', async () => (await world.count(author)) === 1, 30_000)
    const [notice] = await textsOf(author)
    expect(notice).toMatch(/^Return-Path: <>/m)
    expect(notice).toMatch(/^Final-Recipient: rfc822; ?gone@world\.test/im)
    expect(notice).toContain('with ESMTP')
    expect(primary.store.all()).toHaveLength(1)
  })

  test('a posting reaches the members; the bounce of one is counted, pauses them, and the author hears nothing', async () => {
    expect((await write(crew, 'posting')).ok).toBe(true)
    await until('the reader has it', async () => (await world.count(reader)) === 2, 30_000)
    const text = (await textsOf(reader)).find((one) => one.includes('X-Nonce: posting'))
    expect(text).toMatch(/^Return-Path: <crew-bounces\+[A-Z2-7]{8}=reader=world\.test@corp\.test>/m)
    expect(text).toContain('List-Id: "The crew" <crew.corp.test>')
    interface Lists {
      lists: { bounces: { member: string; pausedAt: string | null }[] }[]
    }
    const bounces = async () =>
      ((await installation.must(['admin', 'lists', '--json'])).json as Lists).lists[0]!.bounces
    await until('paused', async () => (await bounces())[0]?.pausedAt, 30_000, 1000)
    expect((await bounces()).map(({ member }) => member)).toEqual([gone])
    expect(await world.count(author)).toBe(1)
    expect((await installation.must(['admin', 'address', crew])).stdout).toContain(`paused: ${gone}`)
    await installation.must(['admin', 'lists', crew, '--resume', gone])
    expect((await installation.must(['admin', 'address', crew])).stdout).toContain(`${gone} (the world)`)
  })

  test('the trace says what came for whom; every invariant holds', async () => {
    const trace = await installation.must(['trace', team])
    expect(trace.stdout).toContain(`came for ${team}, redirected to ${reader}, sent with the sender SRS0=`)
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000)).toBe(0)
  })
})
