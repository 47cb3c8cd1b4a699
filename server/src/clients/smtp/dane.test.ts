/** TLSA records against real certificates, by hand and over real handshakes (RFC 6698, RFC 7671, RFC 7672 section 3). */
import { createHash, X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import fc from 'fast-check'
import * as pem from '../../../testkit/certificates.ts'
import { startNextHop, type NextHop } from '../../../testkit/next-hop.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Tlsa } from '../../protocols/dns/message.ts'
import { openSmtpConnection } from './connection.ts'
import { daneFault, usableTlsa } from './dane.ts'
import type { SmtpFailure } from './result.ts'

const certificate = (text: string): X509Certificate => new X509Certificate(text)
const [own, intermediate, root, stranger] = [pem.server, pem.intermediate, pem.root, pem.stranger].map(certificate) as [
  X509Certificate,
  X509Certificate,
  X509Certificate,
  X509Certificate,
]
const chain = [own, intermediate, root]
const now = Date.parse('2030-01-01')

/** As its owner would publish it: usage, selector, matching type. */
function record(kind: string, of: X509Certificate): Tlsa {
  const [usage, selector, matching] = kind.split(' ').map(Number) as [number, number, number]
  const bytes = selector === 0 ? of.raw : of.publicKey.export({ type: 'spki', format: 'der' })
  const data =
    matching === 0
      ? bytes
      : createHash(matching === 1 ? 'sha256' : 'sha512')
          .update(bytes)
          .digest()
  return { usage, selector, matching, data }
}
const kinds = ['0 0', '0 1', '0 2', '1 0', '1 1', '1 2']
const fault = (records: Tlsa[], shown = chain, names = ['mx.corp.test'], at = now) =>
  daneFault(usableTlsa(records), names, shown, at)

describe('DANE-EE', () => {
  test.each(kinds)('3 %s: the certificate itself, whatever its name and dates', (kind) => {
    const good = record(`3 ${kind}`, own)
    expect(fault([good])).toBeNull()
    expect(fault([good], [own], ['other.test'], Date.parse('2200-01-01'))).toBeNull()
    expect(fault([record(`3 ${kind}`, stranger)])).toBe('not-trusted')
    // Only the server's own certificate counts.
    expect(fault([record(`3 ${kind}`, intermediate)])).toBe('not-trusted')
  })
  test('one that fits is enough, and none at all is none', () => {
    expect(fault([record('3 1 1', stranger), record('3 1 1', own)])).toBeNull()
    expect(fault([record('3 1 1', own)], [])).toBe('not-trusted')
  })
})

describe('DANE-TA', () => {
  test.each(kinds)('2 %s: signed by it, over what the server shows', (kind) => {
    for (const anchor of [root, intermediate]) {
      const good = record(`2 ${kind}`, anchor)
      expect(fault([good])).toBeNull()
      expect(fault([good], [own, root, intermediate])).toBeNull()
      expect(fault([good], chain, ['other.test'])).toBe('host-mismatch')
      expect(fault([good], chain, ['other.test', 'MX.corp.test'])).toBeNull()
      expect(fault([good], chain, ['mx.corp.test'], Date.parse('2200-01-01'))).toBe('expired')
    }
    // Same name, another key; and a certificate that has not signed anything here.
    expect(fault([record(`2 ${kind}`, stranger)], [...chain, stranger])).toBe('not-trusted')
    expect(fault([record(`2 ${kind}`, own)])).toBe('not-trusted')
  })
  test.each(['0 1', '1 1', '0 2', '1 2'])('2 %s: a way that is not shown is no way', (kind) => {
    expect(fault([record(`2 ${kind}`, root)], [own])).toBe('not-trusted')
    expect(fault([record(`2 ${kind}`, root)], [own, root])).toBe('not-trusted')
    expect(fault([record(`2 ${kind}`, root)], [own, intermediate])).toBe('not-trusted')
  })
  test.each(['0 0', '1 0'])('2 %s: an anchor that the record holds whole need not be shown', (kind) => {
    expect(fault([record(`2 ${kind}`, root)], [own, intermediate])).toBeNull()
    expect(fault([record(`2 ${kind}`, root)], [own])).toBe('not-trusted')
    expect(fault([record(`2 ${kind}`, stranger)], [own, intermediate])).toBe('not-trusted')
  })
  test('one that may not sign vouches for nobody; one for clients alone is no server', () => {
    expect(fault([record('2 1 1', own)], [certificate(pem.signedByServer), own, intermediate])).toBe('not-trusted')
    expect(fault([record('2 1 1', root)], [certificate(pem.signedByServer), ...chain])).toBe('not-trusted')
    expect(fault([record('2 1 1', root)], [certificate(pem.clientOnly), intermediate, root])).toBe('not-trusted')
  })
  test('certificates that sign each other in a circle come to an end', () => {
    expect(fault([record('2 1 1', stranger)], [root, root, root])).toBe('not-trusted')
  })
})

describe('which records can be used', () => {
  const all = (...records: Tlsa[]): string[] => usableTlsa(records).map((r) => `${r.usage} ${r.selector} ${r.matching}`)
  test('PKIX usages, other selectors and digests, and data of another size cannot', () => {
    const good = record('3 1 1', own)
    expect(all(record('0 1 1', root), record('1 1 1', own))).toEqual([])
    expect(all({ ...good, selector: 2 }, { ...good, matching: 3 }, { ...good, usage: 255 })).toEqual([])
    expect(all({ ...good, data: good.data.subarray(1) }, { ...good, matching: 2 })).toEqual([])
    expect(all({ ...good, matching: 0 }, { ...record('3 0 0', own), selector: 1 })).toEqual([])
    expect(all(good)).toEqual(['3 1 1'])
  })
  test('of the same kind the strongest digest alone (RFC 7671 section 9)', () => {
    const records = [record('3 1 1', own), record('3 1 2', stranger), record('3 0 1', own), record('2 1 1', root)]
    expect(all(...records)).toEqual(['3 1 2', '3 0 1', '2 1 1'])
    expect(fault(records.slice(0, 2))).toBe('not-trusted')
  })
  test('whatever an owner publishes, it is used or not', () => {
    const tlsa = fc.record({
      usage: fc.constantFrom(0, 1, 2, 3, 255),
      selector: fc.constantFrom(0, 1, 7),
      matching: fc.constantFrom(0, 1, 2, 9),
      data: fc.oneof(
        fc.uint8Array({ maxLength: 70 }).map((b) => Buffer.from(b)),
        fc.constantFrom(own.raw, root.raw),
      ),
    })
    fc.assert(
      fc.property(fc.array(tlsa, { maxLength: 60 }), (records) => {
        expect(['host-mismatch', 'expired', 'not-trusted', null]).toContain(fault(records))
        expect(usableTlsa(records).length).toBeLessThanOrEqual(50)
      }),
      { numRuns: 300 },
    )
  })
})

describe('over a real handshake', () => {
  let hop: NextHop
  afterEach(() => hop.close())
  const served = { cert: pem.server + pem.intermediate + pem.root, key: pem.serverKey }
  const open = async (tlsa: Tlsa[], names = ['mx.corp.test']) => {
    const target = {
      host: '127.0.0.1',
      port: hop.port,
      protocol: 'smtp',
      tls: 'dane',
      trust: { name: 'mx.corp.test', names, tlsa },
    } as const
    return openSmtpConnection({ target, helo: 'mx.test', clock: systemClock }).then(
      (connection) => {
        connection.destroy()
        return { tls: connection.tls }
      },
      (error: unknown) => {
        const { stage, kind, message: text } = error as SmtpFailure
        return { stage, kind, text }
      },
    )
  }

  test('a record that fits: TLS, and the attempt says dane', async () => {
    hop = await startNextHop({ tls: served })
    for (const good of [record('3 1 1', own), record('2 0 1', root), record('2 1 2', intermediate)])
      expect(await open([good])).toEqual({ tls: expect.stringMatching(/^TLSv1\.[23] \S+ dane$/) })
  })
  test('none that fits: nothing is said, in TLS or in clear, and the text says what was looked for', async () => {
    hop = await startNextHop({ tls: served })
    const failed = await open([record('3 1 1', stranger)])
    expect(failed).toMatchObject({ stage: 'tls', kind: 'tls', text: expect.stringContaining('DANE: none of the host') })
    expect(failed).toMatchObject({ text: expect.stringContaining('(3 1 1 ') })
    expect(await open([record('2 1 1', root)], ['other.test'])).toMatchObject({
      text: expect.stringContaining('not made out to this host'),
    })
    expect(hop.story()).toEqual(['clear EHLO', 'clear STARTTLS', 'clear EHLO', 'clear STARTTLS'])
  })
  test('STARTTLS that is gone, or refused: nothing is sent', async () => {
    hop = await startNextHop({ answer: ({ line }) => (line === 'STARTTLS' ? '502 5.5.1 what?' : undefined) })
    expect(await open([record('3 1 1', own)])).toMatchObject({ stage: 'tls' })
    expect(await open([])).toMatchObject({ stage: 'tls' })
    expect(hop.story()).not.toContain('clear MAIL')
  })
  test('records of which none can be used: encrypted, whoever it is, and not called dane', async () => {
    hop = await startNextHop({ tls: served })
    expect(await open([])).toEqual({ tls: expect.stringMatching(/^TLSv1\.[23] \S+$/) })
  })
})
