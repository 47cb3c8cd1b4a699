/** /organisations/:org/directory-runs and directory-sources. */
import {
  confirmRun,
  listRuns,
  refuseRun,
  RunError,
  showRun,
  type RunBrief,
  type RunDeps,
} from '../../../core/directory/index.ts'
import { sourcesOf } from '../../../core/directory-schedule/index.ts'
import { placeWaiting } from '../../../core/mailbox/index.ts'
import { pageOf } from '../../../core/trace/index.ts'
import { WireError } from '../../../platform/errors.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { keyOf } from './board.ts'

const depsOf = ({ db, clock }: AdminDeps, { actor }: { actor: string }): RunDeps => ({ db, clock, actor, placeWaiting })

async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    throw new WireError(error.code === 'unknown' ? 'not-found' : 'conflict', error.message)
  }
}

export const directoryHandlers: Handlers<
  'listDirectorySources' | 'listDirectoryRuns' | 'getDirectoryRun' | 'confirmDirectoryRun' | 'refuseDirectoryRun'
> = {
  listDirectoryRuns: ({ deps, organisationId, query }) =>
    pageOf(
      query.limit,
      ({ id }: RunBrief) => id,
      (limit) => listRuns(deps.db, organisationId, { before: keyOf(query.after) ?? undefined, limit }),
    ),
  listDirectorySources: ({ deps, organisationId }) => sourcesOf(deps.db, organisationId),
  async getDirectoryRun({ deps, organisationId, params }) {
    const run = await showRun(deps.db, organisationId, params.run)
    if (run === null) throw new WireError('not-found')
    return run
  },
  confirmDirectoryRun: ({ deps, organisationId, params, body, session }) =>
    answered(confirmRun(depsOf(deps, session), { organisationId, runId: params.run, digest: body.digest })),
  refuseDirectoryRun: ({ deps, organisationId, params, session }) =>
    answered(refuseRun(depsOf(deps, session), { organisationId, runId: params.run })),
}
