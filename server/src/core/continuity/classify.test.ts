import { expect, test } from 'vitest'
import fc from 'fast-check'
import { EvidenceKind } from '../../platform/codes.ts'
import { classifyAttempt, failureFromText, type AttemptSign, type Stage } from './classify.ts'

const { good, neutral, ours, tempfail, policy, dropped, connectRefused, timeout, tls, dns } = EvidenceKind

test.each<[string, AttemptSign, EvidenceKind]>([
  ['accepted', { stage: 'final', code: 250, enhanced: '2.0.0' }, good],
  ['mailbox full', { stage: 'rcpt', code: 452, enhanced: '4.2.2' }, neutral],
  ['mailbox full, no status code', { stage: 'rcpt', code: 452 }, neutral],
  ['greylisting', { stage: 'rcpt', code: 450, enhanced: '4.7.1' }, neutral],
  ['greylisting, old style', { stage: 'rcpt', code: 450 }, neutral],
  ['recipient unknown', { stage: 'rcpt', code: 550, enhanced: '5.1.1' }, neutral],
  ['recipient unknown, old style', { stage: 'rcpt', code: 550 }, neutral],
  ['content refused', { stage: 'final', code: 554, enhanced: '5.6.0' }, neutral],
  ['message too large', { stage: 'data', code: 552, enhanced: '5.3.4' }, neutral],
  ['message too large just now', { stage: 'final', code: 452, enhanced: '4.3.4' }, neutral],
  ['message too large, old style', { stage: 'mail', code: 552 }, neutral],
  ['address in UTF-8', { stage: 'rcpt', code: 550, enhanced: '5.6.7' }, neutral],
  ['sender in UTF-8', { stage: 'mail', code: 550, enhanced: '5.6.7' }, neutral],
  ['header in UTF-8', { stage: 'data', code: 550, enhanced: '5.6.9' }, neutral],
  ['policy refused', { stage: 'final', code: 550, enhanced: '5.7.1' }, neutral],
  ['too many recipients', { stage: 'rcpt', code: 452, enhanced: '4.5.3' }, neutral],
  ['closing', { stage: 'rcpt', code: 421, enhanced: '4.7.0' }, tempfail],
  ['a client it does not want', { stage: 'mail', code: 421, enhanced: '4.7.0', aboutClient: true }, neutral],
  ['a client it does not want, no reason', { stage: 'mail', code: 421, aboutClient: true }, neutral],
  ['a client it never wants, no reason', { stage: 'mail', code: 554, aboutClient: true }, neutral],
  ['down, said to a client', { stage: 'mail', code: 421, enhanced: '4.3.2', aboutClient: true }, tempfail],
  ['no service, said to a client', { stage: 'mail', code: 554, enhanced: '5.3.2', aboutClient: true }, policy],
  ['system down', { stage: 'rcpt', code: 451, enhanced: '4.3.0' }, tempfail],
  ['disk full', { stage: 'final', code: 452, enhanced: '4.3.1' }, tempfail],
  ['disk full, old style', { stage: 'mail', code: 452 }, tempfail],
  ['error in processing', { stage: 'data', code: 451 }, tempfail],
  ['not us', { stage: 'greeting', code: 554, enhanced: '5.7.1' }, policy],
  ['no service', { stage: 'greeting', code: 554, enhanced: '5.3.2' }, policy],
  ['sender refused, no reason', { stage: 'mail', code: 550 }, policy],
  ['system not taking mail', { stage: 'rcpt', code: 550, enhanced: '5.3.2' }, policy],
  ['nonsense', { stage: 'greeting', code: 999 }, dropped],
  ['refused', { stage: 'connect', failure: 'refused' }, connectRefused],
  ['refused, by text', { stage: 'connect', code: 0, text: 'connect ECONNREFUSED 127.0.0.1:25' }, connectRefused],
  ['hanging, by text', { stage: 'greeting', code: 0, text: 'timeout: no answer for 300 s' }, timeout],
  ['switched off', { stage: 'connect', code: 0, text: 'connect EHOSTUNREACH 10.0.0.1' }, timeout],
  ['closed', { stage: 'data', code: 0, text: 'the other side closed the connection' }, dropped],
  ['bad certificate', { stage: 'tls', code: 0, text: 'self-signed certificate' }, tls],
  ['no certificate to offer', { stage: 'tls', code: 454, enhanced: '4.7.0' }, tls],
  ['STARTTLS is not known', { stage: 'tls', code: 502, enhanced: '5.5.1' }, tls],
  ['no such name', { stage: 'dns', code: 0, text: 'getaddrinfo ENOTFOUND mail.test' }, dns],
  ['our resolver', { stage: 'dns', code: 0, text: 'getaddrinfo EAI_AGAIN mail.test' }, ours],
  ['our uplink', { stage: 'connect', code: 0, text: 'connect ENETUNREACH 192.0.2.1:25' }, ours],
  ['our handles', { stage: 'connect', failure: 'ours' }, ours],
])('%s', (_, sign, kind) => {
  expect(classifyAttempt(sign)).toBe(kind)
})

test('every sign has a kind, whatever the other side says', () => {
  const kinds = new Set<number>(Object.values(EvidenceKind))
  const stages: Stage[] = ['dns', 'connect', 'tls', 'greeting', 'ehlo', 'auth', 'mail', 'rcpt', 'data', 'final']
  fc.assert(
    fc.property(fc.constantFrom(...stages), fc.nat(1000), fc.string(), fc.string(), (stage, code, enhanced, text) => {
      expect(kinds.has(classifyAttempt({ stage, code, enhanced, text }))).toBe(true)
      expect(typeof failureFromText(stage, text)).toBe('string')
    }),
  )
})
