/**
 * What the judgement of many routes costs: no mail at all, only probes, evidence and the judge's rounds, first while all
 * primaries are well, then while they die (all in one network, so that it is one outage and every one is declared).
 */
import { createInstallation } from '../../e2e/kit/holdfast.ts'
import { familyOf, sleep, until } from '../../e2e/peers/processes.ts'
import { startStandIn } from '../../server/testkit/stand-in/stand-in.ts'
import type { Cell } from '../measure.ts'
import { cpuSeconds } from '../meter.ts'
import { connectTo } from '../preload.ts'

type Figures = Cell['figures']

export interface JudgingScene {
  routes: number
  sensitivity: 'quick' | 'balanced'
  /** so long each state is measured */
  seconds: number
}

const ROUTES_EACH = 10

const makeRoutes = ({ routes, sensitivity }: JudgingScene, port: number): string[] => [
  `INSERT INTO organisation (organisation_id, slug, name)
   SELECT gen_random_uuid(), 'judged-' || n, 'Judged ' || n FROM generate_series(1, ${Math.ceil(routes / ROUTES_EACH)}) n`,
  `INSERT INTO route (organisation_id, route_id, name, kind, settings)
   SELECT o.organisation_id, gen_random_uuid(), 'primary-' || n, 1,
     '{"hosts": [{"host": "127.0.0.1", "port": ${port}}], "tls": "none", "sensitivity": "${sensitivity}"}'
   FROM organisation o, generate_series(1, ${ROUTES_EACH}) n WHERE o.slug LIKE 'judged-%'`,
  'UPDATE directory_generation SET generation = generation + 1',
]

/** The database may be a child of the server's or stand beside it. */
const isChildOf = (parent: number, pid: number): boolean => familyOf(parent).includes(pid)

/** Per second: processor time of Holdfast and of its database, transactions, rows written and read, rows of evidence. */
export async function judgingOnce(scene: JudgingScene): Promise<Figures> {
  const primary = await startStandIn()
  const installation = createInstallation({ name: 'judging', config: { log: { level: 'warn' } } })
  try {
    const server = await installation.start()
    const client = await connectTo(installation.data)
    // When the scene fails its database goes first; what is said then is the scene's failure.
    client.on('error', () => undefined)
    for (const statement of makeRoutes(scene, primary.port)) await client.query(statement)
    const one = async (text: string): Promise<number> => Number((await client.query<{ n: string }>(text)).rows[0]!.n)
    const judged = 'SELECT count(DISTINCT route_id) AS n FROM evidence'
    const emergencies = 'SELECT count(*) AS n FROM route_mode WHERE mode = 3'
    await until('every route was probed', async () => (await one(judged)) >= scene.routes, 120_000, 500)

    const counters = async (): Promise<Record<string, number>> => {
      await client.query('SELECT pg_stat_clear_snapshot()')
      const { rows } = await client.query<Record<string, string>>(
        `SELECT xact_commit AS transactions, tup_inserted + tup_updated + tup_deleted AS "rowsWritten",
           tup_returned AS "rowsRead", (SELECT count(*) FROM evidence) AS evidence
         FROM pg_stat_database WHERE datname = current_database()`,
      )
      const postmaster = installation.postmaster()!
      return {
        ...Object.fromEntries(Object.entries(rows[0]!).map(([name, value]) => [name, Number(value)])),
        cpu: cpuSeconds([server.pid]) - (isChildOf(server.pid, postmaster) ? cpuSeconds([postmaster]) : 0),
        databaseCpu: cpuSeconds([postmaster]),
        probes: primary.connections,
      }
    }
    const measure = async (state: string): Promise<Figures> => {
      const before = await counters()
      const from = performance.now()
      await sleep(scene.seconds * 1000)
      const after = await counters()
      const seconds = (performance.now() - from) / 1000
      return Object.fromEntries(
        Object.entries(after).map(([name, value]) => [`${state}.${name}PerSecond`, (value - before[name]!) / seconds]),
      )
    }
    const well = await measure('well')
    const dying = performance.now()
    await primary.setFault('off')
    await until('every route is declared', async () => (await one(emergencies)) >= scene.routes, 180_000, 500).catch(
      async (error: unknown) => {
        const { rows } = await client.query('SELECT mode, count(*) AS routes FROM route_mode GROUP BY 1 ORDER BY 1')
        throw new Error(`${JSON.stringify(rows)}\n${server.log().slice(-4000)}`, { cause: error })
      },
    )
    const declaredSeconds = (performance.now() - dying) / 1000
    const dead = await measure('dead')
    await client.end()
    await server.stop()
    return { ...well, declaredSeconds, ...dead }
  } finally {
    await installation.remove()
    await primary.close()
  }
}
