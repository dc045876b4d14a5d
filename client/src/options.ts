import type { JsonObject } from './event.ts';
import { HeadgateError } from './headgate-error.ts';
import type { ClientHooks } from './hooks.ts';
import type { Fsync, WhenFull } from './spool/spool.ts';
import type { Protocol } from './transport/transport.ts';

/** Events wait in files and outlive the process. */
export interface DiskSpool {
  /** One directory per process, the same one after a restart. Created if it does not exist. */
  readonly directory: string;
  /**
   * When `track()` resolves, and what a power cut loses. Default `always`.
   *
   * - `always`: after a sync of the disk that all waiting calls share. A power cut loses nothing.
   * - `interval`: after the write; a sync follows every `fsyncIntervalMs`. A power cut loses the
   *   events since the last sync. The end of the process, including `kill -9`, loses nothing.
   * - `none`: after the write; the operating system decides when to sync (about every 30 s).
   *   Otherwise like `interval`.
   */
  readonly fsync?: Fsync;
  /** Default 1,000. */
  readonly fsyncIntervalMs?: number;
  /** Default 1 GiB; at least 4 MiB. */
  readonly bytesMax?: number;
  /** What happens when the spool or its disk is full. Default `reject`. */
  readonly whenFull?: WhenFull;
}

/**
 * Events wait in memory, for functions without a disk: await `flush()` before the function ends.
 */
export interface MemorySpool {
  readonly memory: true;
  /** Default 64 MiB; at least 4 MiB. */
  readonly bytesMax?: number;
  /** What happens when the spool is full. Default `reject`. */
  readonly whenFull?: WhenFull;
}

export interface ClientOptions extends ClientHooks {
  /** The gate's address, such as http://127.0.0.1:8080 */
  readonly url: string;
  /** The write key. Leave it out if the gate requires none. */
  readonly key?: string | undefined;
  /**
   * Default `connect`: binary over HTTP/1.1. `grpc` needs HTTP/2 on the whole path, `json` only
   * `fetch`.
   */
  readonly protocol?: Protocol;
  readonly spool: DiskSpool | MemorySpool;
  /** Merged into the context of every event, whose own fields win: the program, its version. */
  readonly context?: JsonObject;
  /** `track()` refuses a larger event. Default 1 MiB. The gate has its own limit too. */
  readonly eventBytesMax?: number;
  /** Default 1,000, the gate's limit for one request. */
  readonly batchEventsMax?: number;
  /** Default 4 MiB, the gate's limit for one request. */
  readonly batchBytesMax?: number;
  /** Requests in flight at once. Default 4. */
  readonly inFlightMax?: number;
  /** How long an event may wait for others in the same batch. Default 20. */
  readonly lingerMs?: number;
  /** Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Bound of the random delay after the first failure; it doubles with each more. Default 200. */
  readonly backoffBaseMs?: number;
  /** Bound of all delays, except those that the gate asks for. Default 30,000. */
  readonly backoffCapMs?: number;
  /** After this many failures in a row, single small requests probe the gate. Default 5. */
  readonly breakerFailures?: number;
  /** How long `close()` continues to send. Default 5,000. */
  readonly closeTimeoutMs?: number;
  /** `rejected.ndjson` is renamed when it reaches this size. Default 64 MiB. */
  readonly rejectedBytesMax?: number;
}

const mib = 1024 * 1024;

/** The range and the default of each number. */
const numbers = {
  eventBytesMax: { min: 1024, max: 3 * mib, default: mib },
  batchEventsMax: { min: 1, max: 1_000, default: 1_000 },
  batchBytesMax: { min: 64 * 1024, max: 64 * mib, default: 4 * mib },
  inFlightMax: { min: 1, max: 64, default: 4 },
  lingerMs: { min: 0, max: 60_000, default: 20 },
  requestTimeoutMs: { min: 100, max: 600_000, default: 30_000 },
  backoffBaseMs: { min: 1, max: 60_000, default: 200 },
  backoffCapMs: { min: 1, max: 3_600_000, default: 30_000 },
  breakerFailures: { min: 1, max: 1_000, default: 5 },
  closeTimeoutMs: { min: 0, max: 600_000, default: 5_000 },
  rejectedBytesMax: { min: 64 * 1024, max: 1024 * mib, default: 64 * mib },
} as const;

