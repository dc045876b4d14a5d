import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import { adminToken } from '../admin-token.ts';
import { httpEngine } from '../http-engine.ts';
import { programFile } from '../tested-program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readyTimeoutMs = 30_000;

/** How a run of the program ended. */
export interface GateExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** One run of `headgate serve`. */
export interface GateRun {
  readonly processId: number;
  readonly exit: Promise<GateExit>;
  kill(signal: NodeJS.Signals): void;
}

/** The real program, started repeatedly on one data directory and the same two ports. */
export interface GateProcess extends AsyncDisposable {
  readonly url: string;
  readonly adminListen: string;
  readonly dataDir: string;
  /** Starts it and does not wait. */
  spawn(env?: Readonly<Record<string, string>>): GateRun;
  /** Starts it and waits until it is ready. If it ends instead, throws an error with its output. */
  start(): Promise<GateRun>;
  /** The nats-servers of this data directory: at most one at any time. */
  servers(): number[];
  /** The output of all its runs, for a failed test to show. */
  output(): string;
  /** Runs a command of `headgate` on this gate's admin port. */
  headgate(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export interface GateProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The text of headgate.yaml, given the data directory. */
  readonly yaml?: (dataDir: string) => string;
  /** The command, if it is not `serve`. */
  readonly command?: string;
  /** Takes what ends all of it. Default: at the end of the test. */
  readonly atEnd?: (dispose: () => Promise<void>) => void;
}

/**
 * Reserves ports and a folder without starting a process. Disposal kills all remaining processes.
 */
export async function prepareGate(options: GateProcessOptions = {}): Promise<GateProcess> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-crash-'));
  const configFile = path.join(dataDir, 'headgate.yaml');
  writeFileSync(configFile, options.yaml?.(dataDir) ?? '');
  const port = await freePort();
  const adminListen = `127.0.0.1:${await freePort()}`;
  const env = {
    ...inherited(),
    HEADGATE_LISTEN: `127.0.0.1:${port}`,
    HEADGATE_ADMIN_LISTEN: adminListen,
    HEADGATE_ADMIN_TOKEN: adminToken,
    HEADGATE_DATA_DIR: dataDir,
    HEADGATE_HTTP_ENGINE: httpEngine,
    HEADGATE_LOG_STORAGE_BYTES_MAX: '1GiB',
    HEADGATE_SHUTDOWN_GRACE: '3s',
    ...options.env,
  };
  const running = new Set<ChildProcess>();
  const servers = (): number[] => serversOn(dataDir);
  const killAll = (): void => {
    for (const child of running) child.kill('SIGKILL');
    for (const processId of servers()) killHard(processId);
  };
  process.once('exit', killAll);
  let output = '';

  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, args, { cwd: root, env: { ...env, ...more } });
    const written = { stdout: '', stderr: '' };
    running.add(child);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => (written[stream] += text));
    }
    const exit = once(child, 'close').then(([code, signal]) => {
      running.delete(child);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...written };
    });
    return { child, exit };
  };

  const start: GateProcess['spawn'] = (more) => {
    const { child, exit } = run(
      [programFile(), options.command ?? 'serve', '--config', configFile],
      more,
    );
    child.stdout!.on('data', (text: string) => (output += text));
    child.stderr!.on('data', (text: string) => (output += text));
    return { processId: child.pid!, exit, kill: (signal) => void child.kill(signal) };
  };

  const dispose = async (): Promise<void> => {
    const ended = [...running].map((child) => once(child, 'close'));
    killAll();
    await Promise.all(ended);
    // Kill servers that were started just before the first kill.
    killAll();
    process.removeListener('exit', killAll);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  // A test that times out never reaches its own disposal.
  (options.atEnd ?? onTestFinished)(dispose);

  return {
    url: `http://127.0.0.1:${port}`,
    adminListen,
    dataDir,
    spawn: start,
    start: async () => {
      const started = start();
      await waitReady(`http://${adminListen}/readyz`, started.exit);
      return started;
    },
    servers,
    output: () => output,
    headgate: (...args) => run([programFile(), ...args]).exit,
    [Symbol.asyncDispose]: dispose,
  };
}

function inherited(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'HEADGATE_NATS_SERVER_BIN']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

async function waitReady(url: string, exit: Promise<GateExit>): Promise<void> {
  let ended: GateExit | undefined;
  void exit.then((how) => (ended = how));
  let last = '';
  const deadline = performance.now() + readyTimeoutMs;
  while (performance.now() < deadline) {
    if (ended !== undefined) throw new Error(`the gate ended: ${JSON.stringify(ended)}`);
    const answer = await fetch(url).catch(() => undefined);
    last = (await answer?.text()) ?? 'no answer';
    if (answer?.ok) return;
    await sleep(20);
  }
  throw new Error(`the gate was not ready within ${readyTimeoutMs} ms: ${last}`);
}

/** Below the range of ephemeral ports, so that the system does not take a free port. */
const portMin = 20_000;
const portCount = 10_000;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = portMin + Math.floor(Math.random() * portCount);
    const server = net.createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** Every live process that was started with this data directory's nats-server.conf. */
function serversOn(dataDir: string): number[] {
  const configFile = path.join(dataDir, 'nats', 'nats-server.conf');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((processId) => {
      try {
        return readFileSync(`/proc/${processId}/cmdline`, 'utf8').split('\0').includes(configFile);
      } catch {
        return false;
      }
    });
}

/** Kills a process with SIGKILL. Ignores a process that has ended. */
export function killHard(processId: number): void {
  try {
    process.kill(processId, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Polls until `accept` returns true. Throws an error with the last value after `timeoutMs`. */
export async function until<Value>(
  read: () => Value | Promise<Value>,
  accept: (value: Value) => boolean,
  timeoutMs = 20_000,
  intervalMs = 25,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (accept(value)) return value;
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms; last seen: ${JSON.stringify(value)}`);
    }
    await sleep(intervalMs);
  }
}
