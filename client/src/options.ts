import type { JsonObject } from './event.ts';
import { HeadgateError } from './headgate-error.ts';
import type { ClientHooks } from './hooks.ts';
import type { Fsync } from './spool/segment-writer.ts';
import type { WhenFull } from './spool/spool.ts';
import type { Protocol } from './transport/transport.ts';

/** Events wait in files: they outlive the process. */
export interface DiskSpool {
  /** One for each process, and the same one after a restart. Made when it is not there. */
  readonly directory: string;
  /**
   * When `track()` resolves, and what a power cut can take. Default `always`.
   *
   * - `always`: after a sync of the disk that all waiting calls share. A power cut takes nothing.
   * - `interval`: after the write, with a sync every `fsyncIntervalMs`. A power cut takes what came
   *   since the last one; the end of the process, `kill -9` included, takes nothing.
   * - `none`: after the write, and the system syncs when it likes (about 30 s). Else as `interval`.
   */
  readonly fsync?: Fsync;
  /** Default 1,000. */
  readonly fsyncIntervalMs?: number;
  /** Default 1 GiB; at least 4 MiB. */
  readonly bytesMax?: number;
  /** What happens when the spool or its disk is full. Default `reject`. */
  readonly whenFull?: WhenFull;
}

/** Events wait in memory, for where there is no disk: await `flush()` before the function ends. */
export interface MemorySpool {
  readonly memory: true;
  /** Default 64 MiB; at least 4 MiB. */
  readonly bytesMax?: number;
  /** What happens when the spool is full. Default `reject`. */
  readonly whenFull?: WhenFull;
}

export interface ClientOptions extends ClientHooks {
  /** Where the gate is: http://127.0.0.1:8080 */
  readonly url: string;
  /** The write key. Default: none, for a gate that asks for none. */
  readonly key?: string | undefined;
  /** Default `connect`: binary over HTTP/1.1. `grpc` needs HTTP/2 all the way, `json` only fetch. */
  readonly protocol?: Protocol;
  readonly spool: DiskSpool | MemorySpool;
  /** Laid under the context of every event: the program, its version. */
  readonly context?: JsonObject;
  /** A larger event is refused by `track()`. Default 1 MiB; the gate has a limit of its own. */
  readonly eventBytesMax?: number;
  /** Default 1,000, as many as a gate takes in one request. */
  readonly batchEventsMax?: number;
  /** Default 4 MiB, likewise. */
  readonly batchBytesMax?: number;
  /** Requests under way at once. Default 4. */
  readonly inFlightMax?: number;
  /** How long an event may wait for others to go with. Default 20. */
  readonly lingerMs?: number;
  /** Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** The first delay after a failure is anything up to this, and the bound doubles. Default 200. */
  readonly backoffBaseMs?: number;
  /** The bound of all delays but those that the gate asks for. Default 30,000. */
  readonly backoffCapMs?: number;
  /** After so many failures in a row, single small requests probe the gate. Default 5. */
  readonly breakerFailures?: number;
  /** How long `close()` goes on sending. Default 5,000. */
  readonly closeTimeoutMs?: number;
  /** `rejected.ndjson` is put aside when it is so large. Default 64 MiB. */
  readonly rejectedBytesMax?: number;
}

const mib = 1024 * 1024;

/** From least to most, and the default. */
const numbers = {
  eventBytesMax: { least: 1024, most: 3 * mib, standard: mib },
  batchEventsMax: { least: 1, most: 1_000, standard: 1_000 },
  batchBytesMax: { least: 64 * 1024, most: 64 * mib, standard: 4 * mib },
  inFlightMax: { least: 1, most: 64, standard: 4 },
  lingerMs: { least: 0, most: 60_000, standard: 20 },
  requestTimeoutMs: { least: 100, most: 600_000, standard: 30_000 },
  backoffBaseMs: { least: 1, most: 60_000, standard: 200 },
  backoffCapMs: { least: 1, most: 3_600_000, standard: 30_000 },
  breakerFailures: { least: 1, most: 1_000, standard: 5 },
  closeTimeoutMs: { least: 0, most: 600_000, standard: 5_000 },
  rejectedBytesMax: { least: 64 * 1024, most: 1024 * mib, standard: 64 * mib },
} as const;

