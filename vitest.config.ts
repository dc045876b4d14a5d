import { defineConfig } from 'vitest/config';

/**
 * `unit`: beside the code, no servers, files side by side on all cores. `integration`: the real service,
 * a real nats-server and real clients; one file at a time, because they share the cores with the servers
 * that they start. No test is tried twice: one that fails now and then is a fault, in it or in the code.
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
          maxWorkers: '100%',
          // Modules do no work and keep no state, so files can share them: half of the time.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          setupFiles: ['test/property-seed.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
