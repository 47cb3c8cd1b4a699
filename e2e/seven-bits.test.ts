/** A real Postfix that does not take eight bits: text gets there in seven, and reads the same; what is kept here is as it came. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { missing } from './peers/needs.ts'
import { startPrimary, type Primary } from './peers/postfix-dovecot.ts'
import { until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
const alice = 'alice@corp.test'

describe.skipIf(skip)('a primary without 8BITMIME', () => {
  let primary: Primary
  let sink: StandIn
  let installation: Installation
  let server: RunningHoldfast
  beforeAll(async () => {
    primary = await startPrimary([alice], { config: 'smtpd_discard_ehlo_keywords = 8bitmime\n' })
    sink = await startStandIn()
    installation = createInstallation({ name: 'seven-bits' })
    server = await installation.start()
    await declareOrganisation(installation, {
      domain: 'corp.test',
      people: ['alice'],
      primaryPort: primary.smtpPort,
      outboundPort: sink.port,
    })
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.remove()
    await sink.close()
  })

  const part = (type: string, text: string): string =>
    `--b\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${text}\r\n`
  const send = async (nonce: string, repeats: number): Promise<string> => {
    const text = 'Un caf\u00e9 pour la premi\u00e8re fois.\r\n'.repeat(repeats)
    const mail =
      `From: a@x.test\r\nSubject: ${nonce}\r\nX-Nonce: ${nonce}\r\nMIME-Version: 1.0\r\n` +
      `Content-Type: multipart/alternative; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n` +
      `${part('text/plain', text)}${part('text/html', '\u03b1\u03b2\u03b3'.repeat(200))}--b--\r\n`
    const envelope = { from: 'a@x.test', to: [alice], mailParameters: 'BODY=8BITMIME' }
    expect((await sendMail(server.ports.mx, envelope, mail)).ok).toBe(true)
    return text
  }
  const held = async (nonce: string): Promise<string> => {
    let found: Buffer | undefined
    await until(
      `${nonce} is there`,
      async () => {
        found = (await primary.read(alice))
          .map(({ bytes }) => bytes)
          .find((bytes) => bytes.includes(`X-Nonce: ${nonce}`))
        return found !== undefined
      },
      30_000,
    )
    return found!.toString('latin1')
  }

  test.each([
    ['small', 3],
    ['large', 40_000],
  ])('a %s message', async (nonce, repeats) => {
    const text = await send(nonce, repeats)
    const got = await held(nonce)
    expect(got).toMatch(/^[\0-\x7f]*$/)
    const [, plain = '', html = ''] = got.split('--b\r\n')
    expect(plain).toContain('Content-Transfer-Encoding: quoted-printable')
    const octets = plain
      .slice(plain.indexOf('\r\n\r\n') + 4)
      .replace(/=\r\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    expect(Buffer.from(octets, 'latin1').equals(Buffer.from(`${text}\r\n`))).toBe(true)
    expect(html).toContain('Content-Transfer-Encoding: base64')
    expect(Buffer.from(html.slice(html.indexOf('\r\n\r\n')), 'base64').toString()).toContain('\u03b1\u03b2\u03b3')
  })

  test('every invariant holds afterwards', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
