/**
 * One PostgreSQL for a whole test run (vitest globalSetup): the embedded server in a temporary folder, or the server of
 * HOLDFAST_TEST_DATABASE_URL; in it one migrated template that every test's database is cloned from (database.ts).
 */
import { startTestServer } from './test-server.ts'

export async function setup(): Promise<() => Promise<void>> {
  const server = await startTestServer()
  // Workers are started after this and inherit it.
  process.env.HOLDFAST_TEST_SERVER = JSON.stringify(server.address)
  return server.stop
}
