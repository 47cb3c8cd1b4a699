import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/**
 * Four kinds of tests. unit: no database, no network. db: real PostgreSQL (embedded, or HOLDFAST_TEST_DATABASE_URL).
 * e2e: black box against real programs; each file says which peers it needs (e2e/peers/needs.ts). web: components.
 */
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'server/src/**/*.test.ts',
            'tools/**/*.test.ts',
            'server/testkit/**/*.test.ts',
            'server/demo/**/*.test.ts',
          ],
          // What only calculates does not depend on who runs it: in CI once, as root, is enough.
          exclude: [
            '**/*.db.test.ts',
            ...(process.env['CI'] === 'true' && process.getuid?.() !== 0
              ? ['core', 'protocols'].map((room) => `server/src/${room}/**`)
              : []),
          ],
          maxWorkers: availableParallelism(),
          // Loading the modules anew for each file took longer than most files.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'db',
          include: ['server/**/*.db.test.ts'],
          globalSetup: ['server/testkit/postgres-setup.ts'],
          // they mostly wait, for commits and for time; a slow disk makes each of them several times slower
          maxWorkers: 4,
          isolate: false,
          testTimeout: 90_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          // CI has forty minutes; `npm test` elsewhere runs these too. The bench at its limits and beside five million messages
          // says nothing about the product (CI smokes it by hot-path and edge-smoke); mailboxes that fail for minutes are
          // proved on the database as well (core/continuity/mailbox-watch.db.test.ts).
          exclude: [
            '**/node_modules/**',
            ...(process.env['CI'] === 'true'
              ? ['flat-smoke', 'limits-smoke', 'mailboxes-that-fail'].map((name) => `e2e/${name}.test.ts`)
              : []),
          ],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          // They mostly wait for time-outs and programs. Each has its own folders and ports; bounds of seconds are twice what is
          // promised, so that one beside it does not matter.
          maxWorkers: 2,
        },
      },
      { extends: true, test: { name: 'web', include: ['web/src/**/*.test.ts', 'web/src/**/*.test.tsx'] } },
    ],
  },
})
