/**
 * Sessions that have said EHLO and then nothing: the memory of the whole family of processes with them (what one more costs
 * cannot be told from outside: garbage hides it here, processes that stay for a while there), and the rate of ordinary mail
 * beside them.
 */
import { connect, type Socket } from 'node:net'
import { sleep } from '../../e2e/peers/processes.ts'
import { arrived, pour } from '../load.ts'
import { memoryMegabytes } from '../meter.ts'
import type { Subject } from '../subjects/subject.ts'

export interface IdleScene {
  sessions: number
  /** the ordinary mail */
  messages: number
  size: number
  senders: number
}

/** Resolves when EHLO has been answered. */
const openIdle = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let said = ''
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      const isFirst = said === ''
      said += chunk.toString('latin1')
      if (isFirst && said.startsWith('220')) socket.write('EHLO idle.test\r\n')
      else if (/^250 [^\r\n]*\r\n/m.test(said)) resolve(socket)
      else if (/^4/m.test(said)) reject(new Error(`an idle session was answered ${said}`))
    })
  })

export async function idleOnce(
  subject: Subject,
  sink: { received(): number },
  to: string,
  scene: IdleScene,
): Promise<Record<string, number>> {
  const rate = async (): Promise<number> => {
    const wanted = sink.received() + scene.messages
    const from = performance.now()
    await pour({
      messages: scene.messages,
      size: scene.size,
      sessions: scene.senders,
      port: subject.port,
      to,
    })
    await arrived(() => sink.received(), wanted, subject.name)
    return scene.messages / ((performance.now() - from) / 1000)
  }
  const alone = await rate()
  await sleep(500)
  const idle: Socket[] = []
  try {
    while (idle.length < scene.sessions)
      idle.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(20, scene.sessions - idle.length) }, () => openIdle(subject.port)),
        )),
      )
    await sleep(500)
    const memoryMb = memoryMegabytes(subject.roots())
    const deliveredPerSecond = await rate()
    if (idle.some((socket) => socket.destroyed || socket.readableEnded))
      throw new Error(`${subject.name}: an idle session was ended meanwhile`)
    return {
      memoryMb,
      deliveredPerSecond,
      besideAlone: deliveredPerSecond / alone,
    }
  } finally {
    for (const socket of idle) socket.destroy()
  }
}
