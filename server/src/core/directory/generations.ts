/**
 * A bounded cache of two generations: what was asked for lately survives, what was not is dropped with its generation.
 * Cheaper per hit than a list of use, and never holds more than `most` entries however many strangers are asked about.
 */
export interface BoundedCache<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
  delete(key: string): void
  clear(): void
  size(): number
}

export function boundedCache<T>(most: number): BoundedCache<T> {
  const half = Math.max(1, Math.floor(most / 2))
  let young = new Map<string, T>()
  let old = new Map<string, T>()
  const put = (key: string, value: T): void => {
    if (young.size >= half && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get(key) {
      const recent = young.get(key)
      if (recent !== undefined) return recent
      const found = old.get(key)
      if (found !== undefined) put(key, found)
      return found
    },
    set: put,
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
    clear() {
      young = new Map()
      old = new Map()
    },
    size: () => young.size + old.size,
  }
}
