/** The load: smtp-source, a connection for each message, as strangers send. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findProgram } from '../e2e/peers/needs.ts'
import { sleep } from '../e2e/peers/processes.ts'
import { PEOPLE, personOf } from './subjects/subject.ts'

const run = promisify(execFile)
const SENDER = 'sender@outside.test'
const PATIENCE = 240_000

export interface Load {
  port: number
  messages: number
  size: number
  sessions: number
  recipients?: number
  to: string
}

/** Resolves when every message has its 250; throws when one is refused. Returns seconds. */
export async function pour(load: Load): Promise<number> {
  const from = performance.now()
  const args = ['-s', load.sessions, '-m', load.messages, '-l', load.size, '-f', SENDER, '-t', load.to]
  if (load.recipients !== undefined && load.recipients > 1) args.push('-r', load.recipients)
  await run(findProgram('smtp-source')!, [...args, `127.0.0.1:${load.port}`].map(String), { timeout: PATIENCE })
  return (performance.now() - from) / 1000
}

/** The same for many people of a domain, `sessions` of them at once. Returns seconds. */
export async function pourToMany(load: Omit<Load, 'to' | 'recipients'>, domain: string): Promise<number> {
  const from = performance.now()
  const each = Math.ceil(load.messages / PEOPLE)
  // A shell for each lane, so that starting the next program costs as little as it can.
  const lanes = Array.from({ length: load.sessions }, (_, lane) => {
    const commands: string[] = []
    for (let n = lane; n < PEOPLE; n += load.sessions) {
      const messages = Math.min(each, load.messages - n * each)
      const to = `${personOf(n)}@${domain}`
      if (messages > 0)
        commands.push(
          `${findProgram('smtp-source')!} -s 1 -m ${messages} -l ${load.size} -f ${SENDER} -t ${to} 127.0.0.1:${load.port}`,
        )
    }
    return commands.join(' && ')
  })
  await Promise.all(lanes.map((commands) => run('sh', ['-c', commands || 'true'], { timeout: PATIENCE })))
  return (performance.now() - from) / 1000
}

/** Waits until `received` has reached `wanted`; throws after two minutes without any progress. */
export async function arrived(received: () => number, wanted: number, whose: string): Promise<void> {
  const left = await missing(received, wanted, 120_000)
  if (left > 0) throw new Error(`${whose}: ${left} messages never came to the sink`)
}

/** The same; after `patience` milliseconds without any progress it says how many are missing. */
export async function missing(received: () => number, wanted: number, patience: number): Promise<number> {
  let last = received()
  let since = performance.now()
  while (received() < wanted) {
    if (received() !== last) {
      last = received()
      since = performance.now()
    }
    if (performance.now() - since > patience) return wanted - received()
    await sleep(4)
  }
  return 0
}
