import type { Spool } from '../spool/spool.ts';
import type {
  Answer,
  RetryReason,
  Transport,
  Verdict,
  VerdictError,
} from '../transport/transport.ts';
import { createBatchLimit, type BatchLimit } from './batch-limit.ts';
import { backoffBoundMs, createBreaker, type Breaker } from './breaker.ts';
import { Suspects, type Group, type Sending } from './suspects.ts';

export interface SenderOptions {
  readonly batchEventsMax: number;
  readonly batchBytesMax: number;
  readonly inFlightMax: number;
  /** How long an event may wait for others in the same batch. */
  readonly lingerMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  readonly failuresMax: number;
  /** Timers keep the program running. True if events are only in memory and would be lost. */
  readonly keepsAlive: boolean;
}

/** The outcome of one request. */
export interface RequestReport {
  readonly events: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Events to send again. */
  readonly retry: number;
  /** Why the request returned no verdicts; undefined if it did. */
  readonly failure: RetryReason | 'refused' | undefined;
}

export type VerdictCounts = Readonly<Record<Verdict['status'], number>>;

export interface SenderSignals {
  /** Called after events got a final verdict and were settled in the spool. */
  settled(counts: VerdictCounts): void;
  request(report: RequestReport): void;
  /** Resolves when the rejected event is stored where the owner of the program finds it. */
  rejected(record: Buffer, eventId: string, error: VerdictError): Promise<void>;
  trouble(message: string): void;
  recovered(): void;
}

/** A probe has few events, because a large request may be what brought the gate down. */
const probeEvents = 10;
const noReason: VerdictError = {
  code: 'internal',
  message: 'The gate gave no reason.',
  violations: [],
};

/** For an event that never reached the gate. */
const refusedCode = 'refused_before_gate';

/** Sends events from the spool to the gate until each has a final verdict. */
export class Sender {
  readonly #spool: Spool;
  readonly #transport: Transport;
  readonly #options: SenderOptions;
  readonly #signals: SenderSignals;
  readonly #breaker: Breaker;
  readonly #limit: BatchLimit;
  /** The spool is not read while there are `inFlightMax` of these, which bounds their number. */
  #retries: Group[] = [];
  readonly #suspects: Suspects;
  readonly #sending = new Set<Promise<void>>();
  #unreadSinceMs = 0;
  #flushes = 0;
  #stopped = false;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isTroubled = false;

