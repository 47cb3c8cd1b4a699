/** How many files and connections this process may have open. Node itself raises the soft limit to the hard one. */
import { readFileSync } from 'node:fs'

/** Infinity where it cannot be told. `limits`: as proc(5) writes /proc/PID/limits. */
export function openFileLimit(limits = '/proc/self/limits'): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(limits, 'utf8'))?.[1]
    return soft === undefined ? Infinity : Number(soft)
  } catch {
    return Infinity
  }
}
