/**
 * Runs dbt with the sources that `headgate schemas docs --format dbt` makes. dbt is installed from PyPI into
 * `.headgate/engines/dbt` and stays there; `npm test` uses it from then on. Says so, and exits 0, where it
 * cannot be installed.
 *
 *     npm run test:dbt
 *     npm run test:dbt -- --install-only
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { dbtFolder, dbtProgram } from '../../test/tables/dbt/dbt-program.ts';

const packages = ['dbt-core==1.11.16', 'dbt-duckdb==1.11.1'];

const args = process.argv.slice(2);

if (existsSync(dbtProgram) || install()) {
  if (!args.includes('--install-only')) run();
} else console.log(`test:dbt: skipped: ${packages.join(', ')} could not be installed`);

function install(): boolean {
  mkdirSync(path.dirname(dbtFolder), { recursive: true });
  const pip = path.join(path.dirname(dbtProgram), 'pip');
  const isInstalled =
    spawnSync('python3', ['-m', 'venv', dbtFolder], { stdio: 'inherit' }).status === 0 &&
    spawnSync(pip, ['install', '-q', ...packages], { stdio: 'inherit' }).status === 0;
  if (!isInstalled) rmSync(dbtFolder, { recursive: true, force: true });
  return isInstalled;
}

function run(): void {
  const { status } = spawnSync('vitest', ['run', 'test/tables/dbt', ...args], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
