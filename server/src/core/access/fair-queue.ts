/** Places in a queue, one for each key in every round: who comes with a thousand does not come before the others. */
export interface FairQueue<T> {
  readonly size: number
  add(key: string, item: T): void
  /** The next one. */
  take(): T | undefined
  remove(key: string, item: T): void
  /** Takes the latest of the key that has the most: where there is no room it is not the single one who goes. */
  drop(): T | undefined
}

export function createFairQueue<T>(): FairQueue<T> {
  /** in the order of their turns */
  const lists = new Map<string, T[]>()
  let size = 0

  function shorten(key: string, list: T[], item: T | undefined, isTurn: boolean): T | undefined {
    size--
    if (list.length === 0 || isTurn) lists.delete(key)
    if (list.length > 0 && isTurn) lists.set(key, list)
    return item
  }

  return {
    get size() {
      return size
    },
    add(key, item) {
      size++
      const list = lists.get(key)
      if (list) list.push(item)
      else lists.set(key, [item])
    },
    take() {
      const [first] = lists
      return first && shorten(first[0], first[1], first[1].shift(), true)
    },
    remove(key, item) {
      const list = lists.get(key)
      const at = list?.indexOf(item) ?? -1
      if (at >= 0) shorten(key, list!, list!.splice(at, 1)[0], false)
    },
    drop() {
      let most: [string, T[]] | undefined
      for (const entry of lists) if (!most || entry[1].length >= most[1].length) most = entry
      return most && shorten(most[0], most[1], most[1].pop(), false)
    },
  }
}
