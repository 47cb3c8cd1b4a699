/**
 * `npm run bench -- --edge`: Holdfast beside Postfix at the edges of SMTP: TLS on both legs, CHUNKING against DATA, SMTPUTF8, and
 * a thousand idle sessions. smtp-source knows none of the first three: the load is the bench's own, the same for both. In turns
 * inside each round, as everywhere; round 0 warms up.
 */
import { sleep } from '../e2e/peers/processes.ts'
import { formNames, type Form } from './client/forms.ts'
import type { Cell } from './measure.ts'
import { edgeOnce, type EdgeScene } from './scenes/edge.ts'
import { idleOnce, type IdleScene } from './scenes/idle-sessions.ts'
import { createEdgeSink } from './subjects/edge-sink.ts'
import { startHoldfast } from './subjects/holdfast.ts'
import { startPostfix } from './subjects/postfix.ts'
import { domains, recipient, type Subject } from './subjects/subject.ts'
import { table, type Target } from './targets.ts'

export interface EdgeSizes {
  rounds: number
  forms: EdgeScene
  idle: IdleScene
}

const TEN = 10_240
export const edgeSizes: Record<'smoke' | 'ordinary', EdgeSizes> = {
  smoke: {
    rounds: 1,
    forms: { senders: 4, size: TEN, warmSeconds: 0.1, seconds: 0.3, processes: 0 },
    idle: { sessions: 40, messages: 40, size: TEN, senders: 4 },
  },
  ordinary: {
    rounds: 4,
    forms: { senders: 20, size: TEN, warmSeconds: 1, seconds: 4, processes: 1 },
    idle: { sessions: 1000, messages: 1500, size: TEN, senders: 20 },
  },
}

const edge = (what: string, form: Form): Target => ({
  what,
  scene: `edge-${form}`,
  figure: 'deliveredPerSecond',
  beside: 'postfix',
  least: 1,
})
export const edgeTargets: Target[] = [
  edge('delivered/s by DATA', 'data'),
  edge('delivered/s, TLS on both legs', 'tls'),
  edge('delivered/s by CHUNKING', 'chunks'),
  edge('delivered/s with SMTPUTF8', 'utf8'),
  { what: 'memory beside idle sessions, MB', scene: 'idle', figure: 'memoryMb', beside: 'postfix', most: 1 },
  {
    what: 'delivered/s beside idle sessions',
    scene: 'idle',
    figure: 'deliveredPerSecond',
    beside: 'postfix',
    least: 1,
  },
  { what: 'of the rate without them', scene: 'idle', figure: 'besideAlone', least: 0.9 },
]
/** Of Holdfast alone: the same message by BDAT and by DATA. */
const chunkTargets: Target[] = [
  {
    what: 'delivered/s, CHUNKING beside DATA',
    scene: 'data-or-chunks',
    figure: 'deliveredPerSecond',
    beside: 'data',
    least: 0.95,
  },
]

export const edgeTable = (cells: readonly Cell[]): string =>
  `${table(cells, edgeTargets)}\n\n${table(cells, chunkTargets, 'chunks')}`

/** More smtpd than idle sessions: with its usual hundred processes Postfix would not take them. */
const postfixConfig = (sessions: number): string => `
default_process_limit = ${sessions + 200}
smtpd_client_connection_count_limit = 0
`

/** `only`: one scene of them, by its name; left out: all. */
export async function runEdge(sizes: EdgeSizes, note: (cell: Cell) => void, only?: string): Promise<Cell[]> {
  const cells: Cell[] = []
  const add = (scene: string, subject: string, round: number, figures: Record<string, number>): void => {
    const cell = { scene, subject, round, figures }
    cells.push(cell)
    note(cell)
  }
  /** Everybody's turn, who goes first changes; what is counted begins with round 1. */
  async function inTurns(
    subjects: readonly Subject[],
    scene: string,
    once: (subject: Subject) => Promise<Record<string, number>>,
  ): Promise<void> {
    for (let round = sizes.rounds > 1 ? 0 : 1; round <= sizes.rounds; round++)
      for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
        const figures = await once(subject)
        if (round > 0) {
          add(scene, subject.name, round, figures)
          const form = scene.replace('edge-', '')
          if (subject.name === 'holdfast' && ['data', 'chunks'].includes(form))
            add('data-or-chunks', form, round, figures)
        }
        await sleep(200)
      }
  }
  const clear = await createEdgeSink({ tls: false })
  const tls = await createEdgeSink({ tls: true })
  const subjects: Subject[] = []
  try {
    const ways = { up: tls.port, down: clear.port }
    const config = postfixConfig(sizes.idle.sessions)
    subjects.push(await startPostfix(ways, { tls: true, config }))
    subjects.push(await startHoldfast(ways, { route: { tls: 'opportunistic' }, alone: true }))
    const to = `alice@${domains.down}`
    const isWanted = (scene: string): boolean => only === undefined || only === scene
    for (const form of formNames.filter((name) => isWanted(`edge-${name}`))) {
      const [sink, whom] = form === 'tls' ? [tls, recipient] : [clear, to]
      await inTurns(subjects, `edge-${form}`, (subject) => edgeOnce(subject, sink, sizes.forms, { form, to: whom }))
    }
    if (isWanted('idle')) await inTurns(subjects, 'idle', (subject) => idleOnce(subject, clear, to, sizes.idle))
  } finally {
    for (const subject of subjects) await subject.stop()
    await clear.stop()
    await tls.stop()
  }
  return cells
}
