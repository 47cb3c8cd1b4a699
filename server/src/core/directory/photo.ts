/**
 * Photos of people: JPEG or PNG, small, and nothing in them but the picture. What a camera or a program wrote beside it
 * (places, names, thumbnails, what follows the end) is left out, so that nobody publishes more than a face and no file is
 * two things at once.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const MOST_PHOTO_BYTES = 100 * 1024
/** Pixels of a side: a small file may claim to be a huge picture. */
const MOST_SIDE = 2048

export interface Photo {
  type: 'image/jpeg' | 'image/png'
  bytes: Buffer
  /** of the bytes as they are kept, hexadecimal */
  digest: string
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const PNG_KEPT = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND', 'gAMA', 'sRGB', 'cHRM'])

const isSide = (pixels: number): boolean => pixels > 0 && pixels <= MOST_SIDE

function plainPng(bytes: Buffer): Buffer | null {
  const kept: Buffer[] = [PNG]
  const seen = new Set<string>()
  for (let at = PNG.length; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at)
    const end = at + 12 + length
    if (end > bytes.length) return null
    const name = bytes.toString('latin1', at + 4, at + 8)
    if (seen.size === 0) {
      if (name !== 'IHDR' || length !== 13) return null
      if (!isSide(bytes.readUInt32BE(at + 8)) || !isSide(bytes.readUInt32BE(at + 12))) return null
    } else if (name === 'IHDR') return null
    if (crc32(Uint8Array.from(bytes.subarray(at + 4, end - 4))) !== bytes.readUInt32BE(end - 4)) return null
    seen.add(name)
    if (PNG_KEPT.has(name)) kept.push(bytes.subarray(at, end))
    // An essential chunk that we do not know: not a plain picture.
    else if (/^[A-Z]/.test(name)) return null
    if (name === 'IEND') return seen.has('IDAT') ? Buffer.concat(kept) : null
    at = end
  }
  return null
}

/** Frame headers (ITU-T T.81 table B.1): SOF0 to SOF2 are what browsers show. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xc2
const isStandalone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)
/** Tables and headers of the picture; APP0 (JFIF), APP2 (colours) and APP14 (how colours are coded) change how it looks. */
const isKept = (marker: number): boolean =>
  isFrame(marker) || [0xc4, 0xdb, 0xdd, 0xda, 0xe0, 0xe2, 0xee].includes(marker)

/** Where the next marker that is none of the scan's own begins. */
function scanEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1]!
    if (next !== 0x00 && next !== 0xff && !isStandalone(next)) return at
  }
  return -1
}

function plainJpeg(bytes: Buffer): Buffer | null {
  const kept = [bytes.subarray(0, 2)]
  let frames = 0
  let scans = 0
  for (let at = 2; at + 2 <= bytes.length;) {
    if (bytes[at] !== 0xff) return null
    const marker = bytes[at + 1]!
    if (marker === 0xff) {
      at++
      continue
    }
    if (marker === 0xd9) {
      kept.push(bytes.subarray(at, at + 2))
      return frames === 1 && scans > 0 ? Buffer.concat(kept) : null
    }
    if (at + 4 > bytes.length) return null
    const length = bytes.readUInt16BE(at + 2)
    const end = at + 2 + length
    if (length < 2 || end > bytes.length) return null
    if (isFrame(marker)) {
      if (++frames > 1 || length < 8) return null
      if (!isSide(bytes.readUInt16BE(at + 5)) || !isSide(bytes.readUInt16BE(at + 7))) return null
    }
    if (marker === 0xda) {
      if (frames === 0) return null
      scans++
      const over = scanEnd(bytes, end)
      if (over < 0) return null
      kept.push(bytes.subarray(at, over))
      at = over
      continue
    }
    if (isKept(marker)) kept.push(bytes.subarray(at, end))
    else if (marker !== 0xfe && !(marker >= 0xe0 && marker <= 0xef)) return null
    at = end
  }
  return null
}

/** null: too large, or not plainly a JPEG or PNG. */
export function safePhoto(bytes: Buffer): Photo | null {
  if (bytes.length > MOST_PHOTO_BYTES) return null
  const isPng = bytes.subarray(0, PNG.length).equals(PNG)
  const isJpeg = bytes.length > 4 && bytes[0] === 0xff && bytes[1] === 0xd8
  const plain = isPng ? plainPng(bytes) : isJpeg ? plainJpeg(bytes) : null
  if (plain === null) return null
  const digest = createHash('sha256').update(plain).digest('hex')
  return { type: isPng ? 'image/png' : 'image/jpeg', bytes: plain, digest }
}
