/**
 * How a test starts the program itself: `node ...program serve --json`. From its sources, so that a test says what the code of
 * this moment does; after a build of this moment (tools/test.mjs says so) as built, which starts in a third of the time.
 */
import { join } from 'node:path'

const server = join(import.meta.dirname, '..')

export const program: readonly string[] =
  process.env['HOLDFAST_TEST_BUILT'] === 'true'
    ? [join(server, 'bin/holdfast.js')]
    : ['--import', 'tsx', join(server, 'src/main.ts')]
