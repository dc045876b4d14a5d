import { HeadgateError } from '../headgate-error.ts';
import { closedError, refused } from './refused.ts';
import { createSettlement, type Settlement } from './settlement.ts';
import type { Spool, SpoolBatch, SpoolRange, SpoolSignals, WhenFull } from './spool.ts';

export interface MemorySpoolOptions {
  readonly bytesMax: number;
  readonly whenFull: WhenFull;
}

interface Waiting {
  readonly payload: Buffer;
  readonly store: () => void;
  readonly refuse: (error: HeadgateError) => void;
}

/** At most this many callers wait for room, because each holds an event in memory. */
const waitersMax = 10_000;

/**
 * Stores events in memory, where there is no disk. Events that are not sent by close() are lost.
 */
export class MemorySpool implements Spool {
  readonly #options: MemorySpoolOptions;
  readonly #signals: SpoolSignals;
  readonly #settlement: Settlement = createSettlement({ ordinal: 0, segment: 0, offset: 0 });
  /** The bytes of each range that was read and is not settled. */
  readonly #bytesByRange = new Map<SpoolRange, number>();
  #records: Buffer[] = [];
  #first = 0;
  #bytes = 0;
  #next = 0;
  #waiting: Waiting[] = [];
  #closed = false;

  constructor(options: MemorySpoolOptions, signals: SpoolSignals) {
    this.#options = options;
    this.#signals = signals;
  }

  get unread(): number {
    return this.#records.length - this.#first;
  }

  get next(): number {
    return this.#next;
  }

  get settled(): number {
    return this.#settlement.position.ordinal;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get pinned(): number {
    return this.#settlement.pinned;
  }

  get isShort(): boolean {
    return this.#bytes * 2 > this.#options.bytesMax;
  }

  async appendAgain(records: readonly Buffer[]): Promise<boolean> {
    if (this.#closed) return false;
    for (const record of records) this.#store(record);
    return true;
  }

  async open(): Promise<number> {
    return 0;
  }

  async appended(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closed) {
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }

  append<Receipt>(payload: Buffer, receipt: Receipt): Promise<Receipt> {
    if (this.#closed) return refused(closedError());
    const { bytesMax, whenFull } = this.#options;
    while (whenFull === 'drop-oldest' && this.unread > 0 && this.#lacksRoom(payload)) {
      this.#dropOldest();
    }
    if (!this.#lacksRoom(payload) && this.#waiting.length === 0) {
      this.#store(Buffer.from(payload));
      return Promise.resolve(receipt);
    }
    if (whenFull === 'block' && this.#waiting.length < waitersMax) {
      return this.#wait(Buffer.from(payload), receipt);
    }
    const error = new HeadgateError(
      'spool_full',
      `The spool is full (bytesMax is ${bytesMax}): the gate is away, slower than track(), or says retry.`,
    );
    this.#signals.dropped(1, 'spool_full', error.message, false);
    return refused(error);
  }

  #lacksRoom(payload: Buffer): boolean {
    return this.#bytes + payload.length > this.#options.bytesMax;
  }

  #store(payload: Buffer): void {
    this.#records.push(payload);
    this.#bytes += payload.length;
    this.#next += 1;
    this.#signals.readable();
  }

  #wait<Receipt>(payload: Buffer, receipt: Receipt): Promise<Receipt> {
    const promise = new Promise<Receipt>((resolve, reject) => {
      this.#waiting.push({ payload, store: () => resolve(receipt), refuse: reject });
    });
    promise.catch(() => {});
    return promise;
  }

  #dropOldest(): void {
    const [dropped] = this.#take(1);
    this.#bytes -= dropped!.length;
    const end = this.#next - this.unread;
    this.#settlement.skip({ ordinal: end, segment: 0, offset: 0 });
    const message = 'The spool is full: its oldest event was dropped';
    this.#signals.dropped(1, 'spool_full', message, true);
  }

  #take(count: number): Buffer[] {
    const taken = this.#records.slice(this.#first, this.#first + count);
    this.#first += count;
    // Copies the rest only when at least half was taken, so the cost per event is constant.
    if (this.#first * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#first);
      this.#first = 0;
    }
    return taken;
  }

  async read(
    eventsMax: number,
    bytesMax: number,
    overheadBytes: number,
  ): Promise<SpoolBatch | undefined> {
    let count = 0;
    let held = 0;
    while (count < Math.min(eventsMax, this.unread)) {
      const length = this.#records[this.#first + count]!.length;
      if (count > 0 && held + length + (count + 1) * overheadBytes > bytesMax) break;
      held += length;
      count += 1;
    }
    if (count === 0) return undefined;
    const records = this.#take(count);
    const ordinal = this.#next - this.unread;
    const range = this.#settlement.begin(count, { ordinal, segment: 0, offset: 0 });
    this.#bytesByRange.set(range, held);
    return { records, range };
  }

  settle(range: SpoolRange, count: number): void {
    this.#settlement.settle(range, count);
    if (range.open > 0) return;
    this.#bytes -= this.#bytesByRange.get(range) ?? 0;
    this.#bytesByRange.delete(range);
    while (this.#waiting.length > 0 && !this.#lacksRoom(this.#waiting[0]!.payload)) {
      const waiting = this.#waiting.shift()!;
      this.#store(waiting.payload);
      waiting.store();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { refuse } of this.#waiting.splice(0)) refuse(closedError());
    let lost = this.unread;
    for (const range of this.#bytesByRange.keys()) lost += range.open;
    if (lost === 0) return;
    const message = `${lost} events were lost: the client was closed before they were sent`;
    this.#signals.dropped(lost, 'closed', message, true);
  }
}
