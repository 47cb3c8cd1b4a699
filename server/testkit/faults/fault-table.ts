/**
 * What can be wrong with a primary, or with us, as data: what a probe and a delivery meet, how it is made before a real
 * Postfix, and what must come of it. One table for the fake clock (core/continuity/fault-matrix.test.ts: seconds) and for
 * real time (e2e/fault-matrix.test.ts: that it is so).
 */
import type { Failure, Stage } from '../../src/core/continuity/classify.ts'

/** What one attempt meets. */
export type Meets =
  | 'well'
  | {
      stage: Stage
      text: string
      code?: number
      enhanced?: string
      failure?: Failure
      /** seconds until then */ after?: number
    }

/**
 * What must come of it at `balanced`, by the fake clock. dead: declared within 60 s by probes alone. halfDead: declared
 * within 120 s where mail flows, whatever probes say. harmless: never in ten times that. held: no more than the hold-down
 * allows. vanishes: declared within 15 minutes where a round trip is asked for. ours: never, and Holdfast says that it cannot see.
 */
export type Outcome = 'dead' | 'halfDead' | 'vanishes' | 'harmless' | 'held' | 'ours'

/** How the proxy before a real Postfix does it (e2e/peers/faulty-proxy.ts). */
export type Injection =
  | { act: 'refuse' | 'blackhole' | 'strip-tls' | 'break-tls' | 'expired-tls' | 'disconnect-data' }
  | { act: 'hang'; at: 'connect' | 'dot' }
  | { act: 'trickle'; /** seconds for each byte */ every: number }
  | { act: 'slow'; /** seconds before each reply */ by: number }
  | {
      act: 'reply'
      at: 'connect' | 'starttls' | 'rcpt' | 'dot'
      reply: string
      /** of ten attempts in turn, so many */ of10?: number
    }
  /** down and up in turns */
  | { act: 'flap'; seconds: number }

export interface FaultClass {
  what: string
  outcome: Outcome
  probe: Meets
  delivery: Meets
  /** what becomes of mail that was taken: seconds until it is in the mailbox, gone, or nobody can look (the probe's password); left out: there at once */
  box?: number | 'gone' | 'refused'
  /** the share of attempts that meet it; left out: all */
  share?: number
  /** `quick` takes it for an outage now and then, as it says of itself */
  tooMuchForQuick?: boolean
  /** seconds of it and seconds without, in turns */
  flap?: number
  /** it is the same for all routes at once */
  everywhere?: boolean
  /** by e2e/fault-matrix.test.ts; left out: `elsewhere` */
  inject?: Injection
  /** the test that brings it about in real time by a way of its own, and names it */
  elsewhere?: `e2e/${string}.test.ts`
  /** mail may be refused by the primary itself (parked or told), not lost */
  refuses?: boolean
}

const hanging = (stage: Stage): Meets => ({ stage, failure: 'timeout', text: 'no answer', after: 300 })

