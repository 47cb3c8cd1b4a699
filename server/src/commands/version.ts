/** The version of this build, from its package. */
import { readFileSync } from 'node:fs'

export const { version } = JSON.parse(
  readFileSync(
    new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json', import.meta.url),
    'utf8',
  ),
) as { version: string }
