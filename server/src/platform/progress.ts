/**
 * What goes on while something takes seconds, on standard error: a plain sentence for somebody at a terminal, a line of
 * the log for everything else (journald, a file), so that both stay readable and standard output stays the result's.
 */
import type { Log } from './log.ts'

export type Tell = (text: string) => void

export function tellProgress(log: Log, stream: { isTTY?: boolean; write(text: string): unknown }): Tell {
  return stream.isTTY ? (text) => void stream.write(`${text} ...\n`) : (text) => log.info({}, text)
}
