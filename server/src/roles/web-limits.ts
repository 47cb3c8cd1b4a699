/** How many connections the pages may have in this process: what the mail listener and our own files need comes first. */
import type { Config } from '../platform/config/config.ts'
import type { ConnectionLimits } from '../servers/http/index.ts'

/** Database, deliveries, blobs, the program itself. */
const OWN_FILES = 300
/** With fewer nobody can work; better a listener that is short of files than no pages. */
const LEAST = 50

export function webLimits(
  config: Pick<Config, 'http' | 'smtp' | 'roles' | 'publicUrl' | 'trustedProxies' | 'listen'>,
  openFiles: number,
): ConnectionLimits {
  const room = openFiles - OWN_FILES - (config.roles.includes('mx') ? config.smtp.connections : 0)
  const connections = Math.max(LEAST, Math.min(config.http.connections, room))
  return { connections, perAddress: hasUnknownProxy(config) ? connections : config.http.connectionsPerAddress }
}

/** One that nobody named: everybody comes from its address. */
export const hasUnknownProxy = ({
  publicUrl,
  trustedProxies,
  listen,
}: Pick<Config, 'publicUrl' | 'trustedProxies' | 'listen'>): boolean =>
  publicUrl.startsWith('https:') && trustedProxies.length === 0 && !listen.https.enabled
