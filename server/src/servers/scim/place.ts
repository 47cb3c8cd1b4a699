/** What the routes are given, and where a client finds them. */
import type { ScimDeps } from '../../core/directory/index.ts'
import type { Log } from '../../platform/log.ts'

export interface ScimRouteDeps extends ScimDeps {
  log: Log
  /** '' where it is not set: as the client names us, then */
  publicUrl: string
}

export function baseFrom({ publicUrl }: Pick<ScimRouteDeps, 'publicUrl'>) {
  return (request: { protocol: string; host: string }): string =>
    `${publicUrl === '' ? `${request.protocol}://${request.host}` : publicUrl.replace(/\/+$/, '')}/scim/v2`
}
