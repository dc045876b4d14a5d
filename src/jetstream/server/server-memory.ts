import { totalmem } from 'node:os';

/**
 * What nats-server needs for each message id of the dedup window, in bytes: the id (`source:key`,
 * 44 characters), its entry in a map, and about as much again, so that Go's collector costs no more
 * than by default. Measured by `npm run bench:collections`.
 */
export const idBytes = 280;

/** What nats-server takes without events. */
export const emptyServerBytes = 60 * 1024 * 1024;

/** The rest is for the gate and its workers, and for the kernel's cache of the log. */
const memoryShare = 0.5;

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Variables of a process, by name. */
export type ServerEnv = Readonly<Record<string, string | undefined>>;

/** The environment of the embedded nats-server, and the memory that it may use. */
export interface ServerMemory {
  readonly env: ServerEnv;
  /** The soft limit of Go's heap; without one, all memory of the machine or the container. */
  readonly bytesMax: number;
}

/**
 * Sets what the operator has not set: GOGC, so that Go's collector runs less often than by default;
 * and GOMEMLIMIT, half of the memory, which has it run more often again as the heap comes near
 * (https://go.dev/doc/gc-guide#Memory_limit).
 */
export function serverMemory(env: ServerEnv, machineBytes = memoryBytes()): ServerMemory {
  const limit = env['GOMEMLIMIT'] || String(Math.floor(machineBytes * memoryShare));
  return {
    env: { ...env, GOGC: env['GOGC'] || '400', GOMEMLIMIT: limit },
    bytesMax: Math.min(machineBytes, limitOf(limit) ?? machineBytes),
  };
}

/** Undefined: `off`, or a text that Go does not take either. */
function limitOf(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+)((?:[KMGT]i)?B)?$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * units[unit]!;
}

/** The memory of the machine, or of the container if that has less. */
function memoryBytes(): number {
  // 0: unknown. Without a limit, cgroups report a number above any memory.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}
