import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../platform/errors.ts'
import { parseMailbox, parsePath } from './address.ts'

const code = 'address-syntax-recipient'
const parse = (text: string) => parsePath(text, 0, code)
const box = (text: string) => parseMailbox(text, code)

describe('RFC 5321 section 4.1.2: paths', () => {
  test.each([
    ['<anna@example.org>', 'anna@example.org'],
    ['<Anna.B+news@Example.ORG>', 'Anna.B+news@Example.ORG'],
    ['<"anna b"@example.org>', '"anna b"@example.org'],
    ['<"anna"@example.org>', 'anna@example.org'],
    ['<"a\\"b"@example.org>', '"a\\"b"@example.org'],
    ['<"a>b@c"@example.org>', '"a>b@c"@example.org'],
    ['<""@example.org>', '""@example.org'],
    ['<@relay.example,@other.example:anna@example.org>', 'anna@example.org'],
    ['<anna@[192.0.2.1]>', 'anna@[192.0.2.1]'],
    ['<anna@[IPv6:2001:db8::1]>', 'anna@[IPv6:2001:db8::1]'],
    ['<postmaster>', 'postmaster'],
    ['<PostMaster>', 'PostMaster'],
    ['<müller@bücher.example>', 'müller@bücher.example'],
    ['<anna@host_name.example>', 'anna@host_name.example'],
    ['anna@example.org', 'anna@example.org'],
    ['<anna@localhost>', 'anna@localhost'],
  ])('%s', (text, expected) => {
    const path = parse(text)
    expect(path.mailbox?.text).toBe(expected)
    expect(path.end).toBe(text.length)
  })

  test('the null path', () => {
    expect(parse('<>')).toEqual({ mailbox: null, end: 2 })
  })

  test.each([
    ['<anna>', 'the domain'],
    ['<anna@>', 'the domain'],
    ['<@example.org>', 'source route'],
    ['<anna@example.org', 'closing >'],
    ['<.anna@example.org>', 'before the @'],
    ['<anna.@example.org>', 'before the @'],
    ['<an..na@example.org>', 'before the @'],
    ['<anna@example..org>', 'domain'],
    ['<anna@-example.org>', 'domain'],
    ['<anna@example.org.>', 'domain'],
    ['<an na@example.org>', 'before the @'],
    ['<anna@b@example.org>', 'domain'],
    ['<"anna@example.org>', 'closing quote'],
    ['<"anna"b@example.org>', 'must follow the quoted part'],
    ['<"an\u0001na"@example.org>', 'control'],
    ['<"anna\\', 'control'],
    ['<anna@[300.1.1.1]>', 'literal'],
    ['<anna@[1.2.3]>', 'literal'],
    ['<anna@[IPv6:zz]>', 'literal'],
    ['<anna@[IPv6:fe80::1%eth0]>', 'literal'],
    ['<anna@[192.0.2.1>', 'literal'],
    ['<@relay:anna', 'closing >'],
    ['<@relay,other:anna@example.org>', 'source route'],
    ['<anna@exa\u3002mple\u0000>', 'domain'],
    ['', 'missing'],
  ])('refuses %s', (text, reason) => {
    expect(() => parse(text)).toThrow(WireError)
    expect(() => parse(text)).toThrow(reason)
  })

  test('limits in octets: local part 64, domain 255, address 254', () => {
    const domain = 'example.org'
    expect(box(`${'a'.repeat(64)}@${domain}`).local).toHaveLength(64)
    expect(() => box(`${'a'.repeat(65)}@${domain}`)).toThrow('64')
    expect(() => box(`${'ü'.repeat(33)}@${domain}`)).toThrow('64')
    const label = 'a'.repeat(63)
    expect(() => box(`a@${label}.${label}.${label}.${label}`)).toThrow('254')
    expect(() => box(`a@${'b'.repeat(64)}.example`)).toThrow('domain')
    expect(box(`a@${label}.${label}.${label}.${'a'.repeat(60)}`).text).toHaveLength(254)
    expect(() => parse(`<${'a'.repeat(5000)}@example.org>`)).toThrow('too long')
  })

  test('a domain that maps to an IP address is none', () => {
    expect(() => box('a@１９２.０.２.１')).toThrow('domain')
  })
})

/** Texts near addresses: what a mutating attacker sends. */
const nearAddress = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<',
        '>',
        '@',
        '"',
        '\\',
        '.',
        ':',
        ',',
        '[',
        ']',
        ' ',
        'a',
        'IPv6:',
        'xn--',
        'ü',
        '。',
        '\u0000',
        '\r\n',
        '+',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

test('fuzz: the parser is total, and printing what it read reads the same', () => {
  fc.assert(
    fc.property(nearAddress, fc.boolean(), (text, bracket) => {
      let path
      try {
        path = parse(bracket ? `<${text}>` : text)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
        return
      }
      if (!path.mailbox) return
      const again = box(path.mailbox.text)
      expect(again).toEqual(path.mailbox)
      expect(path.mailbox.text).not.toMatch(/[\u0000-\u001f\u007f]/)
      expect(Buffer.byteLength(path.mailbox.text)).toBeLessThanOrEqual(254)
    }),
    { numRuns: 20_000 },
  )
})

test('long hostile texts take linear time', () => {
  const start = performance.now()
  for (const unit of ['a.', '"', '\\', '@a,', '<', 'ü', '[', '.'])
    for (let i = 0; i < 50; i++) {
      try {
        parse('<' + unit.repeat(2000).slice(0, 2040) + '@example.org>')
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }
  expect(performance.now() - start).toBeLessThan(2000)
})
