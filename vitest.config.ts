import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { publicModules } from './scripts/build/public-modules.ts';

/** What loads all cores, measures against itself, or starts many processes. */
const alone = ['cluster', 'hostile', 'http-clients', 'limits', 'log', 'package', 'processes'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);
/**
 * Node strips the types of a `.ts` file by a WebAssembly module, once more in every thread. In a process that starts
 * and ends many threads V8 13 sometimes dies where it compiles the calls out of that module
 * ("Check failed: jit_page.has_value()", nodejs/node#64500), so here it never does. The built package has no types to strip.
 */
const execArgv = ['--wasm-wrapper-tiering-budget=1000000000'];

const realServers = {
  // The longest take 40 s, and three times as long on a busy machine.
  testTimeout: 240_000,
  hookTimeout: 60_000,
  globalSetup: ['scripts/build/for-tests.ts'],
  setupFiles: ['test/property-seed.ts'],
  execArgv,
};

/** Tests of the examples import `headgate/destination` and others: here the source, not the build. */
const resolve = {
  alias: Object.entries(publicModules).map(([name, file]) => ({
    find: new RegExp(`^headgate/${name}$`),
    replacement: fileURLToPath(new URL(file, import.meta.url)),
  })),
};

/**
 * `unit`: beside the code, no servers, files side by side on all cores. `integration`: the real service,
 * a real nats-server and real clients; two files at a time, because most of their time is waiting.
 * `alone`: likewise, one file at a time. No test is tried twice here: `npm test` says what is unsteady.
 */
export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'client/src/**/*.test.ts',
            'console/**/*.test.ts',
            'bench/**/*.test.ts',
            'scripts/**/*.test.ts',
            'examples/**/*.test.ts',
          ],
          testTimeout: 60_000,
          setupFiles: ['test/property-seed.ts'],
          execArgv,
          maxWorkers: '100%',
          // Modules do no work and keep no state, so files can share them: half of the time.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        test: {
          ...realServers,
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        test: {
          ...realServers,
          name: 'alone',
          include: alone,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
