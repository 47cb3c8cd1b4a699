/** Names and passwords as clients send them, and everything else they could send. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../platform/errors.ts'
import { mechanisms, parsePlain, readAnswer, readInitialResponse, SASL_LINE_OCTETS, type Step } from './index.ts'

const begin = (name: string) => mechanisms.get(name)!()
const brokenOff = expect.objectContaining({ code: 'auth-exchange' }) as Error

describe('RFC 4616: PLAIN', () => {
  test.each([
    ['\0alice@corp.test\0secret', { actsFor: '', name: 'alice@corp.test', password: 'secret' }],
    ['bob\0alice\0se\u00e7ret \u{1f511}', { actsFor: 'bob', name: 'alice', password: 'se\u00e7ret \u{1f511}' }],
    ['\0 a \0 p ', { actsFor: '', name: ' a ', password: ' p ' }],
  ])('%j', (message, credentials) => expect(parsePlain(Buffer.from(message))).toEqual(credentials))

  test.each([
    '',
    'alice',
    '\0alice',
    '\0\0secret',
    '\0alice\0',
    '\0alice\0sec\0ret',
    `\0${'a'.repeat(1025)}\0secret`,
    `\0alice\0${'a'.repeat(1025)}`,
    `${'a'.repeat(1025)}\0alice\0secret`,
  ])('%j is refused', (message) => expect(() => parsePlain(Buffer.from(message))).toThrow(brokenOff))

  test('what is not UTF-8 is refused', () =>
    expect(() => parsePlain(Buffer.from('\0alice\0p\xe4ss', 'latin1'))).toThrow(brokenOff))

  test('at once, or after an empty challenge', () => {
    const message = Buffer.from('\0alice\0secret')
    const credentials = { actsFor: '', name: 'alice', password: 'secret' }
    expect(begin('PLAIN')(message)).toEqual({ credentials })
    const exchange = begin('PLAIN')
    expect(exchange(null)).toEqual({ ask: Buffer.alloc(0) })
    expect(exchange(message)).toEqual({ credentials })
  })
})

describe('LOGIN', () => {
  test('asks for name and password; the name may come with the command', () => {
    const credentials = { actsFor: '', name: 'alice', password: 'secret' }
    const exchange = begin('LOGIN')
    expect(exchange(null)).toEqual({ ask: Buffer.from('Username:') })
    expect(exchange(Buffer.from('alice'))).toEqual({ ask: Buffer.from('Password:') })
    expect(exchange(Buffer.from('secret'))).toEqual({ credentials })
    const short = begin('LOGIN')
    expect(short(Buffer.from('alice'))).toEqual({ ask: Buffer.from('Password:') })
    expect(short(Buffer.from('secret'))).toEqual({ credentials })
  })
  test.each(['', 'a\0b', 'a'.repeat(1025)])('the answer %j is refused', (answer) => {
    expect(() => begin('LOGIN')(Buffer.from(answer))).toThrow(brokenOff)
    const exchange = begin('LOGIN')
    exchange(Buffer.from('alice'))
    expect(() => exchange(Buffer.from(answer))).toThrow(brokenOff)
  })
  test('two at once do not share a name', () => {
    const [one, other] = [begin('LOGIN'), begin('LOGIN')]
    one(Buffer.from('alice'))
    other(Buffer.from('bob'))
    expect(one(Buffer.from('x'))).toMatchObject({ credentials: { name: 'alice' } })
    expect(other(Buffer.from('x'))).toMatchObject({ credentials: { name: 'bob' } })
  })
})

describe('RFC 4954 section 4: the line', () => {
  test('base64 as the standard writes it, and nothing else', () => {
    expect(readAnswer(Buffer.from('YWxpY2U='))).toEqual(Buffer.from('alice'))
    expect(readAnswer(Buffer.from(''))).toEqual(Buffer.alloc(0))
    for (const line of ['*', 'YWxpY2U', 'YWxp Y2U=', 'YWxpY2U=\n', 'YW=xpY2U', '====', '_-==', 'ü', '=', 'YQ==YQ=='])
      expect(() => readAnswer(Buffer.from(line)), line).toThrow(brokenOff)
    expect(() => readAnswer(Buffer.from('AAAA'.repeat(SASL_LINE_OCTETS)))).toThrow(brokenOff)
  })
  test('an initial response: none, an empty one, one', () => {
    expect(readInitialResponse('')).toBeNull()
    expect(readInitialResponse('=')).toEqual(Buffer.alloc(0))
    expect(readInitialResponse('YQ==')).toEqual(Buffer.from('a'))
    expect(() => readInitialResponse('*')).toThrow(brokenOff)
  })
  test('what is decoded is what was encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const bytes = Buffer.from(octets)
        expect(readAnswer(Buffer.from(bytes.toString('base64')))).toEqual(bytes)
      }),
    )
  })
})

test('every run of answers ends in credentials or a refusal, whatever comes', () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ maxLength: 2000 }),
    fc.string({ unit: 'binary', maxLength: 40 }).map((one) => Buffer.from(`\0${one}\0x`)),
    fc.constant(Buffer.from('\0alice\0secret')),
  )
  fc.assert(
    fc.property(
      fc.constantFrom('PLAIN', 'LOGIN'),
      fc.boolean(),
      fc.array(octets, { minLength: 3 }),
      (name, early, all) => {
        const exchange = begin(name)
        let step: Step | null = early ? null : exchange(null)
        try {
          for (const answer of all) {
            step = exchange(Buffer.from(answer))
            if ('credentials' in step) break
          }
          if (step === null || !('credentials' in step)) throw new Error('three answers did not end it')
          const { credentials } = step
          expect(credentials.name).not.toBe('')
          expect(credentials.password).not.toBe('')
          expect(Object.values(credentials).join('')).not.toContain('\0')
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
          expect((error as WireError).code).toBe('auth-exchange')
        }
      },
    ),
    { numRuns: 2000 },
  )
})
