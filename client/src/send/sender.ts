import type { Spool } from '../spool/spool.ts';
import type { Answer, Transport, Verdict, VerdictError } from '../transport/transport.ts';
import { Alarm } from './alarm.ts';
import { createBatchLimit, type BatchLimit } from './batch-limit.ts';
import { backoffBoundMs, createBreaker, type Breaker } from './breaker.ts';
import { Delayed } from './delayed.ts';
import { bytesOf, copied, part, partOf, settleIn, type Group } from './group.ts';
import type { RequestReport, SenderSignals, VerdictCounts } from './sender-signals.ts';
import { Mover } from './mover.ts';
import { Suspects, type Sending } from './suspects.ts';
import { Troubles, type TroubleKind } from './troubles.ts';

export interface SenderOptions {
  readonly batchEventsMax: number;
  readonly batchBytesMax: number;
  readonly inFlightMax: number;
  /** How long an event may wait for others in the same batch. */
  readonly lingerMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  readonly failuresMax: number;
  /** The least time between two refusals of an event by a server before the gate, if they count. */
  readonly refusalGapMs: number;
  /** Timers keep the program running. True if events are only in memory and would be lost. */
  readonly keepsAlive: boolean;
}

/** A probe has few events, because a large request may be what brought the gate down. */
const probeEvents = 10;
const noReason: VerdictError = {
  code: 'internal',
  message: 'The gate gave no reason.',
  violations: [],
};

