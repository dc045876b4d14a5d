import { EventEncoder } from './encode-event.ts';
import { eventJson, identityOf } from './event-json.ts';
import type { AnyEvents, TrackedEvent, UntypedEvent } from './event.ts';
import type { HeadgateError } from './headgate-error.ts';
import { guardHooks, type ClientHooks } from './hooks.ts';
import { readOptions, type ClientOptions, type ReadOptions } from './options.ts';
import { createRejectedFile, type RejectedFile } from './rejected-file.ts';
import type { VerdictCounts } from './send/sender-signals.ts';
import { Sender } from './send/sender.ts';
import { DiskSpool } from './spool/disk-spool.ts';
import { MemorySpool } from './spool/memory-spool.ts';
import { closedError, refused } from './spool/refused.ts';
import type { Spool, SpoolSignals } from './spool/spool.ts';
import { openTransport } from './transport/open-transport.ts';
import type { VerdictError } from './transport/transport.ts';

/** What `track()` resolves with. */
export interface TrackReceipt {
  /** Identifies the event from now on, in the client and at the gate. */
  readonly idempotencyKey: string;
}

/** Counted since the client was created, except `waiting` and `spoolBytes`. */
export interface ClientCounters {
  readonly accepted: number;
  /** The gate already had these events: a retry after a lost answer, or a key used twice. */
  readonly duplicate: number;
  readonly rejected: number;
  /** Events in the spool without a verdict, including those of earlier runs. */
  readonly waiting: number;
  /**
   * Events that will never be sent: no room for them, dropped to make room, or lost on the disk.
   */
  readonly dropped: number;
  /** Verdicts `retry`, plus all events of requests that returned no verdicts. */
  readonly retried: number;
  readonly requests: number;
  readonly spoolBytes: number;
}

export interface FlushOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number;
}

export interface FlushResult {
  /** True if all events tracked before the call have a verdict. */
  readonly complete: boolean;
  /** Events in the spool now. */
  readonly waiting: number;
}

/** `Events` maps event names to the types of their properties; `headgate codegen` generates it. */
export interface HeadgateClient<Events extends object = AnyEvents> extends AsyncDisposable {
  /**
   * Stores an event in the spool; the client sends it from there for as long as it takes. Resolves
   * when the event is stored (see `fsync`). If it fails with HeadgateError, the event is not
   * stored. You need not await it: a failed call never ends the program, and `onDropped` reports
   * events for which there was no room.
   */
  track(event: TrackedEvent<Events>): Promise<TrackReceipt>;
  /** Resolves when the spool is open, rejects if it cannot be opened. track() works before that. */
  ready(): Promise<void>;
  /** Waits for the verdicts on everything tracked before, including what is in flight. */
  flush(options?: FlushOptions): Promise<FlushResult>;
  counters(): ClientCounters;
  /**
   * Accepts no more events, sends for at most `closeTimeoutMs`, and releases all resources. Events
   * that are not sent by then stay on disk for the next start.
   */
  close(): Promise<FlushResult>;
}

const flushTimeoutMs = 30_000;

/** A proxy that refuses for a few seconds, such as while it restarts, rejects no event. */
const refusalGapMs = 3_000;

/**
 * Opens the spool and starts sending what an earlier run left. Throws HeadgateError on bad options.
 */
export function createHeadgateClient<Events extends object = AnyEvents>(
  options: ClientOptions,
): HeadgateClient<Events> {
  return new Client(readOptions(options));
}

