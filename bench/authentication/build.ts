/** The bench's own build of the server: the product's sources, with door.ts of this folder in place of core/intake. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '../..')
const folder = join(import.meta.dirname, '../results/program')

/** Returns the program that `startHoldfast` is given. */
export async function buildWithDoor(): Promise<string> {
  mkdirSync(folder, { recursive: true })
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'server/src/main.ts', worker: 'bench/authentication/worker.ts' },
    outdir: folder,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    plugins: [
      {
        name: 'door',
        setup(pluginBuild) {
          pluginBuild.onResolve({ filter: /\/core\/intake\/index\.ts$/ }, () => ({
            path: join(import.meta.dirname, 'door.ts'),
          }))
        },
      },
    ],
  })
  // the program asks the file above it for its version
  writeFileSync(join(folder, '../package.json'), JSON.stringify({ type: 'module', version: '0.0.0-bench' }))
  return join(folder, 'main.js')
}
