import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { adminToken, asAdmin } from '../admin-token.ts';
import { httpEngine } from '../http-engine.ts';
import { programFile } from '../tested-program.ts';
import { waitOrThrow } from './wait.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readyTimeoutMs = 60_000;

/** `headgate serve`, started again and again on one data directory and the same ports. */
export interface Program {
  readonly url: string;
  readonly dataDir: string;
  readonly logFile: string;
  /** Starts the process and does not wait until it is ready. */
  start(): void;
  waitUntilReady(): Promise<void>;
  /** Resolves when the process has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
  processId(): number;
  /** The nats-servers of its data directory. */
  servers(): number[];
  /** The value of a metric without labels; undefined while there is none. */
  metric(name: string): Promise<number | undefined>;
}

export interface ProgramOptions {
  readonly folder: string;
  readonly name: string;
  readonly yaml: string;
  readonly env: Readonly<Record<string, string>>;
  readonly dataDir?: string;
}

export async function prepareProgram(options: ProgramOptions): Promise<Program> {
  const { folder, name } = options;
  const dataDir = options.dataDir ?? path.join(folder, name);
  mkdirSync(dataDir, { recursive: true });
  const config = path.join(folder, `${name}.yaml`);
  writeFileSync(config, options.yaml);
  const logFile = path.join(folder, `${name}.log`);
  const [port, adminPort] = [await freePort(), await freePort()];
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const env = {
    PATH: process.env['PATH'] ?? '',
    HEADGATE_LISTEN: `127.0.0.1:${port}`,
    HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    HEADGATE_ADMIN_TOKEN: adminToken,
    HEADGATE_DATA_DIR: dataDir,
    HEADGATE_HTTP_ENGINE: httpEngine,
    HEADGATE_SHUTDOWN_GRACE: '3s',
    ...options.env,
  };
  let child: ChildProcess | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    dataDir,
    logFile,
    start: () => {
      const log = openSync(logFile, 'a');
      const args = [programFile(), 'serve', '--config', config];
      child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', log, log] });
      closeSync(log);
    },
    waitUntilReady: () =>
      waitOrThrow(
        `${name} is ready (${logFile})`,
        () => fetch(`${adminUrl}/readyz`).then(isOk, () => false),
        readyTimeoutMs,
      ),
    kill: async (signal) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await once(child, 'close');
    },
    processId: () => child!.pid!,
    servers: () => serversOn(dataDir),
    metric: async (metric) => {
      const page = await fetch(`${adminUrl}/metrics`, asAdmin).then(
        (answer) => answer.text(),
        () => '',
      );
      const value = new RegExp(`^${metric} (\\S+)$`, 'm').exec(page)?.[1];
      return value === undefined ? undefined : Number(value);
    },
  };
}

async function isOk(answer: Response): Promise<boolean> {
  await answer.arrayBuffer();
  return answer.ok;
}

function serversOn(dataDir: string): number[] {
  const config = path.join(dataDir, 'nats', 'nats-server.conf');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((processId) => {
      try {
        return readFileSync(`/proc/${processId}/cmdline`, 'utf8').split('\0').includes(config);
      } catch {
        return false;
      }
    });
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}
