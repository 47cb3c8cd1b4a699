/** Runs a mail client to its end, with what it is to read, and tells what it said. */
import { execFile } from 'node:child_process'

export interface Ran {
  code: number
  said: string
}

export function runClient(program: string, args: string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, said: stdout + stderr }),
    )
    child.stdin!.on('error', () => undefined)
    child.stdin!.end(input)
  })
}
