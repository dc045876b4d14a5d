import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../../errors.ts';

const stopTimeoutMs = 10_000;

/** Records which process serves this store: for the next start, and for people. */
export function rememberServer(storeDir: string, processId: number, binary: string): void {
  writeFileSync(path.join(storeDir, 'nats-server.json'), JSON.stringify({ processId, binary }));
}

/**
 * Stops the nats-server that an earlier Headgate left behind on this store when it was killed: two
 * servers on one store would destroy it. The process is stopped only when its own command line names
 * this store, because process ids are used again.
 *
 * `storeDir` is the real path, as the orphan was given it.
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
 * The servers of this store: the recorded one, those whose ports file is there, and where the system
 * lists its processes in /proc all others, because a gate may be killed before it has recorded
 * anything. Only processes whose command line names the file are in the list.
 */
function serversOf(storeDir: string, configFile: string): number[] {
  const candidates = new Set(portsFiles(storeDir).map((file) => Number(/\d+/.exec(file)![0])));
  const memory = path.join(storeDir, 'nats-server.json');
  if (existsSync(memory)) {
    try {
      const { processId } = JSON.parse(readFileSync(memory, 'utf8')) as { processId?: number };
      if (Number.isInteger(processId)) candidates.add(processId!);
    } catch {
      // A half-written file of a killed start.
    }
  }
  if (existsSync('/proc/self/cmdline')) {
    for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) candidates.add(Number(name));
  }
  return [...candidates].filter((processId) => serves(processId, configFile));
}

/** It may have ended since it was looked at. */
function signal(processId: number, name: 'SIGINT' | 'SIGKILL'): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Whether the process was started with this file. False when there is no such process, or it has
 * ended and waits for its parent to notice.
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
