import { afterEach, describe, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { mxFixture, type MxFixture, type MxFixtureOptions } from '../../../testkit/mx-fixture.ts'

const pem = selfSigned(['mx.holdfast.example'], Date.now())
let mx: MxFixture
const open = async (options?: MxFixtureOptions): Promise<MxFixture> =>
  (mx = await mxFixture({ tls: () => pem, ...options }))
afterEach(async () => {
  await mx.close()
  expect(mx.violations).toEqual([])
})

describe('RFC 3207: STARTTLS', () => {
  test('offered, used, not offered again; the envelope names it', async () => {
    await open()
    const client = await mx.client()
    await client.reply()
    expect((await client.command('EHLO x')).lines).toContain('STARTTLS')
    expect((await client.command('STARTTLS')).raw).toBe('220 2.0.0 Ready to start TLS\r\n')
    await client.startTls()
    // Section 4.2: what was said before is forgotten.
    expect((await client.command('MAIL FROM:<a@b>')).code).toBe(503)
    expect((await client.command('EHLO x')).lines).not.toContain('STARTTLS')
    expect((await client.command('STARTTLS')).code).toBe(503)
    for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
    client.send('x: y\r\n' + 'line\r\n'.repeat(20_000) + '.\r\n')
    expect((await client.reply()).code).toBe(250)
    expect(mx.seen[0]?.envelope.tls).toMatch(/^TLSv1\.[23] \S+$/)
    expect((await client.command('QUIT')).code).toBe(221)
    await client.ended()
  })

  test('REQUIRETLS (RFC 8689): offered in TLS alone, kept with the envelope, and nothing in clear', async () => {
    await open()
    const client = await mx.client()
    await client.reply()
    expect((await client.command('EHLO x')).lines).not.toContain('REQUIRETLS')
    expect((await client.command('MAIL FROM:<a@b> REQUIRETLS')).raw).toMatch(/^530 5\.7\.0 /)
    await client.command('STARTTLS')
    await client.startTls()
    expect((await client.command('EHLO x')).lines).toContain('REQUIRETLS')
    expect((await client.command('MAIL FROM:<a@b> REQUIRETLS=1')).code).toBe(501)
    for (const line of ['MAIL FROM:<a@b> REQUIRETLS', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
    client.send('x: y\r\n\r\n.\r\n')
    expect((await client.reply()).code).toBe(250)
    for (const line of ['MAIL FROM:<a@b>', 'RCPT TO:<c@d.example>', 'DATA']) await client.command(line)
    client.send('x: y\r\n\r\n.\r\n')
    expect((await client.reply()).code).toBe(250)
    expect(mx.seen.map(({ envelope }) => envelope.requireTls)).toEqual([true, undefined])
  })

  test('injection: what stands behind STARTTLS in plain text is never carried out', async () => {
    for (const pieces of [
      ['STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@d.example>\r\n'],
      ['STARTTLS\r\nMAIL FROM:', '<evil@x>\r\n'].slice(0, 1),
    ]) {
      await open()
      const client = await mx.greeted()
      for (const piece of pieces) client.send(piece)
      expect((await client.reply()).code).toBe(220)
      await client.startTls()
      expect((await client.command('NOOP')).raw).toBe('250 2.0.0 Ok\r\n')
      expect((await client.command('RCPT TO:<a@d.example>')).code).toBe(503)
      expect((await client.command('EHLO x')).code).toBe(250)
      expect((await client.command('RCPT TO:<a@d.example>')).raw).toContain('MAIL must come first')
      expect(mx.asked).toEqual([])
      await mx.close()
    }
  })

  test('plain text instead of a handshake ends the connection, and only that one', async () => {
    await open()
    const client = await mx.greeted()
    await client.command('STARTTLS')
    client.send('MAIL FROM:<evil@x>\r\nRCPT TO:<evil@d.example>\r\n')
    await client.ended()
    expect(mx.asked).toEqual([])
    const other = await mx.greeted()
    expect((await other.command('NOOP')).code).toBe(250)
  })

  test('STARTTLS inside a transaction or before EHLO', async () => {
    await open()
    const client = await mx.greeted()
    await client.command('MAIL FROM:<a@b>')
    expect((await client.command('STARTTLS')).code).toBe(503)
    await client.command('RSET')
    expect((await client.command('STARTTLS')).code).toBe(220)
  })

  test('requireTls: mail only with it', async () => {
    await open({ smtp: { requireTls: true } })
    const client = await mx.greeted()
    expect((await client.command('MAIL FROM:<a@b>')).raw).toMatch(/^530 5\.7\.0/)
    await client.command('STARTTLS')
    await client.startTls()
    await client.command('EHLO x')
    expect((await client.command('MAIL FROM:<a@b>')).code).toBe(250)
  })

  test('a certificate that cannot be used: no STARTTLS, mail goes on', async () => {
    await open({ tls: () => ({ cert: 'nonsense', key: 'nonsense' }) })
    const client = await mx.client()
    await client.reply()
    expect((await client.command('EHLO x')).lines).not.toContain('STARTTLS')
    expect((await client.command('STARTTLS')).code).toBe(502)
    expect((await client.command('MAIL FROM:<a@b>')).code).toBe(250)
  })
})
