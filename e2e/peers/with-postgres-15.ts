/** Runs a command with HOLDFAST_TEST_DATABASE_URL pointing at a fresh PostgreSQL 15, and stops it after: `node --import tsx with-postgres-15.ts COMMAND ...`. */
import { spawn } from 'node:child_process'
import { startPostgres15 } from './postgres-15.ts'

const server = await startPostgres15()
const [command, ...args] = process.argv.slice(2)
const child = spawn(command!, args, {
  stdio: 'inherit',
  env: { ...process.env, HOLDFAST_TEST_DATABASE_URL: server.url },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const code = await new Promise<number>((resolve) => {
  child.on('error', () => resolve(1))
  child.on('close', (status) => resolve(status ?? 1))
})
await server.remove()
process.exit(code)
