/**
 * What all commands share: the flags --json, --data, --config, how results and errors are shown, and the exit codes:
 * 0 done, 1 failed, 2 called or configured wrongly.
 */
import type { Command } from 'commander'

export interface GlobalOptions {
  json?: boolean
  data?: string
  config?: string
}

export const exitCodes = { done: 0, failed: 1, usage: 2 } as const

/** An error that carries its exit code; the text is for the person who called. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(text: string, exitCode: number = exitCodes.failed, options?: { cause?: unknown }) {
    super(text, options)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** A subcommand with the flags every command has. Nested ones (`mode pin`) get them too. */
export function addCommand(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .description(summary)
    .option('--json', 'print JSON')
    .option('--data <dir>', 'data folder (else HOLDFAST_DATA, else the default)')
    .option('--config <file>', 'configuration file (else HOLDFAST_CONFIG, else holdfast.yaml in the data folder)')
}

/** Prints a result: JSON on one line with --json, else the text. */
export function show(options: GlobalOptions, value: unknown, text: string): void {
  process.stdout.write(
    options.json ? `${JSON.stringify(value)}\n` : text === '' || text.endsWith('\n') ? text : `${text}\n`,
  )
}

/** The system's two words for a port that can't be had, with what to do. */
function portTrouble(error: NodeJS.ErrnoException & { address?: string; port?: number }): string | null {
  if (error.syscall !== 'listen') return null
  const place = `${error.address ?? ''} port ${error.port ?? '?'}`.trim()
  if (error.code === 'EADDRINUSE')
    return `${place} is taken by another program. Stop that one, or choose another port in holdfast.yaml (its port below listen).`
  if (error.code === 'EACCES')
    return `This account may not listen on ${place}. Choose a port from 1024 on and redirect to it, or allow it: setcap 'cap_net_bind_service=+ep' $(readlink -f "$(command -v node)")`
  return null
}

/** Shows an error the way the caller asked for and returns its exit code. */
export function showError(error: unknown, json: boolean): number {
  const exitCode =
    error instanceof CommandError
      ? error.exitCode
      : error instanceof Error && error.name === 'ConfigError'
        ? exitCodes.usage
        : exitCodes.failed
  const text = error instanceof Error ? (portTrouble(error) ?? error.message) : String(error)
  if (json) process.stdout.write(`${JSON.stringify({ error: { code: exitCode, text } })}\n`)
  else process.stderr.write(`holdfast: ${text}\n`)
  return exitCode
}
