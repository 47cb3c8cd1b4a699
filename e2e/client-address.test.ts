/**
 * A real Postfix is told by Holdfast which client a message came from, in each of the three ways, for mail that goes through
 * at once and for mail that had to wait in the queue.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLine } from '../server/testkit/smtp-send.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { missing } from './peers/needs.ts'
import { startPrimary } from './peers/postfix-dovecot.ts'
import type { Primary } from './peers/postfix-dovecot.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const CLIENT = '127.0.0.9'
let primary: Primary
let installation: Installation
let server: RunningHoldfast
beforeAll(async () => {
  if (skip) return
  primary = await startPrimary(['alice@corp.test'], {
    config: `
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_authorized_xforward_hosts = 127.0.0.1
`,
  })
  installation = createInstallation({ name: 'client-address' })
  server = await installation.start()
})
afterAll(async () => {
  if (skip) return
  await server.stop()
  const { stdout, code } = await installation.cli(['check'])
  await installation.remove()
  await primary.remove()
  expect(code, stdout).toBe(0)
})

async function send(nonce: string): Promise<void> {
  const line = openLine(server.ports.mx, { localAddress: CLIENT })
  try {
    await line.reply()
    for (const command of ['EHLO sender.outside.test', 'MAIL FROM:<x@outside.test>', 'RCPT TO:<alice@corp.test>'])
      expect((await line.command(command)).code).toBe(250)
    expect((await line.command('DATA')).code).toBe(354)
    line.write(`Subject: ${nonce}\r\n\r\nbody\r\n.\r\n`)
    expect((await line.reply()).code).toBe(250)
  } finally {
    line.close()
  }
}
/** The line that Postfix put before the message. */
async function received(nonce: string): Promise<string> {
  let found = ''
  await until(
    `${nonce} in Dovecot`,
    async () => {
      const held = (await primary.read('alice@corp.test')).find(({ bytes }) => bytes.includes(`Subject: ${nonce}`))
      const lines = held?.bytes.toString('latin1').split(/\r\n(?![ \t])/) ?? []
      found = lines.find((one) => one.startsWith('Received:') && one.includes('by primary.test (Postfix)')) ?? ''
      return found !== ''
    },
    60_000,
  )
  return found
}
async function declare(clientAddress: string): Promise<void> {
  await declareOrganisation(installation, {
    domain: 'corp.test',
    people: ['alice'],
    primaryPort: clientAddress === 'proxy' ? primary.proxiedPort : primary.smtpPort,
    outboundPort: primary.smtpPort,
    sensitivity: 'quick',
    route: { clientAddress, retryFirst: 0.5, retryMax: 1 },
  })
  // Known everywhere within a second.
  await sleep(1500)
}

test.skipIf(skip).each([
  ['xclient', /^Received: from sender\.outside\.test \(unknown \[127\.0\.0\.9\]\)/],
  ['proxy', /^Received: from mx\.holdfast\.test \(unknown \[127\.0\.0\.9\]\)/],
  ['xforward', /^Received: from mx\.holdfast\.test \(\S+ \[127\.0\.0\.1\]\)/],
])(
  '%s, at once and out of the queue',
  async (how, line) => {
    await declare(how)
    await send(`${how}-now`)
    expect(await received(`${how}-now`)).toMatch(line)
    await primary.stopSmtp()
    await send(`${how}-later`)
    // The attempt from memory fails meanwhile; the next one is claimed from the database.
    await sleep(500)
    await primary.startSmtp()
    expect(await received(`${how}-later`)).toMatch(line)
    if (how !== 'xforward') return
    // Postfix says so in the lines of smtpd; what it logs beside them is its own affair.
    const lines = primary.log().match(/smtpd\[\d+\]: \w+: client=.*orig_client=unknown\[127\.0\.0\.9\]/g)
    expect(lines).toHaveLength(2)
  },
  120_000,
)
