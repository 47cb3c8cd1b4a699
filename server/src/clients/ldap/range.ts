/** A piece of an attribute with many values, as Active Directory names it (MS-ADTS 3.1.1.3.1.3.3): `member;range=0-1499`. */
export interface ValueRange {
  /** in lower case */
  name: string
  from: number
  /** it ends with `*`: nothing comes behind it */
  isLast: boolean
}

/** null: it is the attribute itself. */
export function rangeOf(type: string): ValueRange | null {
  const parts = /^([^;]+);range=(\d{1,9})-(\d{1,9}|\*)$/i.exec(type)
  return parts && { name: parts[1]!.toLowerCase(), from: Number(parts[2]), isLast: parts[3] === '*' }
}
