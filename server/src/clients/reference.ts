/**
 * One question to a reference host: does anything answer there? `host:port` is a connection, an https address any answer of
 * a web server with a valid certificate, whatever it says. Resolves when it answered, rejects with the reason.
 */
import { request } from 'node:https'
import type { Clock } from '../platform/clock.ts'
import { hostAndPort } from '../platform/net/references.ts'
import { dial } from './smtp/dial.ts'

export async function askReference(reference: string, timeoutMs: number, clock: Clock): Promise<void> {
  if (reference.startsWith('https:')) return askWeb(reference, timeoutMs)
  const { host, port } = hostAndPort(reference)
  const socket = await dial(host, port, { clock, timeoutMs })
  socket.destroy()
}

function askWeb(url: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'HEAD', agent: false, signal: AbortSignal.timeout(timeoutMs) }, (answer) => {
      answer.destroy()
      resolve()
    })
    asked.on('error', (error) => reject(new Error(`${url}: ${error.message}`)))
    asked.end()
  })
}
