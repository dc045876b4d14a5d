import { readFileSync } from 'node:fs';

import { mainThreadCpuSeconds, ownCpuSeconds } from '../script/cpu.ts';

export type Role = 'gate' | 'nats' | 'worker';

export interface Measured {
  readonly role: Role;
  readonly processId: number;
}

/** What a process has used. */
export interface Usage {
  readonly role: Role;
  /** CPU of all its threads, in µs. */
  readonly us: number;
  /** CPU of its first thread, in µs: of a gate or worker the event loop. */
  readonly loopUs: number;
  /** Bytes written to disk. */
  readonly diskBytes: number;
}

export interface Watched {
  readonly seconds: number;
  readonly used: readonly Usage[];
}

/** Runs some work, and reads before and after what the processes used. Needs Linux's /proc. */
export async function watch(
  processes: readonly Measured[],
  work: () => Promise<unknown>,
): Promise<Watched> {
  const read = (): Usage[] => processes.map(readUsage);
  const [began, before] = [performance.now(), read()];
  await work();
  const [seconds, after] = [(performance.now() - began) / 1_000, read()];
  const used = after.map((to, index) => combine(to, before[index]!, (one, other) => one - other));
  return { seconds, used };
}

/**
 * What each process used for an event, without what it uses in the same time anyway: on a busy machine
 * the work takes longer, and would seem dearer.
 */
export function perEvent(work: Watched, idle: Watched, events: number): readonly Usage[] {
  const share = work.seconds / idle.seconds;
  return work.used.map((one, index) =>
    combine(one, idle.used[index]!, (busy, otherwise) => (busy - otherwise * share) / events),
  );
}

function combine(one: Usage, other: Usage, of: (one: number, other: number) => number): Usage {
  return {
    role: one.role,
    us: of(one.us, other.us),
    loopUs: of(one.loopUs, other.loopUs),
    diskBytes: of(one.diskBytes, other.diskBytes),
  };
}

/** Since its start. */
function readUsage({ role, processId }: Measured): Usage {
  const io = readFileSync(`/proc/${processId}/io`, 'utf8');
  return {
    role,
    us: ownCpuSeconds(processId) * 1e6,
    loopUs: mainThreadCpuSeconds(processId) * 1e6,
    diskBytes: Number(/^write_bytes: (\d+)$/m.exec(io)![1]),
  };
}
