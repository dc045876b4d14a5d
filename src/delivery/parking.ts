/** A failure that was reported as caused by the destination. */
export interface SharedFailure {
  readonly held: object;
  readonly outcome: {
    readonly reason: string;
    readonly status?: string;
    readonly notBeforeMs?: number;
  };
}

/** How one call of `deliver` ended. Times are from a monotonic clock. */
export interface CallReport<Failure> {
  readonly probe: boolean;
  readonly startedMs: number;
  readonly endedMs: number;
  /** Events that the destination answered: delivered, or refused because of the event. */
  readonly answered: readonly object[];
  readonly failures: readonly Failure[];
}

/** What happens to failures. A failure in no list is undecided. */
export interface FailureDecision<Failure> {
  /** Caused by the event: an attempt is charged. */
  readonly charged: readonly Failure[];
  /** Not caused by the event, which is tried again after its delay. */
  readonly delayed: readonly Failure[];
  /** Not caused by the event, which goes to the end of the queue and waits without a limit. */
  readonly queued: readonly Failure[];
}

export interface ProbeIntervals {
  readonly baseMs: number;
  readonly capMs: number;
}

/** 1, 2, 4 ... 60 s, each ± 20 %: an outage of a day costs 1,440 calls. */
export const probeIntervals: ProbeIntervals = { baseMs: 1_000, capMs: 60_000 };

export interface ParkingOptions {
  readonly intervals: ProbeIntervals;
  /** This many events in a row that fail alone count as an outage. */
  readonly failuresMax: number;
  readonly random: () => number;
  /** Called once when the destination parks, and once when it is open again. */
  readonly onChange: (parked: boolean, reason: string) => void;
  /** Called when a failed probe of a parked destination gives another reason than before. */
  readonly onReason?: (reason: string) => void;
}

interface Suspect<Failure> {
  readonly failure: Failure;
  readonly failedMs: number;
  /** The destination had answered another event within `nearMs` before. */
  readonly near: boolean;
}

const nearMs = 1_000;
/** The longest Retry-After that is honoured; the value comes from outside. */
const notBeforeMsMax = 86_400_000;

/**
 * Distinguishes an outage from an event that makes the destination fail, though both look like a
 * refused connection or a 500. Pure: time and chance are arguments.
 *
 *     open --- a whole batch fails, or `failuresMax` events in a row, or one with nothing else
 *      ^       to try --------> parked --- the interval is over ---> probing (one event, another
 *      |                          ^                                     |     one each time)
 *      |                          +---- it fails: a longer interval ----+
 *      +---- the destination answers an event of a probe, or of a call begun since -------+
 *
 * While open, an event that failed alone is a *suspect*. A call that began after the failure
 * decides: if the destination answers it, the destination is up and the event caused the failure
 * (charged). If the destination parks first, the destination caused the failure (queued).
 *
 * A batch that fails as a whole may contain one bad event. Therefore its first probe starts at
 * once, and parking is reported only if that probe fails, too; the caller splits the batch.
 *
 * A suspect with nothing else to try parks the destination. The suspect is charged later if the
 * destination had answered another event within the last second, and then answers another one
 * without having failed a third: at a quiet destination the event would otherwise be tried forever.
 *
 * An event that the destination delays (429, Retry-After) is never charged.
 */
export class Parking<Failure extends SharedFailure> {
  readonly #options: ParkingOptions;
  #state: 'open' | 'parked' | 'probing' = 'open';
  #suspects: Suspect<Failure>[] = [];
  #accused: Failure | undefined = undefined;
  #announced = false;
  #reason = '';
  #answeredMs = Number.NEGATIVE_INFINITY;
  #parkedMs = 0;
  #dueMs = 0;
  /** The destination asked not to be called before. */
  #notBeforeMs = 0;
  #step = 0;

  constructor(options: ParkingOptions) {
    this.#options = options;
  }

  get parked(): boolean {
    return this.#state !== 'open';
  }

  /** When the next probe starts; undefined while a probe runs and while the destination is open. */
  get dueMs(): number | undefined {
    return this.#state === 'parked' ? this.#dueMs : undefined;
  }

  /** Undecided failures. */
  get suspects(): readonly Failure[] {
    return this.#suspects.map(({ failure }) => failure);
  }

