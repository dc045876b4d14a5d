import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/*
 * `HOSTILE_REALTIME=1`, for a machine that is busy with other work, or has few cores: the producers, the log and the
 * gate run before everything else (`chrt`, as root), and the attackers after them and before the rest. So neither other
 * work nor the attackers' own processor time is measured, only what the gate does.
 */

const isOn = process.env['HOSTILE_REALTIME'] === '1';

/** Linux knows threads alone: what waits for the disk, the event loop, and V8's helpers. */
const [producerPriority, logPriority, loopPriority, helperPriority, attackerPriority] = [
  9, 8, 7, 6, 5,
];

export function preferProducers(processId: number): void {
  if (isOn) prefer(processId, producerPriority);
}

export function preferAttacker(processId: number): void {
  if (isOn) prefer(processId, attackerPriority);
}

/** `servers`: its nats-servers. */
export function preferGate(processId: number, servers: readonly number[]): void {
  if (!isOn) return;
  for (const server of servers) prefer(server, logPriority);
  prefer(processId, helperPriority);
  for (const thread of readdirSync(`/proc/${processId}/task`)) {
    const name = readFileSync(`/proc/${processId}/task/${thread}/comm`, 'utf8');
    if (name.startsWith('libuv')) chrt(thread, logPriority);
  }
  chrt(String(processId), loopPriority);
}

function prefer(processId: number, priority: number): void {
  for (const thread of readdirSync(`/proc/${processId}/task`)) chrt(thread, priority);
}

function chrt(thread: string, priority: number): void {
  execFileSync('chrt', ['--rr', '--pid', String(priority), thread]);
}
