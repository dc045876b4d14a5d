import type { HeadgateError } from '../headgate-error.ts';
import { frameHeaderBytes, writeFrame } from './frame.ts';

/** Events that are written and synced together; their track() calls resolve together. */
export interface Group {
  readonly bytes: Buffer;
  readonly length: number;
  readonly count: number;
  resolve(): void;
  reject(error: HeadgateError): void;
}

/** Frames that wait to be written. Only track() adds to it, and only the writer takes from it. */
export interface GroupQueue {
  /** Bytes in memory that wait to be written. */
  readonly bytes: number;
  add<Receipt>(payload: Buffer, receipt: Receipt): Promise<Receipt>;
  /** Takes the oldest group. Undefined if the queue is empty. */
  take(): Group | undefined;
  /** Call this after the write of a group: its buffer can be used again. */
  recycle(group: Group): void;
}

const bufferBytesMin = 64 * 1024;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: HeadgateError) => void;
}

interface OpenGroup {
  bytes: Buffer;
  length: number;
  readonly waiters: Waiter[];
}

/** A group larger than `groupBytesMax` contains a single event. */
export function createGroupQueue(groupBytesMax: number): GroupQueue {
  const groups: OpenGroup[] = [];
  let spare: Buffer | undefined;
  let bytes = 0;

  const open = (frameBytes: number): OpenGroup => {
    const last = groups.at(-1);
    if (last !== undefined && last.length + frameBytes <= groupBytesMax) return last;
    const size = Math.max(bufferBytesMin, frameBytes);
    const buffer =
      spare !== undefined && spare.length >= size ? spare : Buffer.allocUnsafeSlow(size);
    if (buffer === spare) spare = undefined;
    const group: OpenGroup = { bytes: buffer, length: 0, waiters: [] };
    groups.push(group);
    return group;
  };

  return {
    get bytes() {
      return bytes;
    },
    add: (payload, receipt) => {
      const frameBytes = frameHeaderBytes + payload.length;
      const group = open(frameBytes);
      if (group.length + frameBytes > group.bytes.length) {
        const size = Math.max(group.bytes.length * 2, group.length + frameBytes);
        const larger = Buffer.allocUnsafeSlow(size);
        group.bytes.copy(larger, 0, 0, group.length);
        group.bytes = larger;
      }
      group.length = writeFrame(group.bytes, group.length, payload);
      bytes += frameBytes;
      return waitIn(group, receipt);
    },
    take: () => {
      const group = groups.shift();
      if (group === undefined) return undefined;
      const { waiters } = group;
      return {
        bytes: group.bytes,
        length: group.length,
        count: waiters.length,
        resolve: () => {
          for (const waiter of waiters) waiter.resolve();
        },
        reject: (error) => {
          for (const waiter of waiters) waiter.reject(error);
        },
      };
    },
    recycle: (group) => {
      bytes -= group.length;
      if (group.bytes.length <= 2 * groupBytesMax) spare = group.bytes;
    },
  };
}

function waitIn<Receipt>(group: OpenGroup, receipt: Receipt): Promise<Receipt> {
  const promise = new Promise<Receipt>((resolve, reject) => {
    group.waiters.push({
      resolve: () => resolve(receipt),
      reject: (why) => {
        // A failed track() that is not awaited must not end the program. The drop is reported
        // anyway.
        promise.catch(() => {});
        reject(why);
      },
    });
  });
  return promise;
}

/**
 * Events that move to the end may use so much more room. It is more than a segment, so that those of
 * the oldest segment always can move, which frees it.
 */
const againShare = 0.25;

/** Events of the spool that wait to be stored at its end again. */
export class AgainQueue {
  readonly #groupBytesMax: number;
  readonly #groups: Group[] = [];

  constructor(groupBytesMax: number) {
    this.#groupBytesMax = groupBytesMax;
  }

  /** Resolves with whether they are stored. */
  add(records: readonly Buffer[]): Promise<boolean> {
    const queue = createGroupQueue(this.#groupBytesMax);
    const stored = Promise.all(records.map((record) => queue.add(record, undefined)));
    for (let group = queue.take(); group !== undefined; group = queue.take()) {
      this.#groups.push(group);
    }
    return stored.then(
      () => true,
      () => false,
    );
  }

  take(): Group | undefined {
    return this.#groups.shift();
  }

  /** Whether a spool that has `bytes` has room to store the records again. */
  fits(records: readonly Buffer[], bytes: number, bytesMax: number): boolean {
    const needed = records.reduce((sum, { length }) => sum + frameHeaderBytes + length, 0);
    return bytes + needed <= bytesMax * (1 + againShare);
  }
}
