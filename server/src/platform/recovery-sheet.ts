/**
 * The master key on paper: 32 bytes as four lines of Crockford's base32 in groups of four, each line with a check
 * character, so that a line typed wrong is named. Letters that look like digits are read as those digits.
 */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const LINE_BYTES = 8
const LINES = 4

/** 8 bytes = 64 bits = 13 characters (the last carries 4 bits). */
function encodeLine(bytes: Buffer): string {
  let bits = bytes.readBigUInt64BE() << 1n
  let out = ''
  for (let i = 0; i < 13; i++) {
    out = ALPHABET[Number(bits & 31n)]! + out
    bits >>= 5n
  }
  return out
}

/** A weighted sum over the prime 31 finds any one wrong character (but 0 for Z) and any two neighbours swapped. */
function check(line: number, chars: string): string {
  let sum = line
  for (let i = 0; i < chars.length; i++) sum += (i + 2) * ALPHABET.indexOf(chars[i]!)
  return ALPHABET[sum % 31]!
}

export function sheetLines(key: Buffer): string[] {
  return Array.from({ length: LINES }, (_, i) => {
    const chars = encodeLine(key.subarray(i * LINE_BYTES, (i + 1) * LINE_BYTES))
    const all = chars + check(i + 1, chars)
    return `${i + 1}:  ${all.replace(/(.{4})(?=.)/g, '$1 ')}`
  })
}

const plain = (text: string): string => text.replace(/[\s-]/g, '')

/**
 * The four lines as typed. A line that says its number (`2: …`, `2 …`) is that line; others count in their order. What
 * else stands on the sheet is no such line: it has other signs, or another length by far.
 */
function typedLines(text: string): (string | undefined)[] {
  const found: (string | undefined)[] = Array.from({ length: LINES }, () => undefined)
  const unnumbered: string[] = []
  for (const line of text.split('\n')) {
    const [, number, rest] =
      /^\s*([1-4])\s*[:.)]\s*(.+)$/.exec(line) ??
      (plain(line).length === 15 ? (/^\s*([1-4])\s+(.+)$/.exec(line) ?? []) : [])
    if (number !== undefined) found[Number(number) - 1] ??= rest
    else if (/^[0-9A-Z\s-]+$/i.test(line) && plain(line).length >= 10 && plain(line).length <= 18) unnumbered.push(line)
  }
  return found.map((line) => line ?? unnumbered.shift())
}

/** The key from what somebody typed off the sheet, with or without line numbers; throws a sentence that names the wrong line. */
export function keyFromSheet(text: string): Buffer {
  const parts: Buffer[] = []
  for (const [index, line] of typedLines(text).entries()) {
    const number = index + 1
    if (line === undefined) throw new Error(`Line ${number} of the recovery sheet is missing`)
    const chars = plain(line).toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1').replaceAll('U', 'V')
    const body = chars.slice(0, 13)
    const wrong = new Error(`Line ${number} of the recovery sheet has a typing mistake`)
    if (chars.length !== 14 || !/^[0-9A-HJKMNP-TV-Z]+$/.test(chars) || check(number, body) !== chars[13]) throw wrong
    let bits = 0n
    for (const char of body) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(char))
    if ((bits & 1n) !== 0n || bits >> 65n !== 0n) throw wrong
    const part = Buffer.alloc(LINE_BYTES)
    part.writeBigUInt64BE(bits >> 1n)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** Which installation's sheet it is, and of when. */
export interface SheetOf {
  hostname: string
  fingerprint: string
  now: number
}

export function sheetText(key: Buffer, of: SheetOf): string {
  return [
    'HOLDFAST RECOVERY SHEET',
    '',
    `    Host:             ${of.hostname}`,
    `    Printed:          ${new Date(of.now).toISOString().slice(0, 10)}`,
    `    Key fingerprint:  ${of.fingerprint}`,
    '',
    "This is the installation's master key. It opens the stored credentials and signing keys. The fingerprint is the one",
    'that "holdfast doctor" shows, and that every export has in its manifest.json (keyFingerprint).',
    'Print this page, put it in a safe, and keep no copy in mail or on a shared disk.',
    '',
    ...sheetLines(key).map((line) => `    ${line}`),
    '',
    'To restore: write these four lines into a file (with or without their numbers), then run',
    '    holdfast doctor --restore-master-key FILE --data DIR',
    'The last character of each line is a check: a line typed wrong is named.',
    '',
  ].join('\n')
}