class Client<Events extends object> implements HeadgateClient<Events> {
  readonly #options: ReadOptions;
  readonly #hooks: Required<ClientHooks>;
  readonly #encoder: EventEncoder;
  readonly #spool: Spool;
  readonly #rejectedFile: RejectedFile | undefined;
  readonly #opened: Promise<void>;
  readonly #flushes = new Set<Flush>();
  readonly #counts = {
    accepted: 0,
    duplicate: 0,
    rejected: 0,
    dropped: 0,
    retried: 0,
    requests: 0,
  };
  /** Events of the spool that have a verdict or were dropped. */
  #ended = 0;
  /** The ordinal of the first event that counts as waiting. */
  #firstOrdinal = 0;
  #sender: Sender | undefined;
  #closed: Promise<FlushResult> | undefined;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.#hooks = guardHooks(options.hooks);
    this.#encoder = new EventEncoder(options);
    const { spool, rejectedBytesMax } = options;
    const signals = this.#spoolSignals();
    this.#spool = spool.memory
      ? new MemorySpool(spool, signals)
      : new DiskSpool({ ...spool, unwrittenBytesMax }, signals);
    this.#rejectedFile = spool.memory
      ? undefined
      : createRejectedFile(spool.directory, rejectedBytesMax);
    this.#opened = this.#open();
    this.#opened.catch((error: unknown) => {
      this.#hooks.onTrouble((error as Error).message, error);
    });
  }

  async #open(): Promise<void> {
    const { protocol, spool } = this.#options;
    await this.#spool.open();
    this.#firstOrdinal = this.#spool.settled;
    const transport = await openTransport(protocol, this.#options);
    this.#sender = new Sender(
      this.#spool,
      transport,
      {
        ...this.#options,
        failuresMax: this.#options.breakerFailures,
        refusalGapMs,
        keepsAlive: spool.memory,
      },
      {
        settled: (counts) => this.#settled(counts),
        moved: (count) => this.#moved(count),
        request: (report) => {
          this.#counts.requests += 1;
          this.#counts.retried += report.failure === undefined ? report.retry : report.events;
          this.#hooks.onRequest(report);
        },
        rejected: (record, eventId, error) => this.#reject(record, eventId, error),
        trouble: (message) => this.#hooks.onTrouble(message),
        recovered: () => this.#hooks.onRecovered(),
      },
    );
    this.#sender.start();
  }

  #spoolSignals(): SpoolSignals {
    return {
      dropped: (count, reason, message, stored) => {
        this.#counts.dropped += count;
        if (stored) this.#ended += count;
        this.#hooks.onDropped({ count, reason, message });
        this.#progress();
      },
      trouble: (message, cause) => this.#hooks.onTrouble(message, cause),
      damaged: (file, offset, bytes) => this.#hooks.onDamaged({ file, offset, bytes }),
      readable: () => this.#sender?.wake(),
    };
  }

  track(event: TrackedEvent<Events>): Promise<TrackReceipt> {
    if (this.#closed !== undefined) {
      return refused(closedError());
    }
    try {
      const payload = this.#encoder.encode(event as unknown as UntypedEvent);
      return this.#spool.append(payload, { idempotencyKey: this.#encoder.key });
    } catch (error) {
      // encode() throws only HeadgateError. Callers handle a rejection, never a throw.
      return refused(error as HeadgateError);
    }
  }

  ready(): Promise<void> {
    return this.#opened;
  }

  async flush({ timeoutMs = flushTimeoutMs }: FlushOptions = {}): Promise<FlushResult> {
    const deadline = performance.now() + timeoutMs;
    const areStored = await inTime(
      this.#opened.then(() => this.#spool.appended()).catch(() => {}),
      timeoutMs,
    );
    const target = this.#spool.next;
    const endHurry = this.#sender?.hurry();
    const settled = new Promise<void>((resolve) => {
      this.#flushes.add({ target, done: resolve });
      this.#progress();
    });
    const complete = areStored && (await inTime(settled, deadline - performance.now()));
    endHurry?.();
    return { complete, waiting: this.#waiting() };
  }

  counters(): ClientCounters {
    return { ...this.#counts, waiting: this.#waiting(), spoolBytes: this.#spool.bytes };
  }

  close(): Promise<FlushResult> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<FlushResult> {
    const { complete } = await this.flush({ timeoutMs: this.#options.closeTimeoutMs });
    await this.#opened.catch(() => {});
    await this.#sender?.stop();
    await this.#spool.close();
    await this.#rejectedFile?.close();
    return { complete, waiting: this.#waiting() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #waiting(): number {
    return this.#spool.next - this.#firstOrdinal - this.#ended;
  }

  #settled({ accepted, duplicate, rejected }: VerdictCounts): void {
    this.#counts.accepted += accepted;
    this.#counts.duplicate += duplicate;
    this.#counts.rejected += rejected;
    this.#ended += accepted + duplicate + rejected;
    this.#progress();
  }

  /** The events have new ordinals. A flush that waits for the old ones waits for these instead. */
  #moved(count: number): void {
    this.#ended += count;
    for (const flush of this.#flushes) flush.target = this.#spool.next;
  }

  #progress(): void {
    for (const flush of this.#flushes) {
      if (this.#spool.settled < flush.target) continue;
      this.#flushes.delete(flush);
      flush.done();
    }
  }

  async #reject(record: Buffer, eventId: string, error: VerdictError): Promise<void> {
    const { code, message } = error;
    const violations = error.violations.map(({ path, code, message }) => ({ path, code, message }));
    const { eventName, idempotencyKey } = identityOf(record);
    const original = eventJson(record);
    const reason = { code, message, violations };
    this.#hooks.onRejected({ eventName, idempotencyKey, eventId, ...reason, original });
    // The same format as the file of `headgate track --rejected`.
    const line = { status: 'rejected', ...reason, idempotency_key: idempotencyKey, original };
    try {
      await this.#rejectedFile?.append(JSON.stringify(line));
    } catch (cause) {
      this.#hooks.onTrouble(
        `rejected.ndjson cannot be written: ${(cause as Error).message}`,
        cause,
      );
    }
  }
}

interface Flush {
  /** The ordinal before which all events must be settled. */
  target: number;
  readonly done: () => void;
}

/** Limit of the events that wait in memory while the disk is slower than track(). */
const unwrittenBytesMax = 64 * 1024 * 1024;

/** False if `done` did not resolve within `timeoutMs`. */
async function inTime(done: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, timeoutMs));
  });
  try {
    return await Promise.race([done.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
