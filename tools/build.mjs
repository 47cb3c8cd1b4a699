/**
 * Builds what runs: the server (esbuild, one bundle, npm packages stay outside) into server/dist and the web pages (vite)
 * into web/dist. Without --force it does nothing when the sources are older than the last build: `npm run demo`,
 * `npm start` and `npm test` call it every time.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const force = process.argv.includes('--force')

/** A digest over names, sizes and times of every file below the folders: cheap, and changes with any edit. */
function stamp(folders) {
  const hash = createHash('sha256')
  const walk = (path) => {
    if (!existsSync(path)) return
    const info = statSync(path)
    if (info.isDirectory())
      for (const name of readdirSync(path).sort()) name !== 'node_modules' && name !== 'dist' && walk(join(path, name))
    else hash.update(`${path} ${info.size} ${info.mtimeMs}\n`)
  }
  for (const folder of folders) walk(join(root, folder))
  return hash.digest('hex')
}

async function once(name, folders, out, work) {
  const mark = join(root, out, '.stamp')
  const now = stamp([...folders, 'package-lock.json', 'tools/build.mjs'])
  if (!force && existsSync(mark) && readFileSync(mark, 'utf8') === now) return
  await work()
  mkdirSync(join(root, out), { recursive: true })
  writeFileSync(mark, now)
  process.stderr.write(`built ${name}\n`)
}

await once('server', ['server/src', 'server/testkit', 'server/demo', 'server/package.json'], 'server/dist', () =>
  build({
    absWorkingDir: root,
    entryPoints: {
      main: 'server/src/main.ts',
      ...(existsSync(join(root, 'server/demo/main.ts')) ? { demo: 'server/demo/main.ts' } : {}),
    },
    outdir: 'server/dist',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    logLevel: 'warning',
  }),
)
await once(
  'web',
  ['web/src', 'web/public', 'web/index.html', 'web/vite.config.ts', 'web/package.json'],
  'web/dist',
  () =>
    existsSync(join(root, 'web/vite.config.ts')) &&
    execFileSync(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], {
      cwd: join(root, 'web'),
      stdio: ['ignore', 2, 2],
    }),
)