  constructor(spool: Spool, transport: Transport, options: SenderOptions, signals: SenderSignals) {
    this.#spool = spool;
    this.#transport = transport;
    this.#options = options;
    this.#signals = signals;
    this.#limit = createBatchLimit(options.batchEventsMax);
    this.#suspects = new Suspects(
      options.batchEventsMax * options.inFlightMax,
      options.batchBytesMax * options.inFlightMax,
    );
    this.#breaker = createBreaker({
      baseMs: options.backoffBaseMs,
      capMs: options.backoffCapMs,
      failuresMax: options.failuresMax,
      random: Math.random,
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Call this when the spool has new events. */
  wake(): void {
    if (this.#unreadSinceMs === 0) this.#unreadSinceMs = performance.now();
    this.#wake?.();
  }

  /** Sends without lingering until the returned function is called. */
  hurry(): () => void {
    this.#flushes += 1;
    this.#wake?.();
    return () => {
      this.#flushes -= 1;
    };
  }

  /** Aborts requests without waiting for the gate. Their events stay in the spool. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    this.#transport.close();
    await this.#running;
    await Promise.all(this.#sending);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const delayMs = this.#delayMs(performance.now());
      if (delayMs > 0) {
        await this.#sleep(delayMs);
        continue;
      }
      const group = await this.#next(performance.now());
      if (group === undefined) continue;
      const sent = this.#send(group).then(() => {
        this.#sending.delete(sent);
        this.#wake?.();
      });
      this.#sending.add(sent);
    }
  }

  /** How long until a request may start; Infinity means until the next wake-up. */
  #delayMs(nowMs: number): number {
    const isClosed = this.#breaker.state === 'closed';
    if (this.#sending.size >= (isClosed ? this.#options.inFlightMax : 1)) return Infinity;
    const heldMs = this.#breaker.waitMs(nowMs);
    if (heldMs > 0) return heldMs;
    const retryMs = this.#retries.reduce(
      (least, { notBeforeMs }) => Math.min(least, Math.max(0, notBeforeMs - nowMs)),
      Infinity,
    );
    return Math.min(retryMs, this.#suspects.delayMs(nowMs), this.#readDelayMs(nowMs));
  }

  /** How long until the spool may be read. */
  #readDelayMs(nowMs: number): number {
    const { unread } = this.#spool;
    if (unread === 0) this.#unreadSinceMs = 0;
    if (unread === 0 || this.#retries.length >= this.#options.inFlightMax) return Infinity;
    if (this.#suspects.areTooMany) return Infinity;
    if (unread >= this.#limit.events || this.#flushes > 0) return 0;
    return Math.max(0, this.#unreadSinceMs + this.#options.lingerMs - nowMs);
  }

  /**
   * The next group that may be sent. In what looks like an outage, other events go before those that
   * were refused: an answer to them ends it.
   */
  async #next(nowMs: number): Promise<Group | undefined> {
    const retry = this.#takeRetry(nowMs);
    if (retry !== undefined) return retry;
    const mayRead = this.#readDelayMs(nowMs) === 0;
    const suspect = this.#suspects.isOutage && mayRead ? undefined : this.#suspects.take(nowMs);
    return suspect ?? (mayRead ? this.#readGroup() : undefined);
  }

  #takeRetry(nowMs: number): Group | undefined {
    const index = this.#retries.findIndex(({ notBeforeMs }) => notBeforeMs <= nowMs);
    if (index < 0) return undefined;
    const [group] = this.#retries.splice(index, 1);
    const max = this.#eventsMax();
    if (group!.records.length <= max) return group;
    this.#retries.unshift({ ...group!, records: group!.records.slice(max) });
    return { ...group!, records: group!.records.slice(0, max) };
  }

  #eventsMax(): number {
    return this.#breaker.state === 'open'
      ? Math.min(probeEvents, this.#limit.events)
      : this.#limit.events;
  }

  async #readGroup(): Promise<Group | undefined> {
    const { overheadBytes } = this.#transport;
    // Leaves 1,024 bytes for the rest of the request.
    const bytes = this.#options.batchBytesMax - 1024;
    let batch;
    try {
      batch = await this.#spool.read(this.#eventsMax(), bytes, overheadBytes);
    } catch (error) {
      this.#reportTrouble(`The spool cannot be read: ${(error as Error).message}`);
      await this.#sleep(this.#options.backoffCapMs / 10);
      return undefined;
    }
    this.#unreadSinceMs = performance.now();
    if (batch === undefined) return undefined;
    return { ...batch, attempt: 0, notBeforeMs: 0, suspicion: undefined };
  }

  async #send(group: Group): Promise<void> {
    const startedMs = performance.now();
    const sending = this.#suspects.sending(group);
    const answer = await this.#transport.send(group.records);
    const bytes = group.records.reduce((sum, { length }) => sum + length, 0);
    let counts: VerdictCounts = { accepted: 0, duplicate: 0, rejected: 0, retry: 0 };
    let failure: RequestReport['failure'];
    if (answer.kind === 'verdicts') {
      this.#suspects.answered(sending);
      counts = await this.#settle(group, answer.verdicts, answer.afterMs);
    } else if (answer.kind === 'split') {
      failure = 'refused';
      await this.#split(group, answer, sending);
    } else {
      failure = answer.reason;
      if (answer.reason === 'overloaded') this.#limit.halve();
      if (group.suspicion === undefined) {
        this.#retries.unshift({ ...group, attempt: group.attempt + 1, notBeforeMs: 0 });
      } else {
        this.#suspects.wait(this.#later(group, answer.afterMs));
      }
      this.#failed(answer.message, answer.afterMs);
    }
    const durationMs = performance.now() - startedMs;
    this.#signals.request({ ...counts, events: group.records.length, bytes, durationMs, failure });
  }

  async #settle(
    group: Group,
    verdicts: readonly Verdict[],
    afterMs: number,
  ): Promise<VerdictCounts> {
    const counts = { accepted: 0, duplicate: 0, rejected: 0, retry: 0 };
    const again: Buffer[] = [];
    let why = 'it answered retry without a reason';
    for (const [index, { status, eventId, error }] of verdicts.entries()) {
      counts[status] += 1;
      const record = group.records[index]!;
      if (status === 'rejected') await this.#signals.rejected(record, eventId, error ?? noReason);
      if (status !== 'retry') continue;
      why = error?.message ?? why;
      again.push(record);
    }
    const settled = verdicts.length - again.length;
    if (again.length > 0) {
      this.#retries.push(this.#later({ ...group, records: again, suspicion: undefined }, afterMs));
    }
    if (settled === 0) {
      this.#failed(`The gate cannot store events: ${why}`, afterMs);
      return counts;
    }
    this.#breaker.succeeded();
    this.#limit.grow();
    if (this.#isTroubled) this.#signals.recovered();
    this.#isTroubled = false;
    this.#spool.settle(group.range, settled);
    this.#signals.settled(counts);
    return counts;
  }

  #later(group: Group, afterMs: number): Group {
    const { backoffBaseMs, backoffCapMs } = this.#options;
    const bound = backoffBoundMs(group.attempt, backoffBaseMs, backoffCapMs);
    const notBeforeMs = performance.now() + Math.max(afterMs, Math.random() * bound);
    return { ...group, attempt: group.attempt + 1, notBeforeMs };
  }

