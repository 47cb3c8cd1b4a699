/** Calls the command line in this process, as `holdfast …` would be called, and hands back what it printed. */
import { run } from '../src/commands/program.ts'

export interface Called {
  code: number
  out: string
  err: string
}

export async function call(...args: string[]): Promise<Called> {
  const called: Called = { code: -1, out: '', err: '' }
  const { stdout, stderr } = process
  const [writeOut, writeErr] = [stdout.write.bind(stdout), stderr.write.bind(stderr)]
  const into =
    (which: 'out' | 'err') =>
    (chunk: string | Uint8Array): boolean => {
      called[which] += chunk.toString()
      return true
    }
  stdout.write = into('out')
  stderr.write = into('err')
  try {
    called.code = await run(args)
  } finally {
    stdout.write = writeOut
    stderr.write = writeErr
    process.exitCode = 0
  }
  return called
}
