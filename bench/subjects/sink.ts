/** smtp-sink takes what it gets and counts it; the counters come on its output. */
import { spawn } from 'node:child_process'
import { findProgram } from '../../e2e/peers/needs.ts'
import { freePort, waitForPort } from '../../e2e/peers/processes.ts'

export interface Sink {
  port: number
  /** messages since it was made, also over switches */
  received(): number
  on(): Promise<void>
  off(): Promise<void>
}

export async function createSink(): Promise<Sink> {
  const port = await freePort()
  let before = 0
  let received = 0
  let child: ReturnType<typeof spawn> | null = null
  const sink: Sink = {
    port,
    received: () => before + received,
    async on() {
      const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
      child = spawn(findProgram('smtp-sink')!, ['-c', ...user, `127.0.0.1:${port}`, '1000'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const read = (chunk: Buffer): void => {
        for (const [, count] of chunk.toString().matchAll(/mesg=(\d+)/g)) received = Number(count)
      }
      child.stdout!.on('data', read)
      child.stderr!.on('data', read)
      await waitForPort(port)
    },
    async off() {
      const old = child
      child = null
      if (!old) return
      const ended = new Promise((resolve) => old.once('close', resolve))
      old.kill('SIGKILL')
      await ended
      before += received
      received = 0
    },
  }
  await sink.on()
  return sink
}
