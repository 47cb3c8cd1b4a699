/** Which process this is, beyond its pid: pids are used again, a pid with its start time and boot is not. */
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  pid: number
  /** clock ticks since boot at which it started (proc(5), field 22 of /proc/PID/stat) */
  started: string
  boot: string
}

function startTicks(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : fields[19]!
  } catch {
    return null
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, started: startTicks(process.pid) ?? '', boot: bootId() }
}

/** Is that very process still running on this machine? */
export function isRunning(identity: ProcessIdentity): boolean {
  return identity.boot === bootId() && startTicks(identity.pid) === identity.started
}
