import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { adminToken } from '../admin-token.ts';
import { programFile } from '../tested-program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface CliAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The repository by default. */
  readonly cwd?: string;
  /** Written to standard input, which is then closed. Else it is empty. */
  readonly input?: string | Buffer;
}

/** Starts the real command line in a process of its own, without our own HEADGATE_* variables, as an operator. */
export function spawnCli(
  args: readonly string[],
  env: CliOptions['env'] = {},
  cwd: string = root,
): ChildProcess {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('HEADGATE_') || name === 'HEADGATE_NATS_SERVER_BIN',
  );
  return spawn(process.execPath, [programFile(), ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), HEADGATE_ADMIN_TOKEN: adminToken, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs a command line to its end. */
export async function runCli(
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliAnswer> {
  const child = spawnCli(args, options.env, options.cwd);
  const answer = collect(child);
  // A command that does not read it closes the pipe.
  child.stdin!.on('error', () => {});
  child.stdin!.end(options.input);
  return answer;
}

/** Waits for the end of a process, and gives what it wrote. */
export async function collect(child: ChildProcess): Promise<CliAnswer> {
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
