/** The form of header and body that is signed: `relaxed` (RFC 6376 sections 3.4.2 and 3.4.4). */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

const LF = 0x0a
const CR = 0x0d
/** The body is hashed in steps of this; what else the server does goes on between them. */
const STEP = 262_144
/** What gathers before it is hashed. */
const OUT = 16_384

/** A field as it is written, one character per octet, without its last CRLF. */
export function relaxedField(name: string, value: string): string {
  return `${name.trim().toLowerCase()}:${value
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .trim()}`
}

export interface BodyHash {
  write(chunk: Buffer): void
  /** base64; call once, when the body is over */
  digest(): string
}

/** SHA-256 of a body that comes in pieces, whose lines end in CRLF. */
export function createBodyHash(): BodyHash {
  const hash = createHash('sha256')
  const out = Buffer.allocUnsafe(OUT)
  let filled = 0
  const put = (octet: number): void => {
    out[filled++] = octet
    if (filled < OUT) return
    hash.update(out)
    filled = 0
  }
  let blank = false
  let isEmpty = true
  /** line ends that count once something follows them: empty lines at the end do not */
  let lines = 0
  return {
    write(chunk) {
      for (let i = 0; i < chunk.length; i++) {
        const octet = chunk[i]!
        if (octet === 0x20 || octet === 0x09) blank = true
        else if (octet === LF) {
          lines++
          blank = false
        } else if (octet !== CR) {
          for (; lines > 0; lines--) {
            put(CR)
            put(LF)
          }
          if (blank) put(0x20)
          blank = false
          isEmpty = false
          put(octet)
        }
      }
    },
    digest() {
      if (!isEmpty) {
        put(CR)
        put(LF)
      }
      return hash.update(out.subarray(0, filled)).digest('base64')
    },
  }
}

/** The same of a body that is all there. */
export async function relaxedBodyHash(body: Buffer): Promise<string> {
  const hash = createBodyHash()
  for (let start = 0; start < body.length; start += STEP) {
    if (start > 0) await setImmediate()
    hash.write(body.subarray(start, start + STEP))
  }
  return hash.digest()
}
