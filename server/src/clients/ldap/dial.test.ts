/** The answer to STARTTLS is one message and nothing behind it (RFC 4511 section 4.14). */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isStartTlsAnswer } from './dial.ts'

const answer = (code: number): Buffer =>
  Buffer.from([0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00])
const yes = answer(0)

test('yes, in one piece or byte by byte, in either form of lengths', () => {
  for (let length = 0; length < yes.length; length++) expect(isStartTlsAnswer(yes.subarray(0, length))).toBe(false)
  expect(isStartTlsAnswer(yes)).toBe(true)
  expect(isStartTlsAnswer(Buffer.concat([Buffer.from([0x30, 0x84, 0, 0, 0, 0x0c]), yes.subarray(2)]))).toBe(true)
})

test('no, nonsense, and what somebody writes behind it', () => {
  expect(() => isStartTlsAnswer(answer(52))).toThrow('it does not take STARTTLS (result 52)')
  expect(() => isStartTlsAnswer(Buffer.from('220 hello\r\n'))).toThrow('not LDAP')
  expect(() => isStartTlsAnswer(Buffer.from([0x30, 0x83, 0xff, 0xff, 0xff]))).toThrow('too long')
  expect(() => isStartTlsAnswer(Buffer.from([0x30, 0x80, 0, 0]))).toThrow('not LDAP')
  // The beginning of an answer of ours to come, which TLS would seem to finish.
  expect(() => isStartTlsAnswer(Buffer.concat([yes, Buffer.from([0x30])]))).toThrow('something stands behind')
})

test('whatever comes is an answer, the beginning of one, or an error; never a yes that is none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(14), (noise, at) => {
      const bytes = Buffer.from(yes)
      Buffer.from(noise).copy(bytes, at)
      for (const one of [Buffer.from(noise), bytes])
        try {
          if (isStartTlsAnswer(one)) expect(one[one.indexOf(0x0a, 5) + 2]).toBe(0)
        } catch (error) {
          expect((error as Error).message).toMatch(/STARTTLS/)
        }
    }),
  )
})
