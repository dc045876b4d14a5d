import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Starts the measured servers and the generators. If there are two cores and the system allows it,
 * the server under test runs alone on one, and the generator and nats-server on the other.
 */

export const serverCore = 0;
export const generatorCore = 1;

const here = path.dirname(fileURLToPath(import.meta.url));

const canPin = ((): boolean => {
  if (os.availableParallelism() < 2) return false;
  try {
    execFileSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

export const pinning = canPin ? 'server and generator pinned to cores 0 and 1' : 'not pinned';

/** A command that starts on a core: runtimes that count the cores at their start find one. */
export function startingOn(core: number, command: readonly string[]): [string, string[]] {
  const [program, ...args] = canPin ? ['taskset', '-c', String(core), ...command] : command;
  return [program!, args];
}

/** Moves a process and all its threads to a core. */
export function pin(processId: number, core: number): void {
  if (canPin)
    execFileSync('taskset', ['-apc', String(core), String(processId)], { stdio: 'ignore' });
}

/** Lets a process and all its threads run on every core. */
export function unpin(processId: number): void {
  const last = os.cpus().length - 1;
  if (canPin) {
    execFileSync('taskset', ['-apc', `0-${last}`, String(processId)], { stdio: 'ignore' });
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Server {
  readonly port: number;
  readonly processId: number;
  stop(): Promise<void>;
}

/** Starts a peer of bench/peers, which prints "ready" when it listens. */
export async function startPeer(name: string, ...args: string[]): Promise<Server> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [path.join(here, 'peers', `${name}.ts`), String(port), ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  pin(child.pid!, serverCore);
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`${name} exited with code ${code}`)));
  });
  return { port, processId: child.pid!, stop: () => stopChild(child) };
}

export interface Gate extends Server {
  readonly adminPort: number;
  readonly nats: {
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly processId: number;
  };
  /** The largest resident size so far, in bytes. */
  memoryMax(): number;
}

/** `folder`: the `bench` of another checkout, whose gate it starts instead. `flags`: more of Node's. */
export async function startGate(
  env: Record<string, string>,
  folder = here,
  flags: readonly string[] = [],
): Promise<Gate> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'headgate-bench-'));
  const child = fork(path.join(folder, 'gate.ts'), {
    execArgv: [...runtimeFlags, ...flags],
    env: {
      ...process.env,
      // As src/main.ts sets it.
      NODE_COMPILE_CACHE: path.join(folder, '..', 'node_modules', '.headgate', 'compile-cache'),
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_DATA_DIR: dataDir,
      HEADGATE_LOG_LEVEL: 'warn',
      HEADGATE_SCHEMAS_DIR: path.join(folder, '..', 'schemas'),
      ...env,
    },
  });
  pin(child.pid!, serverCore);
  interface StartedGate {
    readonly port: number;
    readonly adminPort: number;
    readonly natsProcessId: number;
  }
  const started = await new Promise<StartedGate>((resolve, reject) => {
    child.once('message', (message) => resolve(message as never));
    child.once('exit', (code) => reject(new Error(`the gate exited with code ${code}`)));
  });
  pin(started.natsProcessId, generatorCore);
  const client = JSON.parse(readFileSync(path.join(dataDir, 'nats', 'client.json'), 'utf8')) as {
    url: string;
    user: string;
    password: string;
  };
  return {
    port: started.port,
    adminPort: started.adminPort,
    processId: child.pid!,
    nats: {
      port: Number(new URL(client.url).port),
      user: client.user,
      password: client.password,
      processId: started.natsProcessId,
    },
    memoryMax: () => residentBytesMax(child.pid!),
    stop: async () => {
      await stopChild(child);
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** The address of a gate's nats-server, with user and password. */
export function natsUrlOf({ nats: { user, password, port } }: Gate): string {
  return `nats://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`;
}

/**
 * Starts a process that delivers and takes no events. `folder` is the `bench` of its checkout; `env` names the
 * nats-server, the configuration and the folder of its data.
 */
export function forkWorker(
  folder: string,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): ChildProcess {
  return fork(path.join(folder, 'gate.ts'), {
    execArgv: [...runtimeFlags, ...flags],
    env: {
      ...process.env,
      HEADGATE_ROLES: 'deliver',
      HEADGATE_DURABILITY: 'async',
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_LOG_LEVEL: 'warn',
      ...env,
    },
  });
}

/** The resident size of a process, in bytes. Needs Linux's /proc. */
export const residentBytes = (processId: number): number => statusBytes(processId, 'VmRSS');

/** The largest resident size of a process so far, in bytes. Needs Linux's /proc. */
export const residentBytesMax = (processId: number): number => statusBytes(processId, 'VmHWM');

function statusBytes(processId: number, line: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8');
  return Number(new RegExp(`${line}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
}

/** The flags of `npm start`. */
const { scripts } = JSON.parse(readFileSync(path.join(here, '..', 'package.json'), 'utf8')) as {
  scripts: { start: string };
};
export const runtimeFlags: readonly string[] = scripts.start
  .split(' ')
  .filter((part) => part.startsWith('--'));

/** Runs a script of bench/ until it exits, and parses the JSON that it prints. */
export async function runScript<T>(
  script: string,
  options: object,
  core: number,
  env: Record<string, string> = {},
): Promise<T> {
  const child = spawn(process.execPath, [path.join(here, script), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  pin(child.pid!, core);
  let text = '';
  child.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${script} exited with code ${String(code)}`);
  return JSON.parse(text) as T;
}

/**
 * Makes the kernel write everything to disk. All servers share one disk, so a measure with `fsync`
 * would otherwise wait for the writes of an earlier measure without it.
 */
export function settleDisk(): void {
  if (process.platform !== 'win32') execFileSync('sync', { stdio: 'ignore' });
}

const stopTimeoutMs = 10_000;

export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}

/** True if the machine has Linux's /proc. */
export const canMeasureMemory = existsSync('/proc/self/status');
