/** The only place that reads the process's environment. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export type Environment = Record<string, string | undefined>

export const systemEnvironment = (): Environment => process.env

/** The operator's contract: --data, else HOLDFAST_DATA, else /var/lib/holdfast for root, ~/.local/share/holdfast for others. */
export function dataFolderPath(flag: string | undefined, env: Environment = systemEnvironment()): string {
  const chosen = flag ?? env['HOLDFAST_DATA']
  if (chosen) return resolve(chosen)
  return process.getuid?.() === 0 ? '/var/lib/holdfast' : join(homedir(), '.local/share/holdfast')
}