const spoolBytes = { min: 4 * mib, max: 1024 * 1024 * mib };

type Limits = { readonly [Name in keyof typeof numbers]: number };

/** The options with all defaults filled in. */
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

/** Throws HeadgateError `invalid_option` with all problems in one message. */
export function readOptions(options: ClientOptions): ReadOptions {
  const problems: string[] = [];
  const oneOf = <Value extends string>(
    name: string,
    value: Value,
    values: readonly Value[],
  ): Value => {
    if (!values.includes(value)) problems.push(`${name} must be one of ${values.join(', ')}`);
    return value;
  };
  const within = (name: string, value: number, { min, max }: { min: number; max: number }) => {
    if (!(Number.isFinite(value) && value >= min && value <= max)) {
      problems.push(`${name} must be a number from ${min} to ${max}`);
    }
    return value;
  };
  const limits = Object.fromEntries(
    Object.entries(numbers).map(([name, bounds]) => {
      const value = options[name as keyof typeof numbers] ?? bounds.default;
      return [name, within(name, value, bounds)];
    }),
  ) as Limits;
  if (limits.eventBytesMax + 2048 > limits.batchBytesMax) {
    problems.push('eventBytesMax must be less than batchBytesMax');
  }
  const read: ReadOptions = {
    ...limits,
    url: readUrl(options.url, problems),
    key: readKey(options.key, problems),
    protocol: oneOf('protocol', options.protocol ?? 'connect', ['connect', 'grpc', 'json']),
    context: options.context,
    spool: readSpool(options.spool, { oneOf, within, problems }),
    hooks: options,
  };
  if (problems.length > 0) throw new HeadgateError('invalid_option', `${problems.join('; ')}.`);
  return read;
}

interface Readers {
  readonly oneOf: <Value extends string>(
    name: string,
    value: Value,
    values: readonly Value[],
  ) => Value;
  readonly within: (name: string, value: number, bounds: { min: number; max: number }) => number;
  readonly problems: string[];
}

function readSpool(
  spool: DiskSpool | MemorySpool,
  { oneOf, within, problems }: Readers,
): ReadSpool {
  const whenFull = oneOf('spool.whenFull', spool?.whenFull ?? 'reject', [
    'reject',
    'block',
    'drop-oldest',
  ]);
  const bytesMaxDefault = spool !== undefined && 'memory' in spool ? 64 * mib : 1024 * mib;
  const bytesMax = within('spool.bytesMax', spool?.bytesMax ?? bytesMaxDefault, spoolBytes);
  if (spool !== undefined && 'memory' in spool) return { memory: true, bytesMax, whenFull };
  if (typeof spool?.directory !== 'string' || spool.directory === '') {
    problems.push('spool must be { directory: "..." }, or { memory: true } where there is no disk');
  }
  return {
    memory: false,
    bytesMax,
    whenFull,
    directory: spool?.directory,
    fsync: oneOf('spool.fsync', spool?.fsync ?? 'always', ['always', 'interval', 'none']),
    fsyncIntervalMs: within('spool.fsyncIntervalMs', spool?.fsyncIntervalMs ?? 1_000, {
      min: 1,
      max: 60_000,
    }),
  };
}

function readUrl(text: string, problems: string[]): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    problems.push('url must be the address of a gate such as http://127.0.0.1:8080');
    return '';
  }
  return text.replace(/\/+$/, '');
}

function readKey(key: string | undefined, problems: string[]): string | undefined {
  // Never in the message: it is a secret.
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    problems.push('key must be printable ASCII, not empty, and without spaces and line breaks');
  }
  return key;
}