  /** What may be delivered to the destination now. */
  mayStart(nowMs: number): 'batch' | 'probe' | 'nothing' {
    if (this.#state === 'open') return 'batch';
    return this.#state === 'parked' && nowMs >= this.#dueMs ? 'probe' : 'nothing';
  }

  /** Records that the probe that `mayStart` allowed has started. */
  probeStarted(): void {
    this.#state = 'probing';
  }

  /** The destination seems to be back: the next probe starts at once, if the destination did not ask to wait. */
  hurry(nowMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, Math.max(nowMs, this.#notBeforeMs));
  }

  decide(report: CallReport<Failure>): FailureDecision<Failure> {
    if (report.answered.length > 0) return this.#onAnswered(report);
    if (report.failures.length > 0) {
      return this.#state === 'open' ? this.#onFailedOpen(report) : this.#onFailedParked(report);
    }
    // The destination was not called, so the next event is a probe at once.
    if (report.probe) {
      this.#state = 'parked';
      this.#dueMs = report.endedMs;
    }
    return nothing;
  }

  /** Decides when no call runs and no event waits: nothing else can show the cause of a failure. */
  decideIdle(nowMs: number): FailureDecision<Failure> {
    const [first, second] = this.#suspects;
    if (first === undefined || this.#state !== 'open') return nothing;
    const lone = second === undefined && first.near && !mustWait(first.failure);
    this.#accused = lone ? first.failure : undefined;
    return this.#park(nowMs, this.#takeSuspects(), false);
  }

  #onAnswered(report: CallReport<Failure>): FailureDecision<Failure> {
    const { answered, failures, startedMs } = report;
    this.#answeredMs = report.endedMs;
    if (!this.parked && this.#suspects.length === 0 && failures.length === 0) return nothing;
    // If most of one call fails, its events did not cause the failures.
    const mostly = failures.length > answered.length;
    const own = mostly ? [] : [...failures];
    for (const { failure, failedMs } of this.#suspects) {
      if (failedMs <= startedMs) own.push(failure);
    }
    this.#suspects = this.#suspects.filter(({ failedMs }) => failedMs > startedMs);
    if (this.parked && (report.probe || startedMs >= this.#parkedMs)) {
      const accused = this.#accused;
      if (accused !== undefined && !answered.includes(accused.held)) own.push(accused);
      this.#resume();
    }
    return {
      charged: own.filter((one) => !mustWait(one)),
      delayed: [...own.filter(mustWait), ...(mostly ? failures : [])],
      queued: [],
    };
  }

  #onFailedOpen({ failures, startedMs, endedMs }: CallReport<Failure>): FailureDecision<Failure> {
    if (failures.length > 1) {
      return this.#park(endedMs, [...this.#takeSuspects(), ...failures], true);
    }
    const near = this.#answeredMs >= startedMs - nearMs;
    this.#suspects.push({ failure: failures[0]!, failedMs: endedMs, near });
    if (this.#suspects.length < this.#options.failuresMax) return nothing;
    return this.#park(endedMs, this.#takeSuspects(), false);
  }

  #onFailedParked({ failures, probe, endedMs }: CallReport<Failure>): FailureDecision<Failure> {
    if (failures.some(({ held }) => held !== this.#accused?.held)) this.#accused = undefined;
    if (probe) {
      this.#state = 'parked';
      this.#dueMs = endedMs + this.#nextInterval();
      this.#announce(failures[0]!.outcome.reason);
    }
    this.#notBeforeMs = Math.max(this.#notBeforeMs, endedMs + leastWaitMs(failures));
    this.#dueMs = Math.max(this.#dueMs, this.#notBeforeMs);
    return { ...nothing, queued: failures };
  }

  #park(nowMs: number, failures: readonly Failure[], doubtful: boolean): FailureDecision<Failure> {
    this.#state = 'parked';
    this.#parkedMs = nowMs;
    this.#step = 0;
    this.#notBeforeMs = nowMs + leastWaitMs(failures);
    this.#dueMs = Math.max(nowMs + (doubtful ? 0 : this.#nextInterval()), this.#notBeforeMs);
    if (!doubtful) this.#announce(failures.at(-1)!.outcome.reason);
    return { ...nothing, queued: failures };
  }

  #resume(): void {
    this.#state = 'open';
    this.#accused = undefined;
    if (this.#announced) this.#options.onChange(false, '');
    this.#announced = false;
  }

  #announce(reason: string): void {
    if (!this.#announced) this.#options.onChange(true, reason);
    // An outage that began with a broken connection may go on because of a certificate.
    else if (reason !== this.#reason) this.#options.onReason?.(reason);
    this.#announced = true;
    this.#reason = reason;
  }

  #nextInterval(): number {
    const { intervals, random } = this.#options;
    const interval = Math.min(intervals.capMs, intervals.baseMs * 2 ** this.#step);
    this.#step += 1;
    return interval * (0.8 + 0.4 * random());
  }

  #takeSuspects(): Failure[] {
    return this.#suspects.splice(0).map(({ failure }) => failure);
  }
}

const nothing = { charged: [], delayed: [], queued: [] } as const;

function mustWait({ outcome }: SharedFailure): boolean {
  return outcome.status === '429' || (outcome.notBeforeMs ?? 0) > 0;
}

function leastWaitMs(failures: readonly SharedFailure[]): number {
  let least = 0;
  for (const { outcome } of failures) least = Math.max(least, outcome.notBeforeMs ?? 0);
  return Math.min(least, notBeforeMsMax);
}
