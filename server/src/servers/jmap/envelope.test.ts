/** The envelope of an EmailSubmission: its parameters mean what they mean at MAIL and RCPT, and are shown as they were given. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SentMail } from '../../core/submission/index.ts'
import { Notify } from '../../platform/codes.ts'
import type { Json } from '../../protocols/jmap/index.ts'
import { mailParameters, rcptParameters, readEnvelope } from './envelope.ts'

const envelope = (mail: object | null, rcpt: object | null = null): Json => ({
  mailFrom: { email: 'a@corp.test', parameters: mail as Json },
  rcptTo: [{ email: 'b@elsewhere.test', parameters: rcpt as Json }],
})

test('what is asked to hear, when it leaves, and that it goes over TLS alone', () => {
  const given = { RET: 'HDRS', ENVID: 'my id', HOLDFOR: '60', requiretls: null, SIZE: '100' }
  const read = readEnvelope(envelope(given, { NOTIFY: 'SUCCESS,DELAY', ORCPT: 'rfc822;c@first.test' }))
  expect(read.hold).toEqual({ seconds: 60 })
  expect(read.envelope).toMatchObject({ from: 'a@corp.test', to: ['b@elsewhere.test'], requireTls: true })
  const sent = { envelope: read.envelope, isHeld: false, sentAt: new Date(0) } as unknown as SentMail
  expect(mailParameters(sent)).toEqual({ RET: 'HDRS', ENVID: 'my id', REQUIRETLS: null })
  expect(rcptParameters(sent, 'b@elsewhere.test')).toEqual({ NOTIFY: 'SUCCESS,DELAY', ORCPT: 'rfc822;c@first.test' })
  expect(read.envelope?.dsn?.of['b@elsewhere.test']?.notify).toBe(Notify.success | Notify.delay)
})

test.each<[object | null, object | null]>([
  [{ REQUIRETLS: 'yes' }, null],
  [{ RET: 'ALL' }, null],
  [{ HOLDFOR: '60', HOLDUNTIL: '2030-01-01T00:00:00Z' }, null],
  [{ UNKNOWN: 'x' }, null],
  [{ ret: 'FULL', RET: 'FULL' }, null],
  [{ ENVID: 7 }, null],
  [null, { NOTIFY: 'NEVER,SUCCESS' }],
  [null, { REQUIRETLS: null }],
])('%j and %j are refused', (mail, rcpt) => {
  expect(() => readEnvelope(envelope(mail, rcpt))).toThrow(
    expect.objectContaining({ setError: expect.objectContaining({ type: 'invalidProperties' }) as unknown }),
  )
})

test('any value gets an answer of the protocol', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (mail, all) => {
      for (const value of [all, envelope(mail as object), { mailFrom: mail, rcptTo: [mail] }])
        try {
          readEnvelope(value as Json)
        } catch (error) {
          expect(error).toHaveProperty('setError.type')
        }
    }),
  )
})
