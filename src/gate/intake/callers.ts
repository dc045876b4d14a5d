import { createIsTrusted, withoutMapping } from '../../http/connections/address-groups.ts';
import type { HttpCall } from '../../http/http-call.ts';
import type { CallerLimit } from '../../observability/metrics.ts';
import type { Producer } from './authenticate.ts';
import { createCallerAddress } from './caller-address.ts';
import { createInflationSlots, type InflationSlots } from './inflation.ts';
import { createKeylessTurns, type KeylessTurns } from './keyless-turns.ts';
import { createMemoryRoom, type MemoryRoom } from './memory-room.ts';
import { RequestMemory, type MemoryHost } from './request-memory.ts';

/*
 * The budgets of callers: docs/adr/0031-budgets-of-callers.md. Requests whose key is known and requests
 * whose key is not have memory, threads and time of their own, so that anonymous requests never take what
 * producers need.
 */

/** A keyed request that holds at most this much is small: it has room that large ones cannot take. */
export const smallKeyedBytesMax = 64 * 1024;
/** A keyless request that holds at most this much is small. */
export const smallKeylessBytesMax = 256 * 1024;

const smallKeyedRoomBytes = 32 * 1024 * 1024;
const smallKeylessRoomBytes = 16 * 1024 * 1024;
/** Room for large bodies of the largest size, keyed and keyless. */
const largeKeyedBodies = 32;
const largeKeylessBodies = 8;

/**
 * How many bodies are inflated at once. libuv has four threads, and syncing the log needs one, too.
 */
const keyedInflationsMax = 3;
const keylessInflationsMax = 2;

/** Time for requests without a valid key. A refusal costs 0.05 ms, a body that inflates to 256 KiB about 1 ms. */
const keylessShare = 0.05;
const keylessBurstMs = 100;
/** Of the burst, this much at a time: what a keyed request waits for it, at most. */
const keylessTurnMsMax = 1;
/** A check costs 0.25 ms: 80 a second. */
const checksShare = 0.02;
const checksBurstMs = 50;

/** Keyless bodies that inflate to more than usual ones do: one at a time in the whole gate. */
const largeScansMax = 1;

/** What the gate knows about callers, and the budgets that it divides among them. */
export interface Callers extends MemoryHost {
  /** True with `auth: off`: no caller needs a key. */
  readonly isOpen: boolean;
  /** True if the connection is a trusted proxy's: it carries many callers. */
  isProxied(call: Pick<HttpCall, 'connection'>): boolean;
  readonly turns: KeylessTurns;
  /** Time for health checks: load balancers do not wait behind those who send no key. */
  readonly checks: KeylessTurns;
  readonly inflations: InflationSlots;
  /** Connections whose last request had a valid key. Their bodies are searched without waiting. */
  readonly proven: WeakSet<object>;
  /** The memory that a request holds: RequestMemory. */
  open(
    call: HttpCall,
    producer: Producer | undefined,
    onLost: (error: Error) => void,
  ): RequestMemory;
  /** Takes a place for a keyless body that inflates to very much. Returns false if none is free. */
  takeLargeScan(): boolean;
  freeLargeScan(): void;
  /**
   * A request was refused or had to wait because a budget is used up. `who` is an address or a
   * source.
   */
  limited(limit: CallerLimit, who: string): void;
  close(): void;
}

export interface CallersOptions {
  readonly trustedProxies: readonly string[];
  /** With `auth: off` all callers are one source, and addresses distinguish them. */
  readonly auth: 'off' | 'keys';
  readonly requestBytesMax: number;
  readonly limited: (limit: CallerLimit, who: string) => void;
}

export function createCallers(options: CallersOptions): Callers {
  const { requestBytesMax, limited } = options;
  const room = (limit: CallerLimit, bytesMax: number): MemoryRoom =>
    createMemoryRoom({ bytesMax, onFull: ({ group }) => limited(limit, group) });
  const smallKeyed = room('keyed_memory', smallKeyedRoomBytes);
  const largeKeyed = room('keyed_memory', requestBytesMax * largeKeyedBodies);
  const smallKeyless = room('keyless_memory', smallKeylessRoomBytes);
  const largeKeyless = room('keyless_memory', requestBytesMax * largeKeylessBodies);
  const turns = createKeylessTurns({
    share: keylessShare,
    burstMs: keylessBurstMs,
    turnMsMax: keylessTurnMsMax,
    runningMax: keylessInflationsMax,
  });
  const checks = createKeylessTurns({
    share: checksShare,
    burstMs: checksBurstMs,
    turnMsMax: keylessTurnMsMax,
    runningMax: keylessInflationsMax,
  });
  const isTrusted = createIsTrusted(options.trustedProxies);
  let largeScans = 0;
  const callers: Callers = {
    addressOf: createCallerAddress(options.trustedProxies),
    isProxied: ({ connection }) => isTrusted(withoutMapping(connection.remoteAddress ?? '')),
    isOpen: options.auth === 'off',
    turns,
    checks,
    inflations: createInflationSlots(keyedInflationsMax),
    proven: new WeakSet(),
    open: (call, producer, onLost) => new RequestMemory(callers, call, producer, onLost),
    roomFor: (isKeyed, bytes) => {
      if (isKeyed) return bytes <= smallKeyedBytesMax ? smallKeyed : largeKeyed;
      return bytes <= smallKeylessBytesMax ? smallKeyless : largeKeyless;
    },
    groupOf: ({ source }, address) => (options.auth === 'off' ? address : source),
    takeLargeScan: () => {
      if (largeScans >= largeScansMax) return false;
      largeScans += 1;
      return true;
    },
    freeLargeScan: () => {
      largeScans -= 1;
    },
    limited,
    close: () => {
      turns.close();
      checks.close();
    },
  };
  return callers;
}
