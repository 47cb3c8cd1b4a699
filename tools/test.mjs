/**
 * `npm test`: builds, checks, then runs every suite whose peers are here. Arguments choose suites (`npm test -- unit db`).
 *
 * Suites run one after another so that their times mean something. Missing peers are printed, one line each with how to
 * get them; with CI=true a missing peer is a failure. The last line is `N passed, N failed, N skipped`; the exit code is
 * not 0 when something failed or nothing ran. The database tests run a second time on Debian's PostgreSQL 15 (in CI those of
 * the store and of the rooms with the most statements).
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { hasPeer, missingPeers } from './peers.mjs'

const root = join(import.meta.dirname, '..')
const results = join(root, 'node_modules/.cache/test-results')
const ci = process.env.CI === 'true'
const wanted = process.argv.slice(2)
const chosen = (name) => wanted.length === 0 || wanted.includes(name)
const total = { passed: 0, failed: 0, skipped: 0 }
const times = []
/** tests may start the program as built (server/testkit/program.ts) */
let built = false

const run = (command, args, env = {}) =>
  new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        NO_COLOR: '1',
        FORCE_COLOR: '0',
        ...(built ? { HOLDFAST_TEST_BUILT: 'true' } : {}),
        ...env,
      },
    })
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal))
    child.on('error', () => resolve(1))
    child.on('close', (code) => resolve(code ?? 1))
  })

/** Counts of a JSON report; a file that could not even be loaded counts as one failure. */
function count(file, exit) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, slow: [] }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const broken = report.testResults.filter(
    (one) => one.status === 'failed' && !one.assertionResults.some((test) => test.status === 'failed'),
  )
  for (const one of broken) console.log(`could not run ${relative(root, one.name)}: ${one.message}`)
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
  // vitest may fail for something that is no test, such as an error outside of any
  if (exit !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

async function suite(name, project, { env = {}, wrap = [], paths = [], without = [] } = {}) {
  const file = join(results, `${name.replaceAll(/\W+/g, '-')}.json`)
  rmSync(file, { force: true })
  const vitest = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...paths,
    ...without.map((path) => `--exclude=${path}`),
  ]
  const from = Date.now()
  console.log(`\n==== ${name}`)
  const exit = await run(process.execPath, [...wrap, ...vitest], env)
  const counts = count(file, exit)
  for (const key of Object.keys(total)) total[key] += counts[key]
  times.push([
    name,
    (Date.now() - from) / 1000,
    `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
  ])
}

async function step(name, args) {
  const from = Date.now()
  const ok = (await run(process.execPath, args)) === 0
  total[ok ? 'passed' : 'failed'] += 1
  times.push([name, (Date.now() - from) / 1000, ok ? 'passed' : 'FAILED'])
  return ok
}

mkdirSync(results, { recursive: true })
built = await step('build', ['tools/build.mjs'])
if (chosen('check')) await step('check', ['tools/check.mjs'])
if (built) {
  if (chosen('unit')) await suite('unit', 'unit')
  if (chosen('web')) await suite('web', 'web')
  if (chosen('db')) await suite('db', 'db')
  if (chosen('db-15') && hasPeer('postgresql-15'))
    await suite('db on PostgreSQL 15', 'db', {
      // The statements and who uses them; whole servers, and what is cut off at every step, are the same ones again. CI has
      // forty minutes; elsewhere all run.
      paths: ci
        ? [
            'server/src/store',
            ...['check', 'queue', 'return', 'directory', 'mailbox'].map((room) => `server/src/core/${room}`),
          ]
        : [],
      without: ci ? ['**/queue/body-intake.db.test.ts'] : [],
      wrap: ['--import', 'tsx', 'e2e/peers/with-postgres-15.ts', process.execPath],
    })
  // Only by name: of those without a database what meets the system, not what only calculates.
  if (wanted.includes('unit-own'))
    await suite('unit, whoever runs it', 'unit', {
      paths: ['platform', 'commands', 'roles', 'clients', 'servers', 'store'].map((room) => `server/src/${room}`),
    })
  // Only by name: those that start servers and databases of their own, for whom it matters who they are.
  if (wanted.includes('db-own'))
    await suite('db of their own', 'db', {
      paths: [
        'server/src/platform',
        ...['first-start', 'roles-apart', 'unsafe-server', 'command-line'].map(
          (name) => `server/src/commands/${name}.db.test.ts`,
        ),
      ],
    })
  if (chosen('e2e')) await suite('e2e', 'e2e')
}

console.log('\nsuite                     seconds')
for (const [name, seconds, text] of times) console.log(`${name.padEnd(24)} ${seconds.toFixed(1).padStart(8)}   ${text}`)
console.log(
  `${'sum'.padEnd(24)} ${times
    .reduce((sum, [, seconds]) => sum + seconds, 0)
    .toFixed(1)
    .padStart(8)}\n`,
)
for (const { name, get } of chosen('e2e') ? missingPeers() : []) {
  console.log(`not here: ${name}, its tests ${ci ? 'FAIL' : 'were skipped'}; to get it: ${get}`)
  if (ci) total.failed += 1
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exit(total.failed > 0 || total.passed <= 1 ? 1 : 0)
