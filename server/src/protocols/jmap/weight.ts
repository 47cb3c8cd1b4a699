/**
 * How much a value would be as JSON, about, and a budget for it. References make it cheap to ask for much: a few calls
 * that refer to each other ten times each would grow to gigabytes, so what a reference brings is paid for each time.
 */

export interface Budget {
  /** octets, about */
  left: number
}

/** Octets of the value as JSON, about; stops counting above `most`, with Infinity. */
export function weigh(value: unknown, most = Infinity): number {
  const stack: unknown[] = [value]
  let sum = 0
  while (stack.length > 0) {
    const one = stack.pop()
    sum += 8
    if (typeof one === 'string') sum += one.length
    else if (Array.isArray(one)) for (const item of one) stack.push(item)
    else if (typeof one === 'object' && one !== null)
      for (const [key, item] of Object.entries(one)) {
        sum += key.length
        stack.push(item)
      }
    if (sum > most || stack.length * 8 > most) return Infinity
  }
  return sum
}

/** False: it does not fit, and nothing more does. */
export function spend(budget: Budget, value: unknown): boolean {
  budget.left -= weigh(value, budget.left)
  return budget.left >= 0
}
