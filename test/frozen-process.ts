import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 2;
const timeoutMs = 5_000;

/** Stops a process, and waits until each of its threads has stopped: one may still answer. */
export async function freeze(processId: number): Promise<void> {
  process.kill(processId, 'SIGSTOP');
  const threads = `/proc/${processId}/task`;
  const isStopped = (thread: string): boolean =>
    readFileSync(`${threads}/${thread}/stat`, 'utf8').includes(') T ');
  const deadline = performance.now() + timeoutMs;
  while (!readdirSync(threads).every(isStopped)) {
    if (performance.now() > deadline) throw new Error(`process ${processId} does not stop`);
    await sleep(pollMs);
  }
}
