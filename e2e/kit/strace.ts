/**
 * System calls of a running server and its database in the order in which the kernel saw them: one strace over all of
 * their threads and processes writes one file. A call is an interval from its entry to its return; A precedes B when A
 * returned before B was entered.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { familyOf, sleep, until } from '../peers/processes.ts'

export interface SystemCall {
  pid: number
  name: string
  /** arguments as strace prints them, with -y: file descriptors carry their paths */
  args: string
  /** line numbers of the trace */
  entered: number
  returned: number
  ok: boolean
}

const watched =
  'write,writev,pwrite64,pwritev,sendto,sendmsg,fdatasync,fsync,rename,renameat,renameat2,link,linkat,io_uring_enter'

export function parseTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = []
  const open = new Map<string, SystemCall>()
  text.split('\n').forEach((line, index) => {
    const resumed = /^(\d+)\s+<\.\.\. (\w+) resumed>(.*)$/s.exec(line)
    if (resumed) {
      const call = open.get(`${resumed[1]} ${resumed[2]}`)
      if (!call) return
      open.delete(`${resumed[1]} ${resumed[2]}`)
      call.returned = index
      call.ok = !/= -1 E/.test(resumed[3]!)
      return
    }
    const begun = /^(\d+)\s+(\w+)\((.*)$/s.exec(line)
    if (!begun) return
    const [, pid, name, rest] = begun as unknown as [string, string, string, string]
    const unfinished = rest.includes('<unfinished ...>')
    const call: SystemCall = {
      pid: Number(pid),
      name,
      args: rest,
      entered: index,
      returned: unfinished ? Infinity : index,
      ok: !/= -1 E/.test(rest),
    }
    calls.push(call)
    if (unfinished) open.set(`${pid} ${name}`, call)
  })
  return calls
}

/** Traces while `work` runs. Throws when strace may not attach. */
export async function traceWhile(
  pids: readonly number[],
  file: string,
  work: () => Promise<void>,
): Promise<SystemCall[]> {
  const all = [...new Set(pids.flatMap(familyOf))]
  const args = [
    '-f',
    '-qq',
    '-y',
    // one write of the log can be as long as PostgreSQL's buffers for it (4 MB)
    '-s',
    '5000000',
    '-e',
    `trace=${watched}`,
    '-o',
    file,
    ...all.flatMap((pid) => ['-p', String(pid)]),
  ]
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  strace.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const ended = new Promise((resolve) => strace.once('close', resolve))
  const traced = (): boolean =>
    all.every((pid) => readFileSync(`/proc/${pid}/status`, 'utf8').includes(`TracerPid:\t${strace.pid}`))
  try {
    await until(
      'strace to attach',
      () => (complaint.includes('ptrace') ? Promise.reject(new Error(complaint)) : traced()),
      10_000,
    )
    await sleep(100)
    await work()
    await sleep(200)
  } finally {
    strace.kill('SIGINT')
    await ended
  }
  return parseTrace(readFileSync(file, 'utf8'))
}
