import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { pathOf } from './installed-package.ts';

/** A gate that runs in an installed package. */
export interface RunningGate extends AsyncDisposable {
  readonly url: string;
  readonly processId: number;
  /** All that it has printed. */
  readonly printed: () => string;
}

/** Runs `headgate serve` by this Node. Rejects with what it printed if it does not start. */
export async function startGate(
  folder: string,
  node: string,
  env: Readonly<Record<string, string>> = {},
  cwd: string = folder,
): Promise<RunningGate> {
  const command = path.join(folder, 'node_modules/.bin/headgate');
  const child = spawn(command, ['serve'], {
    cwd,
    env: {
      PATH: pathOf(node),
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  const started = Promise.withResolvers<void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    if (/Ctrl-C drains and stops/.test(printed)) started.resolve();
  });
  const ended = once(child, 'close').then(() => started.reject(new Error(printed)));
  await started.promise;
  return {
    url: /takes events on (\S+)/.exec(printed)![1]!,
    processId: child.pid!,
    printed: () => printed,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
