import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The programs of a test runner, by the folder of its example. */
const runners: Readonly<Record<string, { readonly needs: string[]; readonly run: string[] }>> = {
  python: {
    needs: ['python3', '-c', 'import pytest'],
    run: ['python3', '-m', 'pytest', '-q', '-p', 'no:cacheprovider'],
  },
  go: { needs: ['go', 'version'], run: ['go', 'test', '-count=1', './...'] },
};

test.each(Object.entries(runners))('the example in %s passes', (folder, { needs, run }) => {
  const has = spawnSync(needs[0]!, needs.slice(1));
  if (has.status !== 0) {
    console.warn(`skipped: the mock from ${folder}, which needs ${needs.join(' ')}`);
    return;
  }
  const scratch = mkdtempSync(path.join(tmpdir(), 'headgate-mock-'));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  const command = [process.execPath, path.join(root, 'bin/headgate.js'), 'mock'];
  const ran = spawnSync(run[0]!, run.slice(1), {
    cwd: path.join(root, 'examples/mock', folder),
    encoding: 'utf8',
    env: {
      ...process.env,
      HEADGATE_MOCK_COMMAND: [...command, '--schemas', path.join(root, 'schemas')].join(' '),
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  if (ran.status !== 0) console.error(ran.stdout + ran.stderr);
  expect(ran.status).toBe(0);
});
