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

export function uuidArray(values: readonly (string | null)[]): Buffer {
  return encode(
    OID.uuid,
    values.length,
    (i) => (values[i] === null ? -1 : 16),
    (into, at, i) => {
      const text = values[i]!
      into.write(text.slice(0, 8), at, 'hex')
      into.write(text.slice(9, 13), at + 4, 'hex')
      into.write(text.slice(14, 18), at + 6, 'hex')
      into.write(text.slice(19, 23), at + 8, 'hex')
      into.write(text.slice(24), at + 10, 'hex')
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
