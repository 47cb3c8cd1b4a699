/** What a subject costs: processor time and memory of whole families of processes, read from /proc. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { familyOf } from '../e2e/peers/processes.ts'

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

const membersOf = (roots: readonly number[]): number[] => [...new Set(roots.flatMap((root) => familyOf(root)))]

/** Seconds of processor time so far, ended children included once their parent has noticed. */
export function cpuSeconds(roots: readonly number[]): number {
  let ticks = 0
  for (const pid of membersOf(roots))
    try {
      // proc(5): after the command's name in brackets; utime, stime, cutime, cstime are fields 14 to 17
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
      for (const field of fields.slice(11, 15)) ticks += Number(field)
    } catch {
      // it ended meanwhile: its parent counts it
    }
  return ticks / TICKS
}

/** Proportional memory of these processes, megabytes: what is shared is counted once. */
export function pssMegabytes(pids: readonly number[]): number {
  let kilobytes = 0
  for (const pid of pids)
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    } catch {
      // it ended meanwhile
    }
  return kilobytes / 1024
}

/** The same of whole families. */
export const memoryMegabytes = (roots: readonly number[]): number => pssMegabytes(membersOf(roots))

/** Processor time of each process by its command line (PostgreSQL's say whom they serve), seconds so far. */
export function cpuByProcess(roots: readonly number[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const pid of membersOf(roots))
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
      const name = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim().slice(0, 70)
      sums.set(name, (sums.get(name) ?? 0) + (Number(fields[11]) + Number(fields[12])) / TICKS)
    } catch {
      // it ended meanwhile
    }
  return sums
}
