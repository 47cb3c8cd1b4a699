/**
 * Bytes of claimed deliveries, fetched together: small bodies lie in rows, and a statement for each costs more than its
 * bytes. What finds no room in memory, is larger, or has moved meanwhile is read when its turn comes, as ever.
 */
import { BodyStore } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { rowBodies } from '../../store/bodies.ts'
import type { Job } from './job.ts'

/** Octets of one statement: they come as text of twice the length. */
const MOST_BYTES = 1_048_576
/** One body alone is no gain. */
const LEAST_BODIES = 2

/** The jobs in their order, as many as `room` octets allow with their bytes in memory. Throws what the database throws. */
export async function prefetch(sql: Sql, jobs: readonly Job[], room: number): Promise<Job[]> {
  const found = new Map<string, Buffer>()
  for (const wanted of loads(jobs, room)) {
    if (wanted.length < LEAST_BODIES) continue
    for (const { organisationId, bodyId, bytes } of await rowBodies(sql, wanted.map(refOf)))
      found.set(`${organisationId} ${bodyId}`, bytes)
  }
  return jobs.map((job) => {
    const body = found.get(`${job.organisationId} ${job.messageId}`)
    return body?.length === job.size ? { ...job, body: { kind: 'memory', bytes: [body] } } : job
  })
}

/** What is fetched, statement by statement. */
function loads(jobs: readonly Job[], room: number): Job[][] {
  const all: Job[][] = []
  let bytes = 0
  let left = room
  for (const job of jobs) {
    if (job.body.kind !== 'stored' || job.body.bodyStore !== BodyStore.row || job.size > left) continue
    left -= job.size
    if (all.length === 0 || bytes + job.size > MOST_BYTES) {
      all.push([])
      bytes = 0
    }
    bytes += job.size
    all.at(-1)!.push(job)
  }
  return all
}

const refOf = ({ organisationId, messageId }: Job): { organisationId: Id; bodyId: Id } => ({
  organisationId,
  bodyId: messageId,
})
