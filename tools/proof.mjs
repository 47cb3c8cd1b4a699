/**
 * `npm run proof -- NAME [--seed N] [--rounds N] [--seconds N]`: runs a proof at its full size and writes docs/proof/NAME.json: when,
 * on what machine, sizes, seed, outcome, and a hash over the files that the proof is about. A run at a smaller size is for
 * trying out: its outcome is shown, not recorded. `--verify` looks at what is recorded: a result that failed, is reduced,
 * or is older than its files fails here (and is a warning in CI). `--list` names the proofs with their full sizes.
 *
 * A proof of rounds runs in lanes: several installations side by side, each with a seed of its own (the first is printed,
 * the others follow it), because a round mostly waits for a dead process's leases. The record adds the lanes up.
 */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { arch, cpus, platform, release, tmpdir, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { belowFull, whyNot } from './proof-state.mjs'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'docs/proof')
const accepting = [
  'server/src/core/queue',
  'server/src/core/intake',
  'server/src/core/delivery',
  'server/src/core/routing',
  'server/src/store',
  'server/src/servers/smtp',
  'server/src/clients/smtp',
  'server/src/platform/db',
  'db/migrations',
]

/** test: the e2e file that is the proof; full: its sizes; files: what a result depends on (folders are walked). */
const proofs = {
  'kill': {
    test: 'e2e/kill.test.ts',
    full: { rounds: 200, messagesPerRound: 1050 },
    lanes: 5,
    files: [...accepting, 'e2e/kill.test.ts', 'e2e/kit'],
    minutes: 60,
  },
  'durability-order': {
    test: 'e2e/durability-order.test.ts',
    full: { messages: 20, chunks: 4, blobs: 4 },
    files: [...accepting, 'e2e/durability-order.test.ts', 'e2e/kit'],
    minutes: 5,
  },
  'hot-path': {
    test: 'e2e/hot-path.test.ts',
    full: { rounds: 5, messages: 5000, held: 5000 },
    files: [
      ...accepting,
      'server/src/core/return',
      'bench/scenes',
      'bench/subjects',
      'bench/haraka',
      'bench/bench.ts',
      'bench/load.ts',
      'bench/meter.ts',
      'bench/sizes.ts',
      'bench/targets.ts',
      'e2e/hot-path.test.ts',
      'e2e/kit',
    ],
    minutes: 40,
  },
  // for as long as is asked for; half an hour is the least that is recorded
  'fuzz': {
    test: 'e2e/fuzz-sessions.test.ts',
    full: { seconds: 1800, states: 23 },
    files: [
      'server/src/servers/smtp',
      'server/src/protocols/smtp',
      'server/src/protocols/sasl',
      'server/src/protocols/proxy',
      'e2e/fuzz-sessions.test.ts',
      'e2e/kit/fuzz',
    ],
    minutes: 10,
  },
  'outage-with-postfix': {
    test: 'e2e/outage-with-postfix.test.ts',
    full: { quick: 5000, default: 50 },
    files: [
      ...accepting,
      'server/src/core/continuity',
      'server/src/core/return',
      'e2e/outage-with-postfix.test.ts',
      'e2e/kit',
      'e2e/peers',
    ],
    minutes: 20,
  },
}

function hash(paths) {
  const sum = createHash('sha256')
  const walk = (path) => {
    if (!existsSync(path)) return
    if (statSync(path).isDirectory())
      return readdirSync(path)
        .sort()
        .forEach((name) => walk(join(path, name)))
    sum
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0')
  }
  for (const path of [...paths].sort()) walk(join(root, path))
  return sum.digest('hex')
}

function verify() {
  let stale = 0
  for (const [name, { files, full }] of Object.entries(proofs)) {
    const file = join(folder, `${name}.json`)
    const result = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null
    const state = whyNot(result, full, hash(files))
    if (state) stale += 1
    console.log(state ? `${name} ${state}: npm run proof -- ${name}` : `${name} holds (${result.at})`)
  }
  return stale
}

