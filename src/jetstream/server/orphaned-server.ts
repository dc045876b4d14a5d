import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../../errors.ts';
import { privateFile } from './store-lock.ts';

const stopTimeoutMs = 10_000;

/** The process that serves a store, for the next start, for `headgate doctor` and for operators. */
export interface ServerRecord {
  readonly processId: number;
  readonly binary: string;
  /** How much memory it may use. */
  readonly memoryBytes: number;
}

const recordFileOf = (storeDir: string): string => path.join(storeDir, 'nats-server.json');

export function rememberServer(storeDir: string, record: ServerRecord): void {
  writeFileSync(recordFileOf(storeDir), JSON.stringify(record), { mode: privateFile });
}

/**
 * Each field may be missing: earlier versions wrote fewer, and a start may be killed while it writes.
 */
export function readServerRecord(storeDir: string): Partial<ServerRecord> {
  try {
    const text = readFileSync(recordFileOf(storeDir), 'utf8');
    return (JSON.parse(text) as Partial<ServerRecord> | null) ?? {};
  } catch {
    return {};
  }
}

/**
 * Stops the nats-server of an earlier Headgate that was killed: two servers on one store would
 * destroy it. Stops a process only if its command line names this store, because process ids are
 * reused. Throws a StartError if the process does not stop.
 *
 * `storeDir` is the real path, as in the orphan's command line.
 */
export async function stopOrphan(storeDir: string): Promise<void> {
  const configFile = path.join(storeDir, 'nats-server.conf');
  for (const processId of serversOf(storeDir, configFile)) {
    signal(processId, 'SIGINT');
    const deadline = performance.now() + stopTimeoutMs;
    while (serves(processId, configFile)) {
      if (performance.now() > deadline) signal(processId, 'SIGKILL');
      if (performance.now() > deadline + stopTimeoutMs) {
        throw new StartError(
          `A nats-server of an earlier run (process ${processId}) does not stop. Stop it, then start again.`,
        );
      }
      await sleep(20);
    }
  }
  for (const file of portsFiles(storeDir)) rmSync(path.join(storeDir, file), { force: true });
}

function portsFiles(storeDir: string): string[] {
  return readdirSync(storeDir).filter((file) => /^nats-server_\d+\.ports$/.test(file));
}

/**
 * The processes that serve this store. Candidates are the recorded process, the processes with a
 * ports file and, if the system has /proc, all processes, because a gate may be killed before it
 * records its server. The result holds only processes whose command line names the configuration
 * file.
 */
function serversOf(storeDir: string, configFile: string): number[] {
  const candidates = new Set(portsFiles(storeDir).map((file) => Number(/\d+/.exec(file)![0])));
  const { processId } = readServerRecord(storeDir);
  if (Number.isInteger(processId)) candidates.add(processId!);
  if (existsSync('/proc/self/cmdline')) {
    for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) candidates.add(Number(name));
  }
  return [...candidates].filter((processId) => serves(processId, configFile));
}

/** Sends a signal. Ignores a process that has ended since it was found. */
function signal(processId: number, name: 'SIGINT' | 'SIGKILL'): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Whether the process was started with this configuration file. False if the process does not exist
 * or is a zombie.
 */
function serves(processId: number, configFile: string): boolean {
  try {
    return readFileSync(`/proc/${processId}/cmdline`, 'utf8').split('\0').includes(configFile);
  } catch {
    if (existsSync('/proc/self/cmdline')) return false;
  }
  try {
    const commandLine = execFileSync('ps', ['-o', 'command=', '-p', String(processId)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return commandLine.trimEnd().endsWith(` ${configFile}`);
  } catch {
    return false;
  }
}
