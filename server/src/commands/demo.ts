/**
 * `holdfast demo`: a demonstration on one machine, see README. The demo is no part of the product: it lies in a bundle
 * of its own beside this one, loaded only when it is asked for.
 */
import type { Command } from 'commander'
import { addCommand, CommandError } from './command.ts'
import type { GlobalOptions } from './command.ts'

interface Demo {
  runDemo(options: { data?: string; fresh?: boolean; json?: boolean }): Promise<void>
}

export function register(program: Command): void {
  addCommand(program, 'demo', 'run Holdfast with a demonstration organisation and a stand-in for its mail system')
    .option('--fresh', "empty the demo's folder first")
    .action(async (options: GlobalOptions & { fresh?: boolean }) => {
      // beside this bundle; the path is made here so that the bundler leaves it alone
      const bundle = new URL('demo.js', import.meta.url).href
      const demo = (await import(bundle).catch((error: unknown) => {
        throw new CommandError('The demo is not part of this installation.', undefined, { cause: error })
      })) as Demo
      await demo.runDemo(options)
    })
}
