/**
 * What the bench fills a database with is what the product would have written, and the scene of empty and full runs. Its
 * figures mean nothing at this size.
 */
import { afterEach, expect, test } from 'vitest'
import { flat, flatTargets } from '../bench/flat.ts'
import { connectTo, preload } from '../bench/preload.ts'
import { judge } from '../bench/targets.ts'
import { createInstallation, type Installation } from './kit/holdfast.ts'
import { missing } from './peers/needs.ts'

const skip = missing('smtp-source', 'root')

let installation: Installation | null = null
afterEach(async () => {
  await installation?.remove()
  installation = null
})

test('2,000 messages made by SQL break no invariant, and their indexes are those of the schema', async () => {
  installation = createInstallation({ name: 'flat', config: { log: { level: 'warn' } } })
  const { data } = installation
  const indexes = async (): Promise<string[]> => {
    const client = await connectTo(data)
    const { rows } = await client.query<{ indexdef: string }>(
      `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename !~ '_\\d+$' ORDER BY 1`,
    )
    await client.end()
    return rows.map(({ indexdef }) => indexdef)
  }
  const server = await installation.start()
  const before = await indexes()
  await server.kill()
  const shape = await preload({ data, messages: 2000, port: 2525 })
  expect(await indexes()).toEqual(before)
  await installation.start()
  const client = await connectTo(data)
  const { rows } = await client.query(
    `SELECT (SELECT count(*) FROM message)::int AS messages, (SELECT count(*) FROM delivery WHERE held AND state = 0)::int AS waiting,
       (SELECT count(*) FROM route)::int AS routes, (SELECT count(*) FROM domain)::int AS domains`,
  )
  await client.end()
  expect(rows).toEqual([{ messages: 2000, waiting: 400, routes: shape.organisations * 10, domains: 100 }])
  const checked = await installation.cli(['check'])
  expect(checked).toMatchObject({ code: 0, stdout: expect.stringContaining('invariants hold') as string })
})

test.skipIf(skip)('an empty and a small full installation in turns', async () => {
  const { cells } = await flat({ stored: 2000, messages: 200, rounds: 1, idleSeconds: 1 }, () => undefined)
  for (const scene of ['flat-relay', 'flat-kept', 'start-up', 'first-rcpt', 'idle', 'upkeep'])
    expect(
      cells
        .filter((cell) => cell.scene === scene)
        .map((cell) => cell.subject)
        .sort(),
      scene,
    ).toEqual(['empty', 'full'])
  expect(judge(cells, flatTargets, 'full')).toHaveLength(flatTargets.length)
})
