/**
 * Holdfast itself: the real server in this process (so that it ends with the demo, however that ends), and its command
 * line for the rest, as anybody would use it.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startServing } from '../src/commands/serve.ts'
import type { Serving } from '../src/commands/serve.ts'

export interface ProductPlace {
  /** server/bin/holdfast.js */
  program: string
  folder: string
  configFile: string
}

const run = promisify(execFile)

export async function runCommand(place: ProductPlace, args: string[]): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, [
      place.program,
      ...args,
      '--data',
      place.folder,
      '--config',
      place.configFile,
    ])
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`holdfast ${args[0]} failed: ${(stderr + stdout).trim()}`, { cause: error })
  }
}

export const startProduct = (place: ProductPlace): Promise<Serving> =>
  startServing({ data: place.folder, config: place.configFile })
