/**
 * A directory of many people: how long a list of all of them takes and how much memory, the first time, when nothing has changed
 * and when a hundredth has; then how fast RCPT is answered for them, beside Postfix with the same addresses in a table of its own.
 */
import { execFileSync, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { declareOrganisation } from '../../e2e/kit/organisation.ts'
import { createInstallation, program, type Installation } from '../../e2e/kit/holdfast.ts'
import { peerFolder } from '../../e2e/peers/processes.ts'
import { askRecipients } from '../client/rcpt.ts'
import type { Cell } from '../measure.ts'
import { pssMegabytes } from '../meter.ts'
import { startPostfix } from '../subjects/postfix.ts'

export interface PeopleScene {
  people: number
  /** of RCPT */
  sessions: number
  each: number
  seconds: number
}

type Figures = Cell['figures']
const DOMAIN = 'many.test'
const addressOf = (n: number): string => `person.${n}@${DOMAIN}`

/** `changed`: so many have another name than before. */
function listOf(people: number, changed: number): string {
  const lines = ['id;name;email;aliases;language']
  for (let n = 0; n < people; n++)
    lines.push(
      `e${n};Person ${n}${n < changed ? ' Changed' : ''};${addressOf(n)};p${n}@${DOMAIN};${['en', 'fr', 'de'][n % 3]!}`,
    )
  return `${lines.join('\n')}\n`
}

interface Cost {
  seconds: number
  /** the highest of what the command itself held; the database's memory is not in it */
  memoryMb: number
  run: { id: string; state: string; counts: Record<string, number> }
}

/** A command of its own process, watched while it runs. */
function watched(installation: Installation, args: string[]): Promise<Cost> {
  const from = performance.now()
  const child = spawn(process.execPath, [program, ...args, '--data', installation.data, '--json'], {
    env: installation.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err, memoryMb] = ['', '', 0]
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const look = setInterval(() => (memoryMb = Math.max(memoryMb, pssMegabytes([child.pid!]))), 100)
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      clearInterval(look)
      const seconds = (performance.now() - from) / 1000
      if (code !== 0) reject(new Error(`${args.join(' ')}: ${code}\n${err.slice(-2000)}`))
      else resolve({ seconds, memoryMb, run: (JSON.parse(out) as Pick<Cost, 'run'>).run })
    })
  })
}

async function sync(installation: Installation, people: number): Promise<Figures> {
  const file = join(installation.data, 'people.csv')
  const bring = (changed: number, ...more: string[]): Promise<Cost> => {
    writeFileSync(file, listOf(people, changed))
    return watched(installation, ['directory', 'import', file, '-o', 'many', ...more])
  }
  const planned = await bring(0)
  if (planned.run.state !== 'staged') throw new Error(`the first list: ${JSON.stringify(planned.run)}`)
  const applied = await watched(installation, ['directory', 'confirm', planned.run.id, '-o', 'many'])
  const same = await bring(0, '--apply')
  const some = Math.max(1, Math.floor(people / 100))
  const changed = await bring(some, '--apply')
  for (const [{ run }, counts] of [
    [applied, { creations: people }],
    [same, { same: people }],
    [changed, { changes: some }],
  ] as const)
    for (const [name, count] of Object.entries(counts))
      if (run.counts[name] !== count) throw new Error(`${name} should be ${count}: ${JSON.stringify(run)}`)
  return {
    plannedSeconds: planned.seconds,
    appliedSeconds: applied.seconds,
    sameSeconds: same.seconds,
    changedSeconds: changed.seconds,
    memoryMb: Math.max(...[planned, applied, same, changed].map((cost) => cost.memoryMb)),
  }
}

/** Anybody of them in no order, so that what is kept in memory helps as little as it does in life. */
async function rates(port: number, { people, sessions, each, seconds }: PeopleScene): Promise<Figures> {
  const wish = { port, sessions, each, seconds }
  const anybody = await askRecipients({ ...wish, next: () => addressOf(Math.floor(Math.random() * people)) })
  if (anybody.refused > 0) throw new Error(`not taken: ${anybody.firstText}`)
  // The same few again and again: what an ordinary morning is.
  const few = Math.min(people, 1000)
  const known = await askRecipients({ ...wish, next: () => addressOf(Math.floor(Math.random() * few)) })
  return {
    anybodyPerSecond: anybody.taken / anybody.seconds,
    fewPerSecond: known.taken / known.seconds,
  }
}

async function besidePostfix(scene: PeopleScene): Promise<Figures> {
  const folder = peerFolder('bench-people')
  const table = join(folder, 'people')
  const lines = Array.from({ length: scene.people }, (_, n) => `${addressOf(n)} ok\np${n}@${DOMAIN} ok\n`)
  writeFileSync(table, lines.join(''))
  execFileSync('postmap', [`hash:${table}`])
  const postfix = await startPostfix(
    { up: 1, down: 1 },
    {
      config: `smtpd_recipient_limit = 10000
smtpd_client_connection_count_limit = 0
smtpd_junk_command_limit = 1000000
default_process_limit = ${scene.sessions + 100}
relay_recipient_maps = hash:${table}
smtpd_relay_restrictions = reject_unauth_destination
relay_domains = ${DOMAIN}
`,
    },
  )
  try {
    return await rates(postfix.port, scene)
  } finally {
    await postfix.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One round: Holdfast's figures, and those of Postfix that can be compared. */
export async function peopleOnce(scene: PeopleScene): Promise<{ holdfast: Figures; postfix: Figures }> {
  const installation = createInstallation({
    name: 'people',
    config: {
      log: { level: 'warn' },
      smtp: { connections: 2000, connectionsPerAddress: 2000 },
    },
  })
  try {
    const server = await installation.start()
    const few = Object.fromEntries(
      ['creations', 'changes', 'removals'].map((what) => [what, { most: scene.people, percent: 100 }]),
    )
    await declareOrganisation(installation, {
      domain: DOMAIN,
      people: ['alice'],
      primaryPort: 1,
      outboundPort: 1,
      probe: false,
      organisation: { directorySources: [{ name: 'csv', ...few }] },
    })
    const synced = await sync(installation, scene.people)
    const answered = await rates(server.ports.mx, scene)
    await server.stop()
    return { holdfast: { ...synced, ...answered }, postfix: await besidePostfix(scene) }
  } finally {
    await installation.remove()
  }
}
