/**
 * Installs vendors' SDKs, current and old, each into a folder of its own below `.headgate/sdks`
 * (HEADGATE_TEST_SDKS names another), and runs a program of each against a real gate: test/sdks.
 * Prints a table of what arrived and what the SDK believed. An SDK that cannot be had is skipped and
 * named. `npm test` runs a selection of those that are installed from then on.
 *
 *     npm run test:sdks
 *     npm run test:sdks -- --languages python,node
 *     npm run test:sdks -- --install-only          # those that npm test runs
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

import { install } from '../../test/sdks/cache.ts';
import { isInShortRun, notRun, sdks, titleOf, type Sdk } from '../../test/sdks/sdks.ts';

const { values, positionals } = parseArgs({
  options: {
    languages: { type: 'string', default: 'python,node,go,java' },
    'install-only': { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const languages = values.languages.split(',');

const isWanted = (sdk: Sdk): boolean =>
  values['install-only'] ? isInShortRun(sdk) : languages.includes(sdk.language.toLowerCase());

for (const sdk of sdks.filter(isWanted)) {
  const reason = await install(sdk);
  if (reason !== undefined) console.log(`test:sdks: ${titleOf(sdk)}: skipped: ${reason}`);
}
for (const reason of notRun) console.log(`test:sdks: skipped: ${reason}`);
if (!values['install-only']) run();

function run(): void {
  const env = { ...process.env, HEADGATE_SDKS: values.languages };
  const args = ['run', 'test/sdks', ...positionals];
  const { status } = spawnSync('vitest', args, { stdio: 'inherit', env });
  process.exitCode = status ?? 1;
}