const spoolBytes = { least: 4 * mib, most: 1024 * 1024 * mib };

type Limits = { readonly [Name in keyof typeof numbers]: number };

/** The options with every default in its place. */
export interface ReadOptions extends Limits {
  readonly url: string;
  readonly key: string | undefined;
  readonly protocol: Protocol;
  readonly context: JsonObject | undefined;
  readonly spool: ReadSpool;
  readonly hooks: ClientHooks;
}

export type ReadSpool =
  | (Required<DiskSpool> & { readonly memory: false })
  | (Required<MemorySpool> & { readonly memory: true });

/** Throws HeadgateError `invalid_option` with every fault at once. */
export function readOptions(options: ClientOptions): ReadOptions {
  const faults: string[] = [];
  const oneOf = <Value extends string>(
    name: string,
    value: Value,
    values: readonly Value[],
  ): Value => {
    if (!values.includes(value)) faults.push(`${name} must be one of ${values.join(', ')}`);
    return value;
  };
  const within = (
    name: string,
    value: number,
    { least, most }: { least: number; most: number },
  ) => {
    if (!(Number.isFinite(value) && value >= least && value <= most)) {
      faults.push(`${name} must be a number from ${least} to ${most}`);
    }
    return value;
  };
  const limits = Object.fromEntries(
    Object.entries(numbers).map(([name, bounds]) => {
      const value = options[name as keyof typeof numbers] ?? bounds.standard;
      return [name, within(name, value, bounds)];
    }),
  ) as Limits;
  if (limits.eventBytesMax + 2048 > limits.batchBytesMax) {
    faults.push('eventBytesMax must be less than batchBytesMax');
  }
  const read: ReadOptions = {
    ...limits,
    url: readUrl(options.url, faults),
    key: readKey(options.key, faults),
    protocol: oneOf('protocol', options.protocol ?? 'connect', ['connect', 'grpc', 'json']),
    context: options.context,
    spool: readSpool(options.spool, { oneOf, within, faults }),
    hooks: options,
  };
  if (faults.length > 0) throw new HeadgateError('invalid_option', `${faults.join('; ')}.`);
  return read;
}

interface Readers {
  readonly oneOf: <Value extends string>(
    name: string,
    value: Value,
    values: readonly Value[],
  ) => Value;
  readonly within: (name: string, value: number, bounds: { least: number; most: number }) => number;
  readonly faults: string[];
}

function readSpool(spool: DiskSpool | MemorySpool, { oneOf, within, faults }: Readers): ReadSpool {
  const whenFull = oneOf('spool.whenFull', spool?.whenFull ?? 'reject', [
    'reject',
    'block',
    'drop-oldest',
  ]);
  const standard = spool !== undefined && 'memory' in spool ? 64 * mib : 1024 * mib;
  const bytesMax = within('spool.bytesMax', spool?.bytesMax ?? standard, spoolBytes);
  if (spool !== undefined && 'memory' in spool) return { memory: true, bytesMax, whenFull };
  if (typeof spool?.directory !== 'string' || spool.directory === '') {
    faults.push('spool must be { directory: "..." }, or { memory: true } where there is no disk');
  }
  return {
    memory: false,
    bytesMax,
    whenFull,
    directory: spool?.directory,
    fsync: oneOf('spool.fsync', spool?.fsync ?? 'always', ['always', 'interval', 'none']),
    fsyncIntervalMs: within('spool.fsyncIntervalMs', spool?.fsyncIntervalMs ?? 1_000, {
      least: 1,
      most: 60_000,
    }),
  };
}

function readUrl(text: string, faults: string[]): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    faults.push('url must be the address of a gate such as http://127.0.0.1:8080');
    return '';
  }
  return text.replace(/\/+$/, '');
}

function readKey(key: string | undefined, faults: string[]): string | undefined {
  // Never in the message: it is a secret.
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    faults.push('key holds what no write key has: nothing, a space, a line break');
  }
  return key;
}
