import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';

import { pathOf } from '../package/installed-package.ts';

/** What a command printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npx headgate serve` in the folder. */
export interface ServingGate {
  readonly url: string;
  /** What tells the other commands where the admin port is. */
  readonly env: Readonly<Record<string, string>>;
  readonly printed: () => string;
  /** Ctrl-C, as in a terminal. */
  readonly stop: () => Promise<void>;
}

/** The variables of a shell of the user's: none of ours, nor those by which npm runs a script. */
const variables: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(HEADGATE_|VITEST|NODE_|npm_(package|lifecycle|config_local_prefix))/.test(name),
    ),
  ),
  PATH: pathOf(process.execPath),
};

/** Runs a command in a folder, as a shell does. */
export function runIn(
  folder: string,
  command: readonly [string, ...string[]],
  { env = {}, input = '' }: { env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<Ran> {
  const [name, ...args] = command;
  return new Promise((resolve) => {
    const child = execFile(
      name,
      args,
      { cwd: folder, env: { ...variables, ...env }, timeout: 60_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin!.end(input);
  });
}

/** Starts the gate on free ports. Rejects with what it printed if it does not start. */
export async function serveIn(folder: string): Promise<ServingGate> {
  const child = spawn('npx', ['--no', 'headgate', 'serve'], {
    cwd: folder,
    env: { ...variables, HEADGATE_LISTEN: '127.0.0.1:0', HEADGATE_ADMIN_LISTEN: '127.0.0.1:0' },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of its own, as a terminal gives it: Ctrl-C reaches all of it.
    detached: true,
  });
  let printed = '';
  const started = Promise.withResolvers<void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    if (/Ctrl-C drains and stops/.test(printed)) started.resolve();
  });
  const ended = once(child, 'close') as Promise<unknown>;
  void ended.then(() => started.reject(new Error(`it did not start: ${printed}`)));
  await started.promise;
  const found = (pattern: RegExp): string => pattern.exec(printed)![1]!;
  return {
    url: found(/takes events on (\S+)/),
    env: { HEADGATE_ADMIN_LISTEN: found(/Metrics and health: http:\/\/(\S+)\/metrics/) },
    printed: () => printed,
    stop: async () => {
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGINT');
      // npx ends by the signal, and its output when the gate has ended, too.
      await ended;
    },
  };
}
