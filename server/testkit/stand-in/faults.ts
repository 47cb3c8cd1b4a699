/**
 * What a stand-in mail server can be told to do wrong, as data. A fault acts at one point of the session; everything
 * else goes on as RFC 5321 says. `stored` tells whether the message is kept though the client gets no good answer: the
 * case in which sending again makes a duplicate.
 */
export type FaultPoint = 'listen' | 'connect' | 'ehlo' | 'mail' | 'rcpt' | 'data' | 'body' | 'dot' | 'every-reply'

export interface FaultSpec {
  at: FaultPoint
  act: 'refuse' | 'hang' | 'reply' | 'drop' | 'half-reply' | 'slow'
  /** with act `reply` and `half-reply` */
  reply?: string
  /** at the final dot: the message is kept all the same */
  stored?: boolean
  text: string
}

export const faults = {
  'off': { at: 'listen', act: 'refuse', text: 'switched off: connections are refused' },
  'hang-connect': { at: 'connect', act: 'hang', text: 'takes the connection and never greets' },
  'greet-421': {
    at: 'connect',
    act: 'reply',
    reply: '421 4.3.2 Service not available',
    text: 'greets with 421 and hangs up',
  },
  'greet-554': {
    at: 'connect',
    act: 'reply',
    reply: '554 5.3.2 No SMTP service here',
    text: 'greets with 554 and hangs up',
  },
  'hang-ehlo': { at: 'ehlo', act: 'hang', text: 'greets, then hangs after EHLO' },
  'mail-4xx': { at: 'mail', act: 'reply', reply: '451 4.3.0 Simulated outage', text: 'answers 451 to MAIL' },
  'rcpt-4xx': { at: 'rcpt', act: 'reply', reply: '451 4.3.0 Simulated outage', text: 'answers 451 to every recipient' },
  'rcpt-5xx': {
    at: 'rcpt',
    act: 'reply',
    reply: '550 5.1.1 No such user here',
    text: 'answers 550 to every recipient',
  },
  'data-4xx': { at: 'data', act: 'reply', reply: '451 4.3.0 Simulated outage', text: 'answers 451 to DATA' },
  'drop-body': { at: 'body', act: 'drop', text: 'hangs up in the middle of the message' },
  'dot-452': {
    at: 'dot',
    act: 'reply',
    reply: '452 4.3.1 Insufficient storage',
    text: 'answers 452 after the final dot',
  },
  'dot-5xx': { at: 'dot', act: 'reply', reply: '554 5.6.0 Message refused', text: 'answers 554 after the final dot' },
  'hang-dot': { at: 'dot', act: 'hang', text: 'hangs after the final dot; the message is not kept' },
  'hang-dot-stored': { at: 'dot', act: 'hang', stored: true, text: 'keeps the message, then hangs without an answer' },
  'drop-dot': { at: 'dot', act: 'drop', text: 'hangs up after the final dot; the message is not kept' },
  'drop-dot-stored': {
    at: 'dot',
    act: 'drop',
    stored: true,
    text: 'keeps the message, then hangs up without an answer',
  },
  'half-reply': {
    at: 'dot',
    act: 'half-reply',
    reply: '250 2.0.0 O',
    stored: true,
    text: 'keeps the message, its 250 is cut in half',
  },
  'slow': { at: 'every-reply', act: 'slow', text: 'waits before every reply' },
} as const satisfies Record<string, FaultSpec>

export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]