  /** Halving finds the event that cannot be read, and adapts to a server with smaller limits. */
  async #split(
    group: Group,
    { code, message }: Extract<Answer, { kind: 'split' }>,
    sending: Sending,
  ): Promise<void> {
    const { records } = group;
    if (code !== undefined) this.#suspects.answered(sending);
    if (records.length === 1) {
      if (code === undefined) return this.#suspect(group, message, sending);
      const error = { code, message, violations: [] };
      await this.#settle(group, [{ status: 'rejected', eventId: '', error }], 0);
      return;
    }
    this.#limit.below(records.length);
    const middle = Math.ceil(records.length / 2);
    this.#retries.unshift(
      { ...group, records: records.slice(0, middle) },
      { ...group, records: records.slice(middle) },
    );
  }

  /** A server before the gate refused a single event. */
  async #suspect(group: Group, message: string, sending: Sending): Promise<void> {
    const wasOutage = this.#suspects.isOutage;
    const suspicion = this.#suspects.refused(group, sending);
    if (suspicion !== undefined) {
      // A copy, because the record is a part of what was read from the disk at once.
      const records =
        group.suspicion === undefined
          ? group.records.map((record) => Buffer.from(record))
          : group.records;
      this.#suspects.wait(this.#later({ ...group, records, suspicion }, 0));
      // The first refusal delays, but is not yet trouble: the next event may pass.
      if (wasOutage) this.#failed(message, 0);
      else if (this.#suspects.isOutage) this.#breaker.failed(performance.now(), 0);
      return;
    }
    const error = { code: refusedCode, message, violations: [] };
    await this.#signals.rejected(group.records[0]!, '', error);
    this.#spool.settle(group.range, 1);
    this.#signals.settled({ accepted: 0, duplicate: 0, rejected: 1, retry: 0 });
  }

  #failed(message: string, afterMs: number): void {
    this.#breaker.failed(performance.now(), afterMs);
    this.#reportTrouble(message);
  }

  /** Reports trouble once, until the gate recovers. */
  #reportTrouble(message: string): void {
    if (this.#stopped) return;
    if (!this.#isTroubled) this.#signals.trouble(message);
    this.#isTroubled = true;
  }

  async #sleep(delayMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (delayMs === Infinity) return;
      timer = setTimeout(resolve, delayMs);
      if (!this.#options.keepsAlive) timer.unref();
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