/** One process of the proof; resolves with its exit code and what it wrote. */
function lane(proof, out, env) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  return new Promise((resolve) => {
    spawn(
      process.execPath,
      [
        vitest,
        'run',
        '--project',
        'e2e',
        proof.test,
        `--testTimeout=${(proof.minutes + Number(env.HOLDFAST_PROOF_SECONDS ?? 0) / 60) * 60_000}`,
      ],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, ...env, HOLDFAST_PROOF: 'full', HOLDFAST_PROOF_RESULT: out },
      },
    ).once('close', (code) => resolve({ code, detail: existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : null }))
  })
}

/** Counts are added, rounds too; what is the same in every lane (messages of a round) stays; pictures are kept apart. */
function addUp(details) {
  const [first] = details
  if (details.length === 1) return first
  const sum = (pick) => details.reduce((total, one) => total + pick(one), 0)
  return {
    ...first,
    seeds: details.map((one) => one.seed),
    sizes: { ...first.sizes, rounds: sum((one) => one.sizes.rounds) },
    ...Object.fromEntries(
      ['accepted', 'attempts', 'lost', 'twiceUnsure', 'twiceUnanswered'].map((key) => [key, sum((one) => one[key])]),
    ),
    victims: Object.fromEntries(Object.keys(first.victims).map((key) => [key, sum((one) => one.victims[key])])),
    histogram: details.map((one) => one.histogram),
  }
}

async function prove(name, args) {
  const proof = proofs[name]
  const option = (key) => (args.includes(key) ? args[args.indexOf(key) + 1] : undefined)
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-proof-'))
  const before = hash(proof.files)
  const from = Date.now()
  const seed = Number(option('--seed') ?? Math.floor(Math.random() * 1_000_000))
  const rounds = Number(option('--rounds') ?? proof.full.rounds)
  const seconds = Number(option('--seconds') ?? proof.full.seconds)
  const lanes = proof.lanes && rounds >= 10 * proof.lanes ? proof.lanes : 1
  const done = await Promise.all(
    Array.from({ length: lanes }, (_, at) =>
      lane(proof, join(scratch, `result-${at}.json`), {
        HOLDFAST_PROOF_SEED: String(seed + at),
        ...(Number.isFinite(rounds) ? { HOLDFAST_PROOF_ROUNDS: String(Math.ceil(rounds / lanes)) } : {}),
        ...(Number.isFinite(seconds) ? { HOLDFAST_PROOF_SECONDS: String(seconds) } : {}),
      }),
    ),
  )
  const status = done.every(({ code }) => code === 0) ? 0 : 1
  const detail = done.every((one) => one.detail) ? addUp(done.map((one) => one.detail)) : null
  rmSync(scratch, { recursive: true, force: true })
  if (!detail) {
    console.error(`${name}: no result was written; nothing recorded`)
    return 1
  }
  if (hash(proof.files) !== before) {
    console.error(`${name}: its files changed while it ran; nothing recorded`)
    return 1
  }
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root }).toString().trim()
  const machine = {
    cpus: cpus().length,
    cpu: cpus()[0]?.model,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
  }
  const result = {
    name,
    at: new Date(from).toISOString(),
    seconds: Math.round((Date.now() - from) / 1000),
    passed: status === 0,
    ...detail,
    machine,
    commit,
    files: proof.files,
    hash: before,
  }
  const below = belowFull(result.sizes, proof.full)
  if (below.length > 0) {
    console.log(
      `${JSON.stringify(result, null, 2)}\n${name}: ${status === 0 ? 'holds' : 'FAILED'} at a reduced size (${below.join(', ')}); not recorded`,
    )
    return status === 0 ? 0 : 1
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  console.log(`${name}: ${status === 0 ? 'holds' : 'FAILED'}; written to docs/proof/${name}.json`)
  return status === 0 ? 0 : 1
}

const [name, ...rest] = process.argv.slice(2)
if (name === '--verify') process.exit(verify() > 0 ? 1 : 0)
const listed = Object.entries(proofs).map(
  ([each, { full }]) =>
    `${each}: ${Object.entries(full)
      .map(([size, count]) => `${size} ${count}`)
      .join(', ')}`,
)
if (!name || name === '--list' || !(name in proofs)) {
  console.log(['usage: npm run proof -- NAME [--seed N] [--rounds N] [--seconds N] | --verify', ...listed].join('\n'))
  process.exit(name === '--list' ? 0 : 2)
}
process.exit(await prove(name, rest))
