/**
 * xtext (RFC 3461 section 4) and the two forms of ORCPT addresses (RFC 3461 section 4.2, RFC 6533 section 3): bytes of
 * the command line ⇄ text. Decoded text never holds control characters, so that it may stand in a header of a DSN.
 * Failure: null; the caller names the parameter.
 */

const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/
const PLUS = /\+([0-9A-F]{2})/g
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/
const UNICODE_POINT = /\\x\{([0-9A-F]{2,6})\}/g
const NEEDS_ENCODING = /[^!-*,-<>-~]/g
/** What an address of type utf-8 must escape: RFC 6533 section 3, QCHAR is any of these left out. */
const UTF8_NEEDS_ENCODING = /[^!-*,-<>-[\]-~]/gu

/** xtext → text; null when it is not xtext or stands for anything but printable ASCII. */
export function decodeXtext(raw: string): string | null {
  if (!XTEXT.test(raw)) return null
  if (!raw.includes('+')) return raw
  const text = raw.replace(PLUS, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return /^[ -~]*$/.test(text) ? text : null
}

/** Printable ASCII → xtext. Anything else becomes `?`, which is what a relay that can't show it may do. */
export function encodeXtext(text: string): string {
  return text.replace(NEEDS_ENCODING, (char) => {
    const code = char.charCodeAt(0)
    if (code > 0x7f) return '?'
    return '+' + code.toString(16).toUpperCase().padStart(2, '0')
  })
}

/** The value of ORCPT → `type;address`, decoded; null when it is malformed. */
export function decodeOrcpt(raw: string): string | null {
  const semicolon = raw.indexOf(';')
  if (semicolon < 1) return null
  const type = raw.slice(0, semicolon).toLowerCase()
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(type)) return null
  const address = raw.slice(semicolon + 1)
  const decoded = type === 'utf-8' ? decodeUtf8Address(address) : decodeXtext(address)
  return decoded === null || decoded === '' ? null : `${type};${decoded}`
}

/** `type;address` → a value for ORCPT, always ASCII. */
export function encodeOrcpt(decoded: string): string {
  const semicolon = decoded.indexOf(';')
  const type = decoded.slice(0, semicolon)
  const address = decoded.slice(semicolon + 1)
  if (type !== 'utf-8') return `${type};${encodeXtext(address)}`
  const encoded = address.replace(
    UTF8_NEEDS_ENCODING,
    (char) => `\\x{${char.codePointAt(0)!.toString(16).toUpperCase().padStart(2, '0')}}`,
  )
  return `${type};${encoded}`
}

function decodeUtf8Address(raw: string): string | null {
  // Space, plus and equals may not stand for themselves; a backslash only begins \x{…}.
  if (/[ +=]/.test(raw)) return null
  const text = raw.replace(UNICODE_POINT, (_, hex: string) => {
    const point = parseInt(hex, 16)
    // A surrogate or a number beyond Unicode is refused with the control characters below.
    return point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? '\0' : String.fromCodePoint(point)
  })
  if (CONTROL.test(text)) return null
  return /\\(?!x\{)/.test(raw) || /\\x\{(?![0-9A-F]{2,6}\})/.test(raw) ? null : text
}
