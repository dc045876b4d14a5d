/**
 * Gets the official JSON Schema Test Suite and runs its required part of draft 2020-12 against the
 * gate's validator. The suite is on no npm registry; the source package of Python's jsonschema carries
 * it. Needs pip; if it is missing or cannot fetch, says so and exits 0.
 *
 *     npm run test:json-schema
 *     npm run test:json-schema -- --install-only
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The version that its numbers in docs/contracts/contracts.md are of. */
const version = '4.25.1';

/** Kept for later runs, of `npm test` too; HEADGATE_TEST_JSON_SCHEMA_SUITE names another. */
export const suiteFolder =
  process.env['HEADGATE_TEST_JSON_SCHEMA_SUITE'] ??
  path.join(os.tmpdir(), `headgate-json-schema-suite-${version}`);

const fetchTimeoutMs = 180_000;

function main(): void {
  const reason = existsSync(suiteFolder) ? undefined : fetchSuite();
  if (reason !== undefined) {
    console.log(`test:json-schema: skipped: ${reason}`);
    return;
  }
  const args = process.argv.slice(2);
  if (args.includes('--install-only')) return;
  const { status } = spawnSync('vitest', ['run', 'test/json-schema', ...args], {
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}

/** Undefined: it is there. */
function fetchSuite(): string | undefined {
  const pip = ['python3', 'python']
    .map((python) => [python, '-m', 'pip'] as const)
    .find(([python, ...args]) => spawnSync(python, [...args, '--version']).status === 0);
  if (pip === undefined) return 'it needs pip, to get the suite from PyPI';
  const parent = path.dirname(suiteFolder);
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(path.join(parent, 'headgate-json-schema-'));
  try {
    const [python, ...args] = pip;
    const download = ['download', '-q', '--no-deps', '--no-binary', ':all:', '-d', folder];
    const options = { timeout: fetchTimeoutMs, encoding: 'utf8' } as const;
    const fetched = spawnSync(python, [...args, ...download, `jsonschema==${version}`], options);
    const archive = readdirSync(folder).find((name) => name.endsWith('.tar.gz'));
    if (fetched.status !== 0 || archive === undefined) {
      return `pip could not get jsonschema ${version}: ${(fetched.stderr ?? '').trim().split('\n').at(-1)}`;
    }
    if (spawnSync('tar', ['-xzf', path.join(folder, archive), '-C', folder]).status !== 0) {
      return 'tar could not unpack it';
    }
    renameSync(path.join(folder, `jsonschema-${version}`, 'json'), suiteFolder);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) main();
