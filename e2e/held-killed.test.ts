/**
 * Messages that are to leave later (RFC 4865), while Holdfast is killed again and again: each leaves once, none before its
 * time, and what was canceled never.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { authPlain, openSubmission } from '../server/testkit/submission-client.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { signIn } from './kit/web.ts'

const alice = 'alice@corp.test'
const MESSAGES = 12
const KILLS = 5
let installation: Installation
let server: RunningHoldfast
let primary: StandIn
let sink: StandIn

/** Hands it over, to leave in so many seconds; the earliest moment at which it may. */
async function hand(nonce: string, seconds: number): Promise<number> {
  const client = await openSubmission(server.ports.submission)
  try {
    await client.command(authPlain(alice, passwordFor('alice')))
    await client.command(`MAIL FROM:<${alice}> HOLDFOR=${seconds}`)
    await client.command('RCPT TO:<x@outside.test>')
    await client.command('DATA')
    const asked = Date.now()
    const mail = `From: ${alice}\r\nTo: x@outside.test\r\nSubject: ${nonce}\r\nX-Nonce: ${nonce}\r\n\r\nLater\r\n`
    expect((await client.command(`${mail}.`)).code).toBe(250)
    return asked + seconds * 1000
  } finally {
    client.destroy()
  }
}

describe('held mail and kill -9', () => {
  beforeAll(async () => {
    primary = await startStandIn()
    sink = await startStandIn()
    installation = createInstallation({ name: 'held', config: { accept: { answerWithin: 10 } } })
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
    await primary.close()
    await sink.close()
    await installation.remove()
  })

  test('each leaves once, at its time or later; a canceled one never', async () => {
    const due = new Map<string, number>()
    for (let i = 0; i < MESSAGES; i++) due.set(`held-${i}`, await hand(`held-${i}`, 5 + i * 2))
    await hand('canceled', 10)
    const web = await signIn(server.ports.http, alice, passwordFor('alice'))
    const [{ ids }] = await web.jmap([['EmailSubmission/query', { filter: { undoStatus: 'pending' } }]])
    const [{ list }] = await web.jmap([['EmailSubmission/get', { ids, properties: ['sendAt', 'emailId'] }]])
    const emailIds = (list as { emailId: string }[]).map(({ emailId }) => emailId)
    const [{ list: mails }] = await web.jmap([['Email/get', { ids: emailIds, properties: ['subject'] }]])
    const emailId = (mails as { id: string; subject: string }[]).find(({ subject }) => subject === 'canceled')!.id
    const { id } = (list as { id: string; emailId: string }[]).find((one) => one.emailId === emailId)!
    const [canceled] = await web.jmap([['EmailSubmission/set', { update: { [id]: { undoStatus: 'canceled' } } }]])
    expect(canceled.updated).toEqual({ [id]: null })

    const arrived = (): string[] => sink.store.all().map(({ nonce }) => nonce!)
    for (let kill = 0; kill < KILLS; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 2_500 + kill * 331))
      await server.kill()
      server = await installation.start()
    }
    await expect.poll(() => new Set(arrived()).size, { timeout: 90_000, interval: 250 }).toBe(MESSAGES)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    // A second arrival is of a delivery whose last reply a kill has taken away: never of a second message.
    for (const [nonce, at] of due) {
      const mine = sink.store.all().filter((mail) => mail.nonce === nonce)
      expect(
        new Set(mine.map(({ bytes }) => /^Received: by .* id ([0-9a-f-]+);/m.exec(bytes.toString())![1])).size,
      ).toBe(1)
      for (const { at: came } of mine) expect(came).toBeGreaterThanOrEqual(at - 1000)
    }
    expect(arrived()).not.toContain('canceled')
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout).toBe(0)
  }, 240_000)
})
