import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../errors.ts';

const stopTimeoutMs = 10_000;

/** Writes down which process serves this store, so that the next start can find an orphan. */
export function rememberServer(storeDir: string, processId: number, binary: string): void {
  writeFileSync(path.join(storeDir, 'nats-server.json'), JSON.stringify({ processId, binary }));
}

/**
 * Stops the nats-server that an earlier Headgate left behind on this store when it was killed: two
 * servers on one store would destroy it. The process is stopped only when its own command line names
 * this store, because process ids are used again.
 */
export async function stopOrphan(storeDir: string): Promise<void> {
  const configFile = path.join(storeDir, 'nats-server.conf');
  for (const processId of candidates(storeDir)) {
    if (!commandLineOf(processId).includes(configFile)) continue;
    process.kill(processId, 'SIGINT');
    const deadline = performance.now() + stopTimeoutMs;
    while (commandLineOf(processId).includes(configFile)) {
      if (performance.now() > deadline) process.kill(processId, 'SIGKILL');
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

/** The server that was written down, and any that had told its port but was not yet. */
function candidates(storeDir: string): Set<number> {
  const found = new Set(portsFiles(storeDir).map((file) => Number(/\d+/.exec(file)![0])));
  const memory = path.join(storeDir, 'nats-server.json');
  if (existsSync(memory)) {
    try {
      const { processId } = JSON.parse(readFileSync(memory, 'utf8')) as { processId?: number };
      if (Number.isInteger(processId)) found.add(processId!);
    } catch {
      // A half-written file of a killed start: the ports file tells the same.
    }
  }
  return found;
}

/** Empty when there is no such process, or it has ended and waits for its parent to notice. */
function commandLineOf(processId: number): string {
  try {
    return readFileSync(`/proc/${processId}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    if (existsSync('/proc/self/cmdline')) return '';
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(processId)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}
