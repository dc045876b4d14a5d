import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * Runs every test and ends with one plain line of totals, for people and programs alike. Where a few
 * failed, their files run once more, alone: what fails again is broken; what passes then is named, as
 * unsteady, because it depends on how busy the machine was, and that is a fault to be found.
 */
const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-tests-'));

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    /** The path of the file. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** More are no accident. */
const againMax = 5;

function run(name: string, args: readonly string[]): { status: number; report: Report } {
  const file = path.join(folder, `${name}.json`);
  const { status } = spawnSync(
    'vitest',
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args],
    { stdio: 'inherit' },
  );
  return { status: status ?? 1, report: JSON.parse(readFileSync(file, 'utf8')) as Report };
}

function failedTests(report: Report): string[] {
  return report.testResults.flatMap(({ name, status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    // Its process may have ended before its tests did.
    if (failed.length === 0 && status === 'failed')
      return [`${path.relative('.', name)}: the file`];
    return failed.map(({ fullName }) => `${path.relative('.', name)}: ${fullName}`);
  });
}

try {
  const first = run('report', process.argv.slice(2));
  const totals = first.report;
  const failed = failedTests(totals);
  const files = totals.testResults.filter(({ status }) => status === 'failed');
  let { numPassedTests: passed, numFailedTests: broken } = totals;
  let { status } = first;
  let stillFailed = failed;
  if (files.length > 0 && failed.length <= againMax && files.length <= againMax) {
    console.log(
      `\nOnce more, alone: ${files.map(({ name }) => path.relative('.', name)).join(' ')}`,
    );
    const names = files.map(({ name }) => path.relative('.', name));
    const again = run('again', [...names, '--no-file-parallelism']);
    ({ status } = again);
    broken = Math.max(again.report.numFailedTests, again.status === 0 ? 0 : 1);
    passed += Math.max(0, failed.length - broken);
    stillFailed = failedTests(again.report);
    for (const test of failed.filter((one) => !stillFailed.includes(one))) {
      console.log(`UNSTEADY, failed beside the others and passed alone: ${test}`);
    }
  }
  // The reasons stand far above: here are the names, for who sees only the end.
  for (const test of stillFailed) console.log(`FAILED ${test}`);
  const skipped = totals.numPendingTests + totals.numTodoTests;
  console.log(`${passed} passed, ${broken} failed, ${skipped} skipped`);
  process.exitCode = status;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
