/** The bytes of a file as text: UTF-8 where it is that, UTF-16 where its mark says so, else Windows-1252 (spreadsheets). */

/** A file that cannot be read as a whole: nothing of it is used. */
export class ListError extends Error {
  constructor(text: string) {
    super(text)
    this.name = 'ListError'
  }
}

export const MOST_BYTES = 32 * 1024 * 1024

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'

function encodingOf(bytes: Buffer): Encoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return 'utf-8'
  } catch {
    const loose = new TextDecoder('utf-8').decode(bytes)
    const wrong = loose.match(/\ufffd/g)?.length ?? 0
    const right = loose.match(/[^\u0000-\u007f\ufffd]/gu)?.length ?? 0
    // Read as Windows-1252 every name with an accent would change.
    if (right >= wrong)
      throw new ListError('The file is UTF-8, but broken in places; most likely it was cut off. Nothing of it is used.')
    return 'windows-1252'
  }
}

/** 0x80 to 0x9f of Windows-1252; Node's decoder of that name reads Latin-1, which has controls there. */
const HIGH = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

const windows1252 = (bytes: Buffer): string =>
  bytes.toString('latin1').replace(/[\u0080-\u009f]/g, (letter) => HIGH[letter.charCodeAt(0) - 0x80]!)

export function decode(bytes: Buffer): { text: string; encoding: Encoding } {
  if (bytes.length > MOST_BYTES) throw new ListError(`The file is larger than ${MOST_BYTES / 1024 / 1024} MB.`)
  const encoding = encodingOf(bytes)
  // The mark at the beginning is no part of the first heading: the decoder takes it off.
  const text = encoding === 'windows-1252' ? windows1252(bytes) : new TextDecoder(encoding).decode(bytes)
  if (text.includes('\0')) throw new ListError('The file is not text. Save it as CSV (UTF-8), not as a workbook.')
  if (text.trim() === '') throw new ListError('The file is empty.')
  return { text, encoding }
}

const SEPARATORS = [';', ',', '\t'] as const

/** What separates cells, by the first line that says something; a spreadsheet may say it itself (`sep=;`). */
export function separatorOf(text: string): { separator: string; skip: number } {
  const said = /^sep=([;,\t])\r?\n/i.exec(text)
  if (said) return { separator: said[1]!, skip: said[0].length }
  const counts = new Map<string, number>(SEPARATORS.map((one) => [one, 0]))
  let isQuoted = false
  let hasText = false
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!
    if (letter === '"') isQuoted = !isQuoted
    if (isQuoted) continue
    if ((letter === '\n' || letter === '\r') && hasText) break
    if (counts.has(letter)) counts.set(letter, counts.get(letter)! + 1)
    else if (letter.trim() !== '') hasText = true
  }
  const [best] = [...counts].sort((a, b) => b[1] - a[1])
  return { separator: best![1] > 0 ? best![0] : ',', skip: 0 }
}
