import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { adminToken } from '../../test/admin-token.ts';
import { runtimeFlags, stopChild } from '../processes.ts';

export const destination = 'bench';

/** A gate or a worker, in a process of its own. */
export interface Program {
  readonly processId: number;
  readonly port: number;
  readonly adminUrl: string;
  /** Throws if it did not end well. */
  stop(): Promise<void>;
}

export interface Worker extends Program {
  /** The positions of the events that it has delivered, as often as it has; after its end. */
  delivered(): number[];
}

const here = path.dirname(fileURLToPath(import.meta.url));

export interface ProgramOptions {
  /** With user and password. */
  readonly natsUrl: string;
  /** Created; the caller removes it. */
  readonly folder: string;
  readonly partitions: number;
  /** `log.storage_bytes_max`. */
  readonly storageBytesMax: number;
}

export function startGate(options: ProgramOptions): Promise<Program> {
  return start(options, { HEADGATE_ROLES: 'gate' });
}

export async function startWorker(options: ProgramOptions): Promise<Worker> {
  const { folder } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [file, config] = ['delivered', 'headgate.yaml'].map((name) => path.join(folder, name));
  const settings = { type: 'module', path: path.join(here, 'acknowledge.ts'), options: { file } };
  // JSON is YAML too.
  const tree = { destinations: { [destination]: { from: 'earliest', ...settings } } };
  writeFileSync(config!, JSON.stringify(tree), { mode: 0o600 });
  const program = await start(options, { HEADGATE_ROLES: 'deliver', HEADGATE_CONFIG: config! });
  return {
    ...program,
    delivered: () => {
      const text = existsSync(file!) ? readFileSync(file!, 'utf8') : '';
      return text === '' ? [] : text.split('\n').map(Number);
    },
  };
}

async function start(options: ProgramOptions, env: Record<string, string>): Promise<Program> {
  const child = fork(path.join(here, '..', 'gate.ts'), {
    execArgv: [...runtimeFlags],
    // Its log lines are no part of the results.
    stdio: ['ignore', 2, 2, 'ipc'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_TOKEN: adminToken,
      HEADGATE_DATA_DIR: options.folder,
      HEADGATE_DURABILITY: 'replicated',
      HEADGATE_LOG_LEVEL: 'error',
      HEADGATE_LOG_PARTITIONS: String(options.partitions),
      HEADGATE_LOG_STORAGE_BYTES_MAX: String(options.storageBytesMax),
      // Longer than a busy machine takes: an event that is not acknowledged is not in the counts.
      HEADGATE_NATS_PUBLISH_TIMEOUT: '60s',
      HEADGATE_NATS_URL: options.natsUrl,
      HEADGATE_SCHEMAS_DIR: path.join(here, '..', '..', 'schemas'),
      ...env,
    },
  });
  const { port, adminPort } = await started(child);
  return {
    processId: child.pid!,
    port,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    stop: async () => {
      await stopChild(child);
      if (child.exitCode !== 0) throw new Error(`a program ended with ${child.exitCode}`);
    },
  };
}

function started(child: ChildProcess): Promise<{ port: number; adminPort: number }> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as never));
    child.once('exit', (code) => reject(new Error(`a program ended at its start with ${code}`)));
  });
}
