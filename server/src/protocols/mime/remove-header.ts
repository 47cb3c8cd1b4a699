/** Taking header fields out of a message without touching any other octet: Bcc before it leaves (RFC 5322 section 3.6.3). */

/** Where the header section ends: the index just behind its empty line, or the whole length. */
export function headerEnd(bytes: Buffer): number {
  let at = 0
  while (at < bytes.length) {
    const lf = bytes.indexOf(0x0a, at)
    if (lf < 0) return bytes.length
    if (lf === at || (lf === at + 1 && bytes[at] === 0x0d)) return lf + 1
    at = lf + 1
  }
  return bytes.length
}

/** Behind the field at `at`, with the lines folded onto it. */
function fieldEnd(bytes: Buffer, at: number, end: number): number {
  let next = at
  do {
    const lf = bytes.indexOf(0x0a, next)
    next = lf < 0 || lf >= end ? end : lf + 1
  } while (next < end && (bytes[next] === 0x20 || bytes[next] === 0x09))
  return next
}

/** Without the fields that are `unwanted`, given the name in lower case and what stands behind the colon. */
export function removeFields(bytes: Buffer, unwanted: (name: string, value: () => string) => boolean): Buffer {
  const end = headerEnd(bytes)
  const kept: Buffer[] = []
  let from = 0
  /** the first one that is not behind us; looked for once, for lines without one may be many and the body large */
  let colon = -1
  for (let at = 0; at < end;) {
    const next = fieldEnd(bytes, at, end)
    if (colon < at) colon = bytes.indexOf(0x3a, at)
    if (colon < 0) break
    if (colon < next) {
      const value = colon + 1
      const name = bytes.toString('latin1', at, colon).trim().toLowerCase()
      if (unwanted(name, () => bytes.toString('latin1', value, next))) {
        kept.push(bytes.subarray(from, at))
        from = next
      }
    }
    at = next
  }
  return kept.length === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(from)])
}
