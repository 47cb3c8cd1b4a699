/**
 * What the fuzzer says: words of the protocol, mutated and out of place, with noise between them. All of it comes from one
 * seeded generator, so that an execution can be repeated by its seed and number.
 */
import type { Random } from '../random.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export const SIGN_IN = (address: string, password: string): string => base64(`\0${address}\0${password}`)

const words = [
  'EHLO x\r\n',
  'HELO x\r\n',
  'EHLO [127.0.0.1]\r\n',
  'MAIL FROM:<a@outside.test>\r\n',
  'MAIL FROM:<>\r\n',
  'MAIL FROM:<a@outside.test> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2B\r\n',
  'MAIL FROM:<alice@fuzz.test>\r\n',
  'RCPT TO:<alice@fuzz.test>\r\n',
  'RCPT TO:<bob@fuzz.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc\r\n',
  'RCPT TO:<nobody@fuzz.test>\r\n',
  'RCPT TO:<x@elsewhere.test>\r\n',
  'RCPT TO:<postmaster>\r\n',
  'RCPT TO:<"quoted words"@fuzz.test>\r\n',
  'DATA\r\n',
  'BDAT 20\r\n',
  'BDAT 7 LAST\r\n',
  'BDAT 0 LAST\r\n',
  'BDAT 4000\r\n',
  'BDAT 18446744073709551617\r\n',
  'BDAT ',
  '.\r\n',
  '\r\n.\r\n',
  '..\r\n',
  '\n.\n',
  '\r.\r',
  'RSET\r\n',
  'NOOP words\r\n',
  'QUIT\r\n',
  'STARTTLS\r\n',
  'VRFY x\r\n',
  'EXPN x\r\n',
  'HELP\r\n',
  'AUTH PLAIN\r\n',
  'AUTH LOGIN\r\n',
  'AUTH PLAIN ',
  'AUTH CRAM-MD5\r\n',
  `${base64('bob@fuzz.test')}\r\n`,
  '*\r\n',
  '=\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\n',
  'PROXY UNKNOWN\r\n',
  'PROXY TCP6 ::1 ::1 1 1\r\n',
  '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x09\x7f\0\0\x01\xc0\0\0\x19',
  '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
  '\x15\x03\x01\0\x02\x02\x28',
  'From: x\r\nSubject: y\r\n\r\nbody\r\n',
  'Received: from a by b; now\r\n',
  'Subject: =?utf-8?B?',
  'GET / HTTP/1.1\r\n',
  '\r\n',
  '\n',
  '\r',
  '.',
  '\0',
  ' ',
  '<',
  '>',
  '@',
  ':',
  '\xfc',
  '\xf0\x9f\x90\x9f',
]

const noise = (random: Random, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(random.below(256))).join('')

function mutated(random: Random): string {
  const word = random.pick(words)
  const at = random.below(word.length + 1)
  const how = random.below(4)
  if (how === 0) return word.slice(0, at)
  if (how === 1) return word.slice(0, at) + noise(random, 1) + word.slice(at + 1)
  if (how === 2) return word.slice(0, at) + noise(random, 1 + random.below(4)) + word.slice(at)
  return word.slice(0, at) + random.pick(words) + word.slice(at)
}

function token(random: Random): string {
  const kind = random.below(20)
  if (kind < 12) return random.pick(words)
  if (kind < 17) return mutated(random)
  if (kind < 19) return noise(random, random.below(40))
  return random.pick(['x', 'A', '\r\n', '.', ' ', '\0', '<']).repeat(random.below(4000))
}

/** What one execution writes, piece by piece, and how it ends. */
export interface Script {
  pieces: Buffer[]
  end: 'finish' | 'reset'
}

export function makeScript(random: Random): Script {
  const pieces = Array.from({ length: 1 + random.below(8) }, () =>
    Buffer.from(Array.from({ length: random.below(7) }, () => token(random)).join(''), 'latin1'),
  )
  return { pieces, end: random.below(5) === 0 ? 'reset' : 'finish' }
}
