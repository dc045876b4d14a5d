import { defineConfig } from 'vitest/config';

/**
 * `unit`: beside the code. `integration`: the real service, a real nats-server and real clients. One
 * file at a time, because they share the cores with the servers they start.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'client/src/**/*.test.ts',
            'bench/**/*.test.ts',
            'scripts/**/*.test.ts',
            'examples/**/*.test.ts',
          ],
          testTimeout: 60_000,
          setupFiles: ['test/property-seed.ts'],
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          // On a machine that is busy with other work a deadline may pass: said at the end of the run.
          retry: 1,
          setupFiles: ['test/property-seed.ts'],
          fileParallelism: false,
        },
      },
    ],
  },
});
