/**
 * Octets to text. Labels come from strangers: an unknown or wrong one never throws; the text is then read as UTF-8 where
 * it is valid UTF-8, else as windows-1252 (every octet has a meaning there). Labels follow the WHATWG Encoding
 * Standard through Node's own TextDecoder.
 */
const utf8 = new TextDecoder('utf-8', { fatal: true })
const western = new TextDecoder('windows-1252')

type Decoder = InstanceType<typeof TextDecoder>
const known = new Map<string, Decoder | null>()

function decoderFor(label: string): Decoder | null {
  const name = label.trim().toLowerCase().slice(0, 60)
  let decoder = known.get(name)
  if (decoder === undefined) {
    try {
      decoder = new TextDecoder(name)
    } catch {
      decoder = null
    }
    if (known.size < 500) known.set(name, decoder)
  }
  return decoder
}

/** Octets without a (believable) charset. */
export function decodeOctets(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    return western.decode(bytes)
  }
}

export interface DecodedText {
  text: string
  /** the charset was not known, or octets did not fit it (RFC 8621 section 4.1.4, isEncodingProblem) */
  problem: boolean
}

export function decodeCharset(bytes: Uint8Array, charset: string | null): DecodedText {
  const label = charset?.trim().toLowerCase() ?? ''
  if (label === '' || label === 'us-ascii' || label === 'ascii' || label === 'utf-8' || label === 'utf8') {
    try {
      return { text: utf8.decode(bytes), problem: false }
    } catch {
      // Declared UTF-8 but cut or wrong: keep what is right. Undeclared: most likely an old western mailer.
      if (label.startsWith('utf')) return { text: decoderFor('utf-8')!.decode(bytes), problem: true }
      return { text: western.decode(bytes), problem: label !== '' }
    }
  }
  const decoder = decoderFor(label)
  if (!decoder) return { text: decodeOctets(bytes), problem: true }
  const text = decoder.decode(bytes)
  return { text, problem: text.includes('\ufffd') }
}
