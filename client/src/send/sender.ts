import type { Spool } from '../spool/spool.ts';
import type { Answer, Transport, Verdict } from '../transport/transport.ts';
import { Alarm } from './alarm.ts';
import { createBatchLimit, type BatchLimit } from './batch-limit.ts';
import { createBreaker, type Breaker } from './breaker.ts';
import { Delayed } from './delayed.ts';
import { bytesOf, copied, fresh, later, partOf, ping, settleIn, type Group } from './group.ts';
import type {
  RequestReport,
  SenderOptions,
  SenderSignals,
  VerdictCounts,
} from './sender-signals.ts';
import { Mover } from './mover.ts';
import { Pings } from './pings.ts';
import { noReason, refusedBeforeGate } from './reasons.ts';
import { Suspects, type Sending } from './suspects.ts';
import { Troubles, type TroubleKind } from './troubles.ts';
import { Unanswered } from './unanswered.ts';

/** A suspect that was sent so often is reported: it is not about to be rejected. */
const suspectAttempts = 8;

/** Sends events from the spool to the gate until each has a final verdict. */
export class Sender {
  readonly #spool: Spool;
  readonly #transport: Transport;
  readonly #options: SenderOptions;
  readonly #signals: SenderSignals;
  readonly #breaker: Breaker;
  readonly #limit: BatchLimit;
  readonly #troubles: Troubles;
  /** The spool is not read while there are `inFlightMax` of these, which bounds their number. */
  readonly #retries = new Unanswered();
  /** Events whose verdict was `retry`. */
  readonly #delayed: Delayed;
  readonly #mover: Mover;
  readonly #suspects: Suspects;
  readonly #pings: Pings;
  readonly #sending = new Map<Promise<void>, Group>();
  /** The last group was read, so that it is the turn of one that waits. */
  #wasRead = false;
  #isAnswered = false;
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
    this.#suspects = new Suspects(eventsMax, bytesMax, options.refusalGapMs);
    this.#pings = new Pings(this.#suspects);
    this.#mover = new Mover(spool, [this.#delayed, this.#suspects], {
      pinnedMax: options.batchEventsMax,
      idleMs: 4 * options.backoffCapMs,
      moved: (count) => signals.moved(count),
    });
    this.#troubles = new Troubles(signals);
    this.#alarm = new Alarm(options.keepsAlive);
    this.#breaker = createBreaker(options, Math.random);
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
    await Promise.all(this.#sending.keys());
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
      const sent = this.#send(group)
        .catch((error: unknown) => this.#notUsed(group, error))
        .then(() => {
          this.#sending.delete(sent);
          this.#checkTroubles();
          this.#alarm.wake();
        });
      this.#sending.set(sent, group);
    }
  }

  /** How long until events that wait should move. Not in an outage: nothing is freed. */
  #moveDelayMs(nowMs: number): number {
    return this.#breaker.state === 'closed' ? this.#mover.delayMs(nowMs) : Infinity;
  }

  /** How long until a request may start; Infinity means until the next wake-up. */
  #delayMs(nowMs: number): number {
    const isClosed = this.#breaker.state === 'closed';
    if (this.#sending.size >= (isClosed ? this.#options.inFlightMax : 1)) return Infinity;
    const heldMs = this.#breaker.waitMs(nowMs);
    if (heldMs > 0) return heldMs;
    const retryMs = this.#retries.delayMs(nowMs);
    if (this.#mustPing(nowMs)) return 0;
    const delayedMs = this.#delayed.delayMs(nowMs);
    const suspectMs = this.#pings.isUnderWay ? Infinity : this.#suspects.delayMs(nowMs);
    return Math.min(retryMs, delayedMs, suspectMs, this.#readDelayMs(nowMs));
  }

  /**
   * Events were refused, and no other event is read next whose verdict would show whether the gate is
   * there; or a group failed again and again. Then an empty request asks for the gate's answer.
   */
  #mustPing(nowMs: number): boolean {
    return this.#pings.isDue(
      nowMs,
      () => this.#retries.groups.length > 0 || this.#readDelayMs(nowMs) < Infinity,
    );
  }

  /** How long until the spool may be read. */
  #readDelayMs(nowMs: number): number {
    const { unread } = this.#spool;
    if (unread === 0) this.#unreadSinceMs = 0;
    if (unread === 0 || this.#retries.groups.length >= this.#options.inFlightMax) return Infinity;
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
      this.#pings.begin();
      return ping;
    }
    const retry = this.#retries.take(nowMs, this.#limit.eventsIn(this.#breaker.state));
    if (retry !== undefined) return retry;
    const mayRead = this.#readDelayMs(nowMs) === 0;
    // In what looks like an outage, an answer to other events ends it.
    const isLater = (this.#suspects.isOutage && mayRead) || this.#pings.isUnderWay;
    const suspect = isLater ? undefined : this.#suspects.take(nowMs);
    if (suspect !== undefined) return suspect;
    const delayed = mayRead && !this.#wasRead ? undefined : this.#takeDelayed(nowMs);
    this.#wasRead = delayed === undefined;
    return delayed ?? (mayRead ? this.#readGroup() : undefined);
  }

  /** As many as a request may have, also after failures: the gate gave verdicts on these. */
  #takeDelayed(nowMs: number): Group | undefined {
    return this.#delayed.take(nowMs, {
      events: this.#limit.events,
      bytes: this.#bytesMax,
      overheadBytes: this.#transport.overheadBytes,
    });
  }

  /** Leaves 1,024 bytes for the rest of the request. */
  get #bytesMax(): number {
    return this.#options.batchBytesMax - 1024;
  }

  async #readGroup(): Promise<Group | undefined> {
    let batch;
    const { overheadBytes } = this.#transport;
    try {
      batch = await this.#spool.read(
        this.#limit.eventsIn(this.#breaker.state),
        this.#bytesMax,
        overheadBytes,
      );
    } catch (error) {
      this.#report('outage', `The spool cannot be read: ${(error as Error).message}`);
      await this.#alarm.sleep(this.#options.backoffCapMs / 10);
      return undefined;
    }
    this.#unreadSinceMs = performance.now();
    if (batch === undefined) return undefined;
    const { records, range } = batch;
    return { ...fresh, records, ranges: records.map(() => range) };
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
      this.#answeredBy(sending);
      counts = await this.#settle(group, answer.verdicts, answer.afterMs);
    } else if (answer.kind === 'split') {
      failure = 'refused';
      await this.#split(group, answer, sending);
    } else {
      failure = answer.reason;
      this.#unanswered(group, answer, sending);
    }
    const durationMs = performance.now() - startedMs;
    this.#signals.request({ ...counts, events: group.records.length, bytes, durationMs, failure });
  }

  /**
   * A request that fails again and again, while the gate answers others, may do so for one of its
   * events: halves show which. Alone, that event waits, and no longer holds up the others.
   */
  #unanswered(group: Group, answer: Extract<Answer, { kind: 'retry' }>, sending: Sending): void {
    const { reason, message, afterMs } = answer;
    if (reason === 'overloaded') this.#limit.halve();
    const attempt = group.attempt + 1;
    const failedAt = group.failedAt ?? this.#suspects.sent;
    const isLast = attempt >= this.#options.failuresMax && reason !== 'unauthorized';
    const isTired = isLast && this.#suspects.answeredSince(failedAt);
    this.#pings.failed(isLast);
    if (group.suspicion !== undefined || (isTired && group.records.length === 1)) {
      const own = group.suspicion === undefined ? copied(group) : group;
      const suspicion = this.#suspects.failed(group, sending, performance.now());
      this.#suspects.add(later({ ...own, suspicion }, this.#options, afterMs));
      this.#pings.again();
      this.#report('waiting', message);
      if (sending.isProven) return;
    } else if (isTired) {
      this.#report('waiting', message);
      this.#limit.below(group.records.length);
      const before = this.#options.failuresMax - 1;
      this.#retries.halve({ ...group, attempt: before, failedAt: this.#suspects.sent });
    } else {
      this.#retries.first({ ...group, attempt, failedAt, notBeforeMs: 0 });
    }
    this.#failed(message, afterMs);
  }

  /** Whatever the answer has that breaks this code: it ends no program, and loses no event. */
  #notUsed(group: Group, error: unknown): void {
    this.#pings.ended();
    if (group !== ping) this.#retries.last(later(group, this.#options, 0));
    this.#failed(`The answer cannot be used: ${String(error)}`, 0);
  }

  /** Only a gate gives verdicts, or refuses with a code. */
  #pinged(answer: Answer, sending: Sending): RequestReport['failure'] {
    this.#pings.ended();
    if (answer.kind === 'verdicts' || (answer.kind === 'split' && answer.code !== undefined)) {
      this.#answeredBy(sending);
      this.#gotAnswer();
      this.#pings.again();
      return undefined;
    }
    if (answer.kind === 'split') this.#suspects.pingRefused(performance.now());
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
    this.#gotAnswer();
    if (counts.retry > 0) {
      const again = partOf(group, (index) => verdicts[index]!.status === 'retry');
      this.#delay(again, counts.retry === verdicts.length, why, afterMs);
    }
    if (counts.retry < verdicts.length) {
      this.#limit.grow();
      this.#mover.gotThrough();
      settleIn(this.#spool, group, (index) => verdicts[index]!.status !== 'retry');
      this.#signals.settled(counts);
    }
    return counts;
  }

  /** Keeps events whose verdict was `retry`, and reports it once if they wait for long. */
  #delay(group: Group, isWhole: boolean, why: string, afterMs: number): void {
    if (isWhole || group.isAgain) {
      this.#report('waiting', `The gate cannot store events: ${why}`);
    }
    const own = group.isAgain ? group : copied(group);
    this.#delayed.add(
      later({ ...own, suspicion: undefined, isAgain: true }, this.#options, afterMs),
    );
  }

  /** Ends the troubles that are over: not between the parts of a group of which some fail. */
  #checkTroubles(): void {
    const groups = [...this.#retries.groups, ...this.#sending.values()];
    if (groups.some(({ attempt, isAgain }) => attempt > 0 && !isAgain)) return;
    if (this.#isAnswered) this.#troubles.end('outage');
    if (this.#delayed.events + this.#suspects.events > 0) return;
    if (!groups.some(({ isAgain }) => isAgain)) this.#troubles.end('waiting');
  }

  async #split(
    group: Group,
    answer: Extract<Answer, { kind: 'split' }>,
    sending: Sending,
  ): Promise<void> {
    const { records } = group;
    const { code, message } = answer;
    if (code !== undefined) this.#answeredBy(sending);
    if (records.length === 1) {
      if (code === undefined) return this.#suspect(group, answer, sending);
      const error = { code, message, violations: [] };
      await this.#settle(group, [{ status: 'rejected', eventId: '', error }], 0);
      return;
    }
    this.#limit.below(records.length);
    this.#retries.halve(group);
  }

  /** A server before the gate refused a single event. */
  async #suspect(
    group: Group,
    { message, isOfEvent }: Extract<Answer, { kind: 'split' }>,
    sending: Sending,
  ): Promise<void> {
    const wasOutage = this.#suspects.isOutage;
    const suspicion = this.#suspects.refused(group, sending, performance.now(), isOfEvent);
    this.#pings.again();
    if (suspicion !== undefined) {
      const own = group.suspicion === undefined ? copied(group) : group;
      this.#suspects.add(later({ ...own, suspicion }, this.#options, 0));
      if (own.attempt >= suspectAttempts || (!isOfEvent && own.attempt > 0)) {
        this.#report('waiting', message);
      }
      // The first refusal delays, but is not yet trouble: the next event may pass.
      if (wasOutage) this.#failed(message, 0);
      else if (this.#suspects.isOutage) this.#breaker.failed(performance.now(), 0);
      return;
    }
    await this.#signals.rejected(group.records[0]!, '', refusedBeforeGate(message));
    settleIn(this.#spool, group);
    this.#signals.settled({ accepted: 0, duplicate: 0, rejected: 1, retry: 0 });
  }

  #answeredBy(sending: Sending): void {
    this.#suspects.answered(sending, performance.now());
    this.#pings.answered();
  }

  #gotAnswer(): void {
    this.#breaker.succeeded();
    this.#isAnswered = true;
  }

  #failed(message: string, afterMs: number): void {
    this.#isAnswered = false;
    this.#breaker.failed(performance.now(), afterMs);
    this.#report('outage', message);
  }

  #report(kind: TroubleKind, message: string): void {
    if (!this.#stopped) this.#troubles.report(kind, message);
  }
}
