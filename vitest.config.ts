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
          // Their minutes on the fake clock do not depend on who runs them: in CI once, as root, is enough.
          exclude: [
            '**/*.db.test.ts',
            ...(process.env['CI'] === 'true' && process.getuid?.() !== 0
              ? ['fault-matrix', 'judging', 'hold-down'].map((name) => `server/src/core/continuity/${name}.test.ts`)
              : []),
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'db',
          include: ['server/**/*.db.test.ts'],
          globalSetup: ['server/testkit/postgres-setup.ts'],
          // they mostly wait, for commits and for time
          maxWorkers: 4,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          // The bench at its limits and beside five million messages: five minutes that say nothing about the product. CI has
          // forty, and smokes the bench by hot-path and edge-smoke; `npm test` elsewhere runs these too.
          exclude: [
            '**/node_modules/**',
            ...(process.env['CI'] === 'true' ? ['e2e/flat-smoke.test.ts', 'e2e/limits-smoke.test.ts'] : []),
          ],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      { extends: true, test: { name: 'web', include: ['web/src/**/*.test.ts', 'web/src/**/*.test.tsx'] } },
    ],
  },
})
