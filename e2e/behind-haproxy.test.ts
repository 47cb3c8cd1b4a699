/**
 * The MX listener behind a real HAProxy, with both versions of the PROXY protocol and HAProxy's SMTP check; a real sender
 * over it, and a message in chunks (BDAT) by a plain conversation. Ends with `holdfast check`.
 */
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLine } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { startHaproxy } from './peers/haproxy.ts'
import type { Haproxy } from './peers/haproxy.ts'
import { findProgram, missing } from './peers/needs.ts'
import { sleep, until } from './peers/processes.ts'

const skip = missing('haproxy', 'smtp-source')
const PROXY = '127.0.0.2'
const CLIENT = '127.0.0.9'
const alice = 'alice@proxied.test'
let installation: Installation
let server: RunningHoldfast
let primary: StandIn
let sink: StandIn
let haproxy: Haproxy

beforeAll(async () => {
  if (skip) return
  primary = await startStandIn({ mailboxes: [alice] })
  sink = await startStandIn()
  installation = createInstallation({ name: 'proxied', config: { smtp: { proxies: [PROXY] } } })
  server = await installation.start()
  await declareOrganisation(installation, {
    domain: 'proxied.test',
    people: ['alice'],
    primaryPort: primary.port,
    outboundPort: sink.port,
  })
  haproxy = await startHaproxy(server.ports.mx, PROXY)
})
afterAll(async () => {
  if (skip) return
  await haproxy.remove()
  await server.stop()
  await installation.remove()
  await primary.close()
  await sink.close()
})

/** What came home with this in it. */
const arrived = (text: string): Promise<string> =>
  until(`the mail with ${text}`, () =>
    primary.store
      .all()
      .find((mail) => mail.bytes.includes(text))
      ?.bytes.toString(),
  )

async function sendInChunks(port: number, nonce: string, chunks: readonly string[]): Promise<void> {
  const line = openLine(port, { localAddress: CLIENT })
  expect((await line.reply()).code).toBe(220)
  expect((await line.command('EHLO chunks.test')).text.split('\n')).toContain('CHUNKING')
  const text = [`Subject: ${nonce}\r\n\r\n`, ...chunks]
  // all in one write, as a sender that pipelines does
  line.write(
    `MAIL FROM:<s@outside.test>\r\nRCPT TO:<${alice}>\r\n` +
      text.map((one, i) => `BDAT ${one.length}${i === text.length - 1 ? ' LAST' : ''}\r\n${one}`).join(''),
  )
  for (let i = 0; i < 2 + text.length; i++) expect((await line.reply()).code).toBe(250)
  expect((await line.command('QUIT')).code).toBe(221)
  line.close()
}

test.skipIf(skip)('SMTP checks of both versions are good, and nobody hears of them', async () => {
  await until('good checks', async () => {
    const all = Object.values(await haproxy.checks())
    return all.length === 2 && all.every((one) => one.status === 'L7OK')
  })
  await sleep(1500)
  for (const [door, { status, failed }] of Object.entries(await haproxy.checks()))
    expect({ door, status, failed }).toEqual({ door, status: 'L7OK', failed: 0 })
  expect(complaints()).toEqual([])
})

test.skipIf(skip)(
  "a real sender over version 1 and 2: the Received line has its address, not the proxy's",
  async () => {
    for (const door of ['v1', 'v2'] as const) {
      const args = ['-4', '-S', `over ${door}`, '-f', 's@outside.test', '-t', alice, `127.0.0.1:${haproxy[door]}`]
      await promisify(execFile)(findProgram('smtp-source')!, args, { timeout: 30_000 })
      const mail = await arrived(`over ${door}`)
      expect(mail).toMatch(
        /^Received: from \S+ \(\[127\.0\.0\.1\]\)\r?\n\tby mx\.holdfast\.test \(Holdfast\) with E?SMTP/m,
      )
      expect(mail).not.toContain(PROXY)
    }
  },
)

test.skipIf(skip)("chunks over both: the message comes home as it was, from the client's address", async () => {
  for (const door of ['v1', 'v2'] as const) {
    const big = 'a line of text\r\n'.repeat(40_000)
    await sendInChunks(haproxy[door], `chunks-${door}`, [
      '.\r\n',
      '..\r\nRSET\r\n',
      big.slice(0, 333_333),
      big.slice(333_333),
    ])
    const mail = await arrived(`Subject: chunks-${door}`)
    expect(mail).toContain(`Received: from chunks.test ([${CLIENT}])`)
    expect(mail.endsWith(`Subject: chunks-${door}\r\n\r\n.\r\n..\r\nRSET\r\n${big}`)).toBe(true)
  }
  expect(complaints()).toEqual([])
})

test.skipIf(skip)('without the header: not from the proxy; a header from anybody else is no command', async () => {
  const forged = openLine(server.ports.mx, { localAddress: CLIENT })
  expect((await forged.reply()).code).toBe(220)
  expect((await forged.command('PROXY TCP4 198.51.100.7 127.0.0.1 4000 25')).code).toBe(500)
  forged.close()
  const bare = openLine(server.ports.mx, { localAddress: PROXY })
  await expect(bare.command('EHLO x')).rejects.toThrow('closed')
  await until('a line in the log', () => complaints().some((one) => one.includes('a broken PROXY header')))
  const check = await installation.cli(['check', '--json'])
  expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
})

test.skipIf(skip)('SIGHUP: the certificate is looked at, and mail goes on', async () => {
  rmSync(join(installation.data, 'tls.crt'))
  process.kill(server.pid, 'SIGHUP')
  await until('a new certificate', () => server.log().includes('a new certificate is in use'), 2_000)
  await sendInChunks(haproxy.v2, 'after-the-signal', ['x\r\n'])
})

/** Warnings and errors of the log. */
function complaints(): string[] {
  return server
    .log()
    .split('\n')
    .filter((line) => /^\{.*"level":"(?:warn|error)"/.test(line))
}