export const faultTable = {
  'refuse': {
    what: 'connections are refused',
    outcome: 'dead',
    probe: { stage: 'connect', text: 'connect ECONNREFUSED 192.0.2.1:25' },
    delivery: { stage: 'connect', text: 'connect ECONNREFUSED 192.0.2.1:25' },
    inject: { act: 'refuse' },
  },
  'dropped-packets': {
    what: 'packets to it vanish',
    outcome: 'dead',
    probe: hanging('connect'),
    delivery: hanging('connect'),
    inject: { act: 'blackhole' },
  },
  'accept-and-hang': {
    what: 'takes the connection and says nothing',
    outcome: 'dead',
    probe: hanging('greeting'),
    delivery: hanging('greeting'),
    inject: { act: 'hang', at: 'connect' },
  },
  'greets-421': {
    what: 'greets with 421',
    outcome: 'dead',
    probe: { stage: 'greeting', code: 421, enhanced: '4.3.2', text: '421 4.3.2 not now' },
    delivery: { stage: 'greeting', code: 421, enhanced: '4.3.2', text: '421 4.3.2 not now' },
    inject: { act: 'reply', at: 'connect', reply: '421 4.3.2 Service not available' },
  },
  'rcpt-451': {
    what: 'answers 451 to every recipient',
    outcome: 'dead',
    probe: { stage: 'rcpt', code: 451, enhanced: '4.3.0', text: '451 4.3.0 trouble' },
    delivery: { stage: 'rcpt', code: 451, enhanced: '4.3.0', text: '451 4.3.0 trouble' },
    inject: { act: 'reply', at: 'rcpt', reply: '451 4.3.0 Temporary lookup failure' },
  },
  'dot-452': {
    what: 'takes recipients and answers 452 to every message',
    outcome: 'halfDead',
    probe: 'well',
    delivery: { stage: 'final', code: 452, enhanced: '4.3.1', text: '452 4.3.1 disk full' },
    inject: { act: 'reply', at: 'dot', reply: '452 4.3.1 Insufficient system storage' },
  },
  'blocklisted': {
    what: 'has blocked us: 554 to our connections',
    outcome: 'dead',
    probe: { stage: 'greeting', code: 554, enhanced: '5.7.1', text: '554 5.7.1 blocked' },
    delivery: { stage: 'greeting', code: 554, enhanced: '5.7.1', text: '554 5.7.1 blocked' },
    inject: { act: 'reply', at: 'connect', reply: '554 5.7.1 Client host blocked' },
  },
  'blocklisted-at-rcpt': {
    what: 'has blocked us: 550 5.7.1 to every recipient, the one of the probe too, which it took before',
    outcome: 'dead',
    probe: { stage: 'rcpt', code: 550, enhanced: '5.7.1', text: '550 5.7.1 blocked' },
    delivery: { stage: 'rcpt', code: 550, enhanced: '5.7.1', text: '550 5.7.1 blocked' },
    inject: { act: 'reply', at: 'rcpt', reply: '550 5.7.1 Client host blocked' },
    refuses: true,
  },
  'tarpit': {
    what: 'sends a byte every second',
    outcome: 'halfDead',
    probe: hanging('greeting'),
    delivery: hanging('greeting'),
    inject: { act: 'trickle', every: 1 },
  },
  'tls-broken': {
    what: 'TLS is required and does not come about',
    outcome: 'dead',
    probe: { stage: 'tls', text: 'ERR_SSL_WRONG_VERSION_NUMBER' },
    delivery: { stage: 'tls', text: 'ERR_SSL_WRONG_VERSION_NUMBER' },
    inject: { act: 'break-tls' },
  },
  'tls-stripped': {
    what: 'TLS is required and no longer offered',
    outcome: 'dead',
    probe: { stage: 'tls', code: 502, enhanced: '5.5.1', text: '502 5.5.1 command not implemented' },
    delivery: { stage: 'tls', code: 502, enhanced: '5.5.1', text: '502 5.5.1 command not implemented' },
    inject: { act: 'strip-tls' },
  },
  'tls-not-now': {
    what: 'TLS is required and answered with 454',
    outcome: 'dead',
    probe: { stage: 'tls', code: 454, enhanced: '4.7.0', text: '454 4.7.0 TLS not available' },
    delivery: { stage: 'tls', code: 454, enhanced: '4.7.0', text: '454 4.7.0 TLS not available' },
    inject: { act: 'reply', at: 'starttls', reply: '454 4.7.0 TLS not available due to local problem' },
  },
  'certificate-expired': {
    what: 'TLS is required and the certificate has run out',
    outcome: 'dead',
    probe: { stage: 'tls', text: 'CERT_HAS_EXPIRED' },
    delivery: { stage: 'tls', text: 'CERT_HAS_EXPIRED' },
    inject: { act: 'expired-tls' },
  },
  'hang-after-dot': {
    what: 'says nothing after the final dot',
    outcome: 'halfDead',
    probe: 'well',
    delivery: hanging('final'),
    inject: { act: 'hang', at: 'dot' },
  },
  'disconnect-in-data': {
    what: 'hangs up in the middle of every message',
    outcome: 'halfDead',
    probe: 'well',
    delivery: { stage: 'data', failure: 'dropped', text: 'the other side closed the connection' },
    inject: { act: 'disconnect-data' },
  },
  'name-gone': {
    what: 'its name is no longer in DNS',
    outcome: 'dead',
    probe: { stage: 'dns', text: 'getaddrinfo ENOTFOUND mail.corp.test' },
    delivery: { stage: 'dns', text: 'getaddrinfo ENOTFOUND mail.corp.test' },
    elsewhere: 'e2e/names-gone.test.ts',
  },
  'vanishes': {
    what: 'says 250 to every message, and none is ever in a mailbox',
    outcome: 'vanishes',
    probe: 'well',
    delivery: 'well',
    box: 'gone',
    elsewhere: 'e2e/round-trip.test.ts',
  },
  'mailbox-slow': {
    what: 'a queue of minutes before the mailboxes',
    outcome: 'harmless',
    probe: 'well',
    delivery: 'well',
    box: 150,
    elsewhere: 'e2e/fault-matrix-beside.test.ts',
  },
  'mailbox-very-slow': {
    what: 'a queue before the mailboxes that is longer than a round trip may take',
    outcome: 'harmless',
    probe: 'well',
    delivery: 'well',
    box: 400,
    elsewhere: 'e2e/fault-matrix-beside.test.ts',
  },
  'probe-password-expired': {
    what: "the password of the probe's own mailbox has expired",
    outcome: 'harmless',
    probe: 'well',
    delivery: 'well',
    box: 'refused',
    elsewhere: 'e2e/fault-matrix-beside.test.ts',
  },
  'ipv6-dead': {
    what: 'its IPv6 address takes no packets, its IPv4 address is well',
    outcome: 'harmless',
    // Connecting goes on to the other address (RFC 8305); clients/smtp/dial.test.ts shows it.
    probe: 'well',
    delivery: 'well',
    elsewhere: 'e2e/fault-matrix.test.ts',
  },
  'one-mailbox-full': {
    what: 'one of ten mailboxes is full',
    outcome: 'harmless',
    probe: 'well',
    delivery: { stage: 'rcpt', code: 452, enhanced: '4.2.2', text: '452 4.2.2 full' },
    share: 0.1,
    inject: { act: 'reply', at: 'rcpt', reply: '452 4.2.2 Mailbox full', of10: 1 },
  },
  'greylisting': {
    what: 'greylists everything, the probe too',
    outcome: 'harmless',
    probe: { stage: 'rcpt', code: 450, enhanced: '4.7.1', text: '450 4.7.1 greylisted' },
    delivery: { stage: 'rcpt', code: 450, enhanced: '4.7.1', text: '450 4.7.1 greylisted' },
    inject: { act: 'reply', at: 'rcpt', reply: '450 4.7.1 Greylisted, try again' },
  },
  'three-percent-4xx': {
    what: '3 % of all attempts fail with 451',
    outcome: 'harmless',
    probe: { stage: 'rcpt', code: 451, enhanced: '4.3.0', text: '451 4.3.0 busy' },
    delivery: { stage: 'rcpt', code: 451, enhanced: '4.3.0', text: '451 4.3.0 busy' },
    share: 0.03,
    inject: { act: 'reply', at: 'rcpt', reply: '451 4.3.0 Busy', of10: 1 },
  },
  'thirty-percent-4xx': {
    what: '30 % of all attempts fail with 451',
    outcome: 'harmless',
    probe: { stage: 'rcpt', code: 451, enhanced: '4.3.0', text: '451 4.3.0 busy' },
    delivery: { stage: 'rcpt', code: 451, enhanced: '4.3.0', text: '451 4.3.0 busy' },
    share: 0.3,
    tooMuchForQuick: true,
    inject: { act: 'reply', at: 'rcpt', reply: '451 4.3.0 Busy', of10: 3 },
  },
  'slow-but-well': {
    what: 'takes a second for each reply',
    outcome: 'harmless',
    probe: 'well',
    delivery: 'well',
    inject: { act: 'slow', by: 0.15 },
  },
  'replies-after-15-s': {
    what: 'takes 15 s for each reply',
    outcome: 'halfDead',
    probe: hanging('greeting'),
    delivery: hanging('greeting'),
    inject: { act: 'slow', by: 15 },
  },
  'flapping': {
    what: 'is gone for 20 s, well for 20 s, and so on',
    outcome: 'held',
    probe: { stage: 'connect', text: 'connect ECONNREFUSED 192.0.2.1:25' },
    delivery: { stage: 'connect', text: 'connect ECONNREFUSED 192.0.2.1:25' },
    flap: 20,
    inject: { act: 'flap', seconds: 20 },
  },
  'uplink-gone': {
    what: 'our uplink is gone and the system says so',
    outcome: 'ours',
    probe: { stage: 'connect', text: 'connect ENETUNREACH 192.0.2.1:25' },
    delivery: { stage: 'connect', text: 'connect ENETUNREACH 192.0.2.1:25' },
    everywhere: true,
    elsewhere: 'e2e/uplink-gone.test.ts',
  },
  'uplink-silent': {
    what: 'our uplink takes packets and nothing comes back',
    outcome: 'ours',
    probe: hanging('connect'),
    delivery: hanging('connect'),
    everywhere: true,
    elsewhere: 'e2e/own-fault.test.ts',
  },
  'firewall-rejects': {
    what: 'a firewall of ours rejects everything that leaves',
    outcome: 'ours',
    probe: { stage: 'connect', text: 'connect ECONNREFUSED 192.0.2.1:25' },
    delivery: { stage: 'connect', text: 'connect ECONNREFUSED 192.0.2.1:25' },
    everywhere: true,
    elsewhere: 'e2e/own-fault.test.ts',
  },
  'resolver-gone': {
    what: 'our resolver does not answer',
    outcome: 'ours',
    probe: { stage: 'dns', text: 'getaddrinfo EAI_AGAIN mail.corp.test', after: 5 },
    delivery: { stage: 'dns', text: 'getaddrinfo EAI_AGAIN mail.corp.test', after: 5 },
    everywhere: true,
    elsewhere: 'e2e/names-gone.test.ts',
  },
  'resolver-lies': {
    what: 'our resolver says that no name exists',
    outcome: 'ours',
    probe: { stage: 'dns', text: 'getaddrinfo ENOTFOUND mail.corp.test' },
    delivery: { stage: 'dns', text: 'getaddrinfo ENOTFOUND mail.corp.test' },
    everywhere: true,
    elsewhere: 'e2e/names-gone.test.ts',
  },
} as const satisfies Record<string, FaultClass>

export type FaultClassName = keyof typeof faultTable
export const faultClassNames = Object.keys(faultTable) as FaultClassName[]

/** What is no row above, for it is not about one attempt: where it is brought about in real time, by the same rule. */
export const besideTheTable = {
  'one-host-dead': 'e2e/fault-matrix.test.ts',
  'process-paused': 'e2e/fault-matrix.test.ts',
  'https-dead': 'e2e/fault-matrix-beside.test.ts',
  'oidc-dead': 'e2e/fault-matrix-beside.test.ts',
  'sign-in-hangs': 'e2e/reach.test.ts',
  'clock-jump': 'e2e/fault-matrix-beside.test.ts',
} as const
