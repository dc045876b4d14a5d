import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { runCli } from '../cli/run-cli.ts';
import { everySchema } from './generated-client.ts';

test('headgate codegen writes and checks its file, and never overwrites another one', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-codegen-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'out/events.ts');
  const run = (...args: string[]) =>
    runCli(['codegen', '--lang', 'ts', '--out', path.dirname(file), ...args]);
  const missing = await run('--check');
  expect(missing).toMatchObject({ code: 1, stdout: '' });
  expect(missing.stderr).toContain('is not there');

  expect(await run()).toMatchObject({ code: 0, stdout: `wrote ${file}\n`, stderr: '' });
  expect(await readFile(file, 'utf8')).toContain('export function orderCompleted<Answer>(');
  expect(await run()).toMatchObject({ code: 0, stdout: `${file} is up to date\n` });
  expect(await run('--check')).toMatchObject({ code: 0 });
  const changed = await run('--check', '--schemas', everySchema);
  expect(changed).toMatchObject({ code: 1 });
  expect(changed.stderr).toContain('is not what the schemas say now');

  await writeFile(file, 'export const mine = 1;\n');
  const foreign = await run();
  expect(foreign).toMatchObject({ code: 1, stdout: '' });
  expect(foreign.stderr).toContain('was not written by this command');
  expect(await readFile(file, 'utf8')).toBe('export const mine = 1;\n');

  const unknown = await runCli(['codegen', '--lang', 'cobol', '--out', folder]);
  expect(unknown).toMatchObject({ code: 2 });
});
