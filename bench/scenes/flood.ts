/**
 * One sender with far more connections than `smtp.connectionsPerAddress` allows, which it opens and keeps, and comes again
 * for those that are turned away: the trickle of others before and meanwhile, with every connection limit as it is by
 * default.
 */
import { connect, type Socket } from 'node:net'
import { sleep } from '../../e2e/peers/processes.ts'
import { trickle, type Latency } from '../client/trickle.ts'
import { startHoldfast, type HoldfastSubject } from '../subjects/holdfast.ts'
import { recipient } from '../subjects/subject.ts'
import { createTimedSink } from '../subjects/timed-sink.ts'

export interface FloodScene {
  connections: number
  size: number
  perSecond: number
  seconds: number
}

export interface FloodFigures {
  before: Latency
  during: Latency
  ratio: number
  /** of the flood: sessions it had at most, and how often it was told 421 */
  sessions: number
  turnedAway: number
}

const FLOODER = '127.0.0.9'
const AGAIN_MS = 1000

interface Flood {
  sessions(): number
  turnedAway(): number
  stop(): void
}

function flood(port: number, connections: number): Flood {
  const sockets = new Set<Socket>()
  let stopped = false
  let open = 0
  let most = 0
  let turnedAway = 0
  const hold = (): void => {
    if (stopped) return
    const socket = connect({ port, host: '127.0.0.1', localAddress: FLOODER })
    let greeted = false
    sockets.add(socket)
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      if (!greeted && text.startsWith('220')) {
        greeted = true
        most = Math.max(most, ++open)
        socket.write('EHLO flood.test\r\n')
      } else if (text.startsWith('421')) turnedAway++
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      if (greeted) open--
      setTimeout(hold, AGAIN_MS * (0.5 + Math.random()))
    })
  }
  for (let i = 0; i < connections; i++) hold()
  return {
    sessions: () => most,
    turnedAway: () => turnedAway,
    stop() {
      stopped = true
      for (const socket of sockets) socket.destroy()
    },
  }
}

export async function floodOnce(scene: FloodScene): Promise<FloodFigures> {
  const sink = await createTimedSink()
  let subject: HoldfastSubject | null = null
  let flooding: Flood | null = null
  try {
    // what the product has by default
    const config = { smtp: { connections: 500, connectionsPerAddress: 50 } }
    subject = await startHoldfast({ up: sink.port, down: sink.port }, { config })
    const steady = { ...scene, port: subject.port, to: recipient, sink }
    await trickle(steady, 2)
    const before = await trickle(steady, scene.seconds)
    flooding = flood(subject.port, scene.connections)
    await sleep(500)
    const during = await trickle(steady, scene.seconds)
    return {
      before,
      during,
      ratio: during.medianMs / before.medianMs,
      sessions: flooding.sessions(),
      turnedAway: flooding.turnedAway(),
    }
  } finally {
    flooding?.stop()
    await subject?.stop()
    await sink.stop()
  }
}