/** A gate answers this with an error code of its own. */
const ping: Group = {
  records: [],
  ranges: [],
  attempt: 0,
  notBeforeMs: 0,
  suspicion: undefined,
  isAgain: false,
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
  readonly #troubles: Troubles;
  /**
   * Requests without verdicts, and halves of refused ones. The spool is not read while there are
   * `inFlightMax` of these, which bounds their number.
   */
  #retries: Group[] = [];
  /** Events whose verdict was `retry`. */
  readonly #delayed: Delayed;
  readonly #mover: Mover;
  readonly #suspects: Suspects;
  readonly #sending = new Set<Promise<void>>();
  /** The last group was read, so that it is the turn of one that waits. */
  #wasRead = false;
  #wasPinged = false;
  #isPinging = false;
  #unreadSinceMs = 0;
  #flushes = 0;
  #stopped = false;
  readonly #alarm: Alarm;
  #running: Promise<void> | undefined;

  constructor(spool: Spool, transport: Transport, options: SenderOptions, signals: SenderSignals) {
    this.#spool = spool;
    this.#transport = transport;
    this.#options = options;
    this.#signals = signals;
    this.#limit = createBatchLimit(options.batchEventsMax);
    // The events that wait need no more memory than those of all requests in flight.
    const eventsMax = options.batchEventsMax * options.inFlightMax;
    const bytesMax = options.batchBytesMax * options.inFlightMax;
    this.#delayed = new Delayed(eventsMax, bytesMax);
    this.#mover = new Mover(spool, this.#delayed, {
      pinnedMax: options.batchEventsMax,
      idleMs: 4 * options.backoffCapMs,
      moved: (count) => signals.moved(count),
    });
    this.#suspects = new Suspects(eventsMax, bytesMax, options.refusalGapMs);
    this.#troubles = new Troubles(signals);
    this.#alarm = new Alarm(options.keepsAlive);
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
    this.#alarm.wake();
  }

  /** Sends without lingering until the returned function is called. */
  hurry(): () => void {
    this.#flushes += 1;
    this.#alarm.wake();
    return () => {
      this.#flushes -= 1;
    };
  }

  /** Aborts requests without waiting for the gate. Their events stay in the spool. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarm.wake();
    this.#transport.close();
    await this.#running;
    await Promise.all(this.#sending);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const moveMs = this.#moveDelayMs(performance.now());
      if (moveMs === 0) await this.#mover.move(performance.now());
      const delayMs = this.#delayMs(performance.now());
      if (delayMs > 0) {
        await this.#alarm.sleep(Math.min(delayMs, moveMs));
        continue;
      }
      const group = await this.#next(performance.now());
      if (group === undefined) continue;
      const sent = this.#send(group).then(() => {
        this.#sending.delete(sent);
        this.#alarm.wake();
      });
      this.#sending.add(sent);
    }
  }

  /** How long until events that wait should move in the spool. Not in an outage: nothing is freed. */
  #moveDelayMs(nowMs: number): number {
    return this.#breaker.state === 'closed' ? this.#mover.delayMs(nowMs) : Infinity;
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
    if (this.#mustPing(nowMs)) return 0;
    const delayedMs = this.#delayed.delayMs(nowMs);
    const suspectMs = this.#suspects.delayMs(nowMs);
    return Math.min(retryMs, delayedMs, suspectMs, this.#readDelayMs(nowMs));
  }

  /**
   * Events were refused, and no other event is read next whose verdict would show whether the gate is
   * there. Then an empty request asks for its answer, once before each further refusal.
   */
  #mustPing(nowMs: number): boolean {
    if (this.#suspects.events === 0 || this.#wasPinged || this.#isPinging) return false;
    const othersFollow = this.#retries.length > 0 || this.#readDelayMs(nowMs) < Infinity;
    return this.#suspects.isInDoubt(othersFollow);
  }

  /** How long until the spool may be read. */
  #readDelayMs(nowMs: number): number {
    const { unread } = this.#spool;
    if (unread === 0) this.#unreadSinceMs = 0;
    if (unread === 0 || this.#retries.length >= this.#options.inFlightMax) return Infinity;
    if (this.#delayed.isFull || this.#suspects.isFull) return Infinity;
    if (unread >= this.#limit.events || this.#flushes > 0) return 0;
    return Math.max(0, this.#unreadSinceMs + this.#options.lingerMs - nowMs);
  }

  /**
   * The next group that may be sent. Events that are read take turns with delayed ones, and go
   * first: so neither holds up the other.
   */
  async #next(nowMs: number): Promise<Group | undefined> {
    if (this.#mustPing(nowMs)) {
      this.#wasPinged = true;
      this.#isPinging = true;
      return ping;
    }
    const retry = this.#takeRetry(nowMs);
    if (retry !== undefined) return retry;
    const mayRead = this.#readDelayMs(nowMs) === 0;
    // In what looks like an outage, an answer to other events ends it.
    const suspect = this.#suspects.isOutage && mayRead ? undefined : this.#suspects.take(nowMs);
    if (suspect !== undefined) return suspect;
    const delayed = mayRead && !this.#wasRead ? undefined : this.#takeDelayed(nowMs);
    this.#wasRead = delayed === undefined;
    return delayed ?? (mayRead ? this.#readGroup() : undefined);
  }

  #takeRetry(nowMs: number): Group | undefined {
    const index = this.#retries.findIndex(({ notBeforeMs }) => notBeforeMs <= nowMs);
    if (index < 0) return undefined;
    const [group] = this.#retries.splice(index, 1);
    const max = this.#eventsMax();
    if (group!.records.length <= max) return group;
    this.#retries.unshift(part(group!, max));
    return part(group!, 0, max);
  }

  /** As many as a request may have, also after failures: the gate gave verdicts on these. */
  #takeDelayed(nowMs: number): Group | undefined {
    const { overheadBytes } = this.#transport;
    return this.#delayed.take(nowMs, {
      events: this.#limit.events,
      bytes: this.#bytesMax,
      overheadBytes,
    });
  }

  /** Leaves 1,024 bytes for the rest of the request. */
  get #bytesMax(): number {
    return this.#options.batchBytesMax - 1024;
  }

  #eventsMax(): number {
    return this.#breaker.state === 'open'
      ? Math.min(probeEvents, this.#limit.events)
      : this.#limit.events;
  }

  async #readGroup(): Promise<Group | undefined> {
    const { overheadBytes } = this.#transport;
    let batch;
    try {
      batch = await this.#spool.read(this.#eventsMax(), this.#bytesMax, overheadBytes);
    } catch (error) {
      this.#report('outage', `The spool cannot be read: ${(error as Error).message}`);
      await this.#alarm.sleep(this.#options.backoffCapMs / 10);
      return undefined;
    }
    this.#unreadSinceMs = performance.now();
    if (batch === undefined) return undefined;
    const { records, range } = batch;
    const ranges = records.map(() => range);
    return { records, ranges, attempt: 0, notBeforeMs: 0, suspicion: undefined, isAgain: false };
  }

  async #send(group: Group): Promise<void> {
    const startedMs = performance.now();
    const sending = this.#suspects.sending(group);
    const answer = await this.#transport.send(group.records);
    const bytes = bytesOf(group);
    let counts: VerdictCounts = { accepted: 0, duplicate: 0, rejected: 0, retry: 0 };
    let failure: RequestReport['failure'];
    if (group === ping) {
      failure = this.#pinged(answer, sending);
    } else if (answer.kind === 'verdicts') {
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

  /** Only a gate gives verdicts, or refuses with a code. */
  #pinged(answer: Answer, sending: Sending): RequestReport['failure'] {
    this.#isPinging = false;
    if (answer.kind === 'verdicts' || (answer.kind === 'split' && answer.code !== undefined)) {
      this.#suspects.answered(sending);
      this.#breaker.succeeded();
      this.#troubles.end('outage');
      return undefined;
    }
    this.#failed(answer.message, answer.kind === 'retry' ? answer.afterMs : 0);
    return answer.kind === 'retry' ? answer.reason : 'refused';
  }

  async #settle(
    group: Group,
    verdicts: readonly Verdict[],
    afterMs: number,
  ): Promise<VerdictCounts> {
    const counts = { accepted: 0, duplicate: 0, rejected: 0, retry: 0 };
    let why = 'it answered retry without a reason';
    for (const [index, { status, eventId, error }] of verdicts.entries()) {
      counts[status] += 1;
      if (status === 'retry') why = error?.message ?? why;
      if (status !== 'rejected') continue;
      await this.#signals.rejected(group.records[index]!, eventId, error ?? noReason);
    }
    // Also with `retry` alone: the gate answers, and what it cannot store now waits on its own.
    this.#breaker.succeeded();
    this.#troubles.end('outage');
    if (counts.retry > 0) {
      const again = partOf(group, (index) => verdicts[index]!.status === 'retry');
      this.#delay(again, counts.retry === verdicts.length, why, afterMs);
    }
    if (counts.retry < verdicts.length) {
      this.#limit.grow();
      settleIn(this.#spool, group, (index) => verdicts[index]!.status !== 'retry');
      this.#signals.settled(counts);
    }
    this.#checkWaiting();
    return counts;
  }

  /** Keeps events whose verdict was `retry`, and reports it once if they wait for long. */
  #delay(group: Group, isWhole: boolean, why: string, afterMs: number): void {
    if (isWhole || group.isAgain) {
      this.#report('waiting', `The gate cannot store events: ${why}`);
    }
    const own = group.isAgain ? group : copied(group);
    this.#delayed.add(this.#later({ ...own, suspicion: undefined, isAgain: true }, afterMs));
  }

  #checkWaiting(): void {
    if (this.#delayed.events === 0) this.#troubles.end('waiting');
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
    this.#retries.unshift(part(group, 0, middle), part(group, middle));
  }

  /** A server before the gate refused a single event. */
  async #suspect(group: Group, message: string, sending: Sending): Promise<void> {
    const wasOutage = this.#suspects.isOutage;
    const suspicion = this.#suspects.refused(group, sending, performance.now());
    this.#wasPinged = false;
    if (suspicion !== undefined) {
      const own = group.suspicion === undefined ? copied(group) : group;
      this.#suspects.wait(this.#later({ ...own, suspicion }, 0));
      // The first refusal delays, but is not yet trouble: the next event may pass.
      if (wasOutage) this.#failed(message, 0);
      else if (this.#suspects.isOutage) this.#breaker.failed(performance.now(), 0);
      return;
    }
    const error = { code: refusedCode, message, violations: [] };
    await this.#signals.rejected(group.records[0]!, '', error);
    settleIn(this.#spool, group);
    this.#signals.settled({ accepted: 0, duplicate: 0, rejected: 1, retry: 0 });
  }

  #failed(message: string, afterMs: number): void {
    this.#breaker.failed(performance.now(), afterMs);
    this.#report('outage', message);
  }

  #report(kind: TroubleKind, message: string): void {
    if (!this.#stopped) this.#troubles.report(kind, message);
  }
}
