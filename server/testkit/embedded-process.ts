/**
 * A process of its own that runs the embedded database of a folder, to be killed by tests:
 * `node --import tsx embedded-process.ts FOLDER`. Prints one line of JSON when ready (or {"error"}), stops on SIGTERM.
 */
import { systemClock } from '../src/platform/clock.ts'
import { startEmbedded } from '../src/platform/db/embedded.ts'
import { silentLog } from '../src/platform/log.ts'

try {
  const server = await startEmbedded({ dataFolder: process.argv[2]!, clock: systemClock, log: silentLog })
  process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
  process.stdout.write(
    `${JSON.stringify({ pid: server.pid(), adopted: server.adopted, connection: server.connection, account: server.account.name })}\n`,
  )
  setInterval(() => undefined, 60_000)
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: (error as Error).message })}\n`)
}
