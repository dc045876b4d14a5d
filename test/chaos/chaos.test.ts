import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const suite = fileURLToPath(new URL('../../scripts/suites/chaos.ts', import.meta.url));
const timeoutMs = 110_000;

/** One round of each; `npm run chaos` has all of them, and longer. */
const selection = ['partition-bridge', 'kill-worker', 'power-cut-embedded', 'kill-embedded'];

test('a short selection of chaos loses nothing and doubles nothing', (context) => {
  const args = ['--rounds', '1', '--seconds', '2', '--scenario', selection.join(',')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [suite, ...args], {
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGTERM',
  });
  console.log(stdout);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const held = [...stdout.matchAll(/^\| (\S+) \| 1 \| \d+ \| 0 \| 0 \|.* held \|$/gmu)];
  const skipped = [...stdout.matchAll(/^(\S+): skipped: .+$/gmu)];
  expect([...held, ...skipped].map(([, name]) => name).toSorted()).toEqual(selection.toSorted());
  if (skipped.length > 0) context.annotate(`skipped: ${skipped.length}`);
}, 120_000);
