/** What counts as replies: lines of SMTP, and behind STARTTLS one alert of TLS for who spoke none. */
import { expect, test } from 'vitest'
import { isReplies } from './fuzzer.ts'

const ready = '250 STARTTLS\r\n220 2.0.0 Ready to start TLS\r\n'

test.each([
  ['replies', '220 mx\r\n250-mx\r\n250 DSN\r\n', true],
  ['nothing', '', true],
  ['half a reply', '250 o', false],
  ['an alert', `${ready}\x15\x03\x01\0\x02\x02\x28`, true],
  [
    'an alert of a version that the client made up, whose last octet is a line end',
    `${ready}\x15\x03\x20\0\x02\x02\n`,
    true,
  ],
  ['an alert and something behind it', `${ready}\x15\x03\x20\0\x02\x02\nx`, false],
  ['an alert where nobody said STARTTLS', '250 ok\r\n\x15\x03\x01\0\x02\x02\x28', false],
  ['other octets behind STARTTLS', `${ready}hm`, false],
])('%s', (_, transcript, expected) => {
  expect(isReplies(transcript)).toBe(expected)
})
