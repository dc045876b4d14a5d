/**
 * Runs the tests of the clickhouse destination against ClickHouse's own engine: npm's `chdb`, 550 MB,
 * which is installed into `.headgate/engines` and stays there; `npm test` uses it from then on. Says
 * so, and exits 0, where it cannot be installed.
 *
 *     npm run test:clickhouse
 *     npm run test:clickhouse -- --install-only
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { engineFolder } from '../../test/clickhouse/engine.ts';

/** Its binary comes as an optional dependency, so nothing of it has to run at the install. */
const engine = 'chdb@3.4.0';

const args = process.argv.slice(2);

if (existsSync(path.join(engineFolder, 'node_modules', 'chdb')) || install()) {
  if (!args.includes('--install-only')) run();
} else console.log(`test:clickhouse: skipped: npm could not install ${engine}`);

function install(): boolean {
  mkdirSync(engineFolder, { recursive: true });
  writeFileSync(path.join(engineFolder, 'package.json'), '{ "private": true }\n');
  const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', engine];
  return spawnSync('npm', npm, { cwd: engineFolder, stdio: 'inherit' }).status === 0;
}

function run(): void {
  const { status } = spawnSync('vitest', ['run', 'test/clickhouse', ...args], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
