/**
 * Structured logs on standard error (pino). Secrets never reach a log: fields with these names are cut out wherever
 * they appear, and message bodies are never logged.
 */
import { pino, destination } from 'pino'

export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
  /** A log whose every line also carries `fields`. */
  child(fields: object): Log
}

const SECRET = ['password', 'secret', 'token', 'cookie', 'authorization', 'verifier', 'key', 'link']

export function createLog(options: { level: string; file?: string }): Log {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET.flatMap((name) => [name, `*.${name}`]), censor: '(not logged)' },
    },
    destination({ dest: options.file ?? 2, sync: false }),
  )
}

const nothing = (): void => {}
/** For tests and commands that print themselves. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLog }
