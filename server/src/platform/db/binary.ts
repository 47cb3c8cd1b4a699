/**
 * PostgreSQL arrays in binary wire format. node-pg writes arrays of Buffers as hex text, which costs the server three
 * times the CPU; a Buffer parameter goes out as binary, so arrays are encoded here and cast in SQL ($1::uuid[]).
 * Format (src/backend/utils/adt/arrayfuncs.c, array_recv): ndim, flags, element oid, length, lower bound, elements.
 */
const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const

/** 2000-01-01, the database's own epoch, in milliseconds. */
const PG_EPOCH_MS = 946_684_800_000

function encode(
  oid: number,
  count: number,
  sizes: (i: number) => number,
  write: (into: Buffer, at: number, i: number) => void,
): Buffer {
  if (count === 0) {
    const empty = Buffer.alloc(12)
    empty.writeInt32BE(oid, 8)
    return empty
  }
  let total = 20
  let nulls = 0
  for (let i = 0; i < count; i++) {
    const size = sizes(i)
    if (size < 0) nulls = 1
    total += 4 + (size < 0 ? 0 : size)
  }
  const out = Buffer.allocUnsafe(total)
  out.writeInt32BE(1, 0)
  out.writeInt32BE(nulls, 4)
  out.writeInt32BE(oid, 8)
  out.writeInt32BE(count, 12)
  out.writeInt32BE(1, 16)
  let at = 20
  for (let i = 0; i < count; i++) {
    const size = sizes(i)
    out.writeInt32BE(size, at)
    at += 4
    if (size < 0) continue
    write(out, at, i)
    at += size
  }
  return out
}

/** Value of a lower-case hexadecimal digit by its character code; -1: none. */
const DIGIT = new Int8Array(128).fill(-1)
for (let i = 0; i < 16; i++) DIGIT[i.toString(16).charCodeAt(0)] = i

/** The sixteen octets of a canonical uuid; throws RangeError for anything else. Some twenty of them go with each message. */
function writeUuid(text: string, into: Buffer, at: number): void {
  if (text.length !== 36) throw new RangeError(`not an id: ${text}`)
  let flaw = 0
  for (let i = 0; i < 36;) {
    // the dashes stand before digits 9, 13, 17 and 21
    if (i === 8 || i === 13 || i === 18 || i === 23) i++
    const high = DIGIT[text.charCodeAt(i)]!
    const low = DIGIT[text.charCodeAt(i + 1)]!
    flaw |= high | low
    into[at++] = (high << 4) | low
    i += 2
  }
  if (flaw < 0) throw new RangeError(`not an id: ${text}`)
}

export function uuidArray(values: readonly (string | null)[]): Buffer {
  return encode(
    OID.uuid,
    values.length,
    (i) => (values[i] === null ? -1 : 16),
    (into, at, i) => {
      // Most arrays name the same organisation or message again and again.
      if (i > 0 && values[i] === values[i - 1]) into.copyWithin(at, at - 20, at - 4)
      else writeUuid(values[i]!, into, at)
    },
  )
}

export function byteaArray(values: readonly (Buffer | null)[]): Buffer {
  return encode(
    OID.bytea,
    values.length,
    (i) => values[i]?.length ?? -1,
    (into, at, i) => void values[i]!.copy(into, at),
  )
}

/** Text must be valid UTF-16 without NUL: PostgreSQL refuses NUL, and the refusal would fail the whole batch. */
export function textArray(values: readonly (string | null)[]): Buffer {
  return encode(
    OID.text,
    values.length,
    (i) => (values[i] === null || values[i] === undefined ? -1 : Buffer.byteLength(values[i])),
    (into, at, i) => void into.write(values[i]!, at),
  )
}

export function int2Array(values: readonly number[]): Buffer {
  return encode(
    OID.int2,
    values.length,
    () => 2,
    (into, at, i) => void into.writeInt16BE(values[i]!, at),
  )
}

export function int4Array(values: readonly number[]): Buffer {
  return encode(
    OID.int4,
    values.length,
    () => 4,
    (into, at, i) => void into.writeInt32BE(values[i]!, at),
  )
}

export function int8Array(values: readonly number[]): Buffer {
  return encode(
    OID.int8,
    values.length,
    () => 8,
    (into, at, i) => void into.writeBigInt64BE(BigInt(values[i]!), at),
  )
}

export function boolArray(values: readonly boolean[]): Buffer {
  return encode(
    OID.bool,
    values.length,
    () => 1,
    (into, at, i) => void into.writeUInt8(values[i] ? 1 : 0, at),
  )
}

/** Times in milliseconds since the epoch; Infinity is PostgreSQL's 'infinity'. */
export function timestamptzArray(values: readonly (number | null)[]): Buffer {
  return encode(
    OID.timestamptz,
    values.length,
    (i) => (values[i] === null ? -1 : 8),
    (into, at, i) => {
      const ms = values[i]!
      into.writeBigInt64BE(ms === Infinity ? 0x7fffffffffffffffn : BigInt(Math.round((ms - PG_EPOCH_MS) * 1000)), at)
    },
  )
}
