import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { root } from '../documentation/markdown.ts';

/** `npm run dev` and `npm start`, on a copy of the sources, so that a change of one disturbs no other test. */
let folder: string;
let dev: ChildProcess;
let output: string;

beforeEach(() => {
  output = '';
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'headgate-dev-')));
  for (const name of ['src', 'gen', 'schemas', 'package.json']) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
});

function start(script: 'dev' | 'start', env: Readonly<Record<string, string>>): void {
  dev = spawn('npm', ['run', script], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      ...env,
    },
  });
  dev.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  dev.stderr!.setEncoding('utf8').on('data', (text: string) => (output += text));
}

afterEach(async () => {
  // By SIGTERM, which it passes on: a killed one would leave the service behind.
  if (dev.exitCode === null && dev.signalCode === null) {
    const exit = once(dev, 'exit');
    dev.kill('SIGTERM');
    await exit;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

const starts = (): number => output.split('Headgate takes events on ').length - 1;
const patience = { timeout: 60_000, interval: 100 };

// Node watches every process of it, and its threads, by messages among their own.
it.for(['1', '2'])(
  'starts the service in %s processes, starts it again when a source changes, and stops it',
  async (processes) => {
    start('dev', { HEADGATE_PROCESSES: processes });
    await vi.waitFor(() => expect(starts()).toBe(1), patience);
    appendFileSync(path.join(folder, 'src/event/glob.ts'), '// A change.\n');
    await vi.waitFor(() => expect(starts()).toBe(2), patience);
    expect(output).toContain('SIGTERM: draining');
    const exit = once(dev, 'exit');
    dev.kill('SIGTERM');
    await exit;
    expect(output.split('SIGTERM: draining').length - 1).toBe(2);
  },
);

it('npm start passes on the signal that stops it', async () => {
  start('start', {});
  await vi.waitFor(() => expect(starts()).toBe(1), patience);
  const exit = once(dev, 'close');
  dev.kill('SIGTERM');
  await exit;
  expect(output).toContain('SIGTERM: draining');
});
