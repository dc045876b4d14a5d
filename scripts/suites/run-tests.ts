import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Runs every test and ends with one plain line of totals, for people and programs alike. */
const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-tests-'));
const report = path.join(folder, 'report.json');

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

try {
  const { status } = spawnSync(
    'vitest',
    [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ],
    { stdio: 'inherit' },
  );
  const totals = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const skipped = totals.numPendingTests + totals.numTodoTests;
  console.log(
    `${totals.numPassedTests} passed, ${totals.numFailedTests} failed, ${skipped} skipped`,
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
