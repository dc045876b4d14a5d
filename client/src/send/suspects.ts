import type { Group, Suspicion } from './group.ts';
import type { Waiting } from './mover.ts';

/** A request that is under way. */
export interface Sending {
  readonly request: number;
  /** When it began, the gate had answered a request that was sent after the first refusal. */
  readonly isProven: boolean;
  /** The same after the latest refusal, and often enough that a refusal is no chance. */
  readonly counts: boolean;
  /** It has an event that was refused alone before. */
  readonly isSuspect: boolean;
}

/** This many refusals that are no outage show that the event causes them. */
const refusalsMax = 3;

/**
 * So many requests the gate answers between two refusals that count. One answer alone is no proof:
 * a place that refuses half of all requests gives it, too.
 */
const answersMin = 8;

/** After a refused event got through, no event is rejected for so many gaps: the place refuses at random. */
const gapsAfterPass = 200;

/** More refusals in a row, with no answer by the gate between them, are an outage. */
const refusalsInRowMax = 16;

/** After so many in a row, the gate is asked for an answer. */
const refusalsInDoubt = 8;

/** A suspect that was sent so often keeps its place in the spool no longer. */
const attemptsInPlace = 8;

/** Between two requests of refused events: a crowd of them must not become a load on the gate. */
const spacingMs = 100;

/** Stands for the empty requests among the events that are refused. */
const pingId = 0;

/**
 * Single events that a server before the gate refuses. Either that server refuses everything, or much,
 * such as a captive portal does: then the events wait. Or it lets other events pass: then it is the event.
 */
export class Suspects implements Waiting {
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  #waiting: Group[] = [];
  #bytes = 0;
  #sent = 0;
  /** The latest request that the gate answered. */
  #answered = 0;
  #answers = 0;
  #inRow = 0;
  #isOutage = false;
  #ids = pingId;
  /** When each event was refused alone, in the latest gap. */
  readonly #refusedMs = new Map<number, number>();
  #passedMs = -Infinity;
  /** No refused event is sent before. */
  #nextMs = -Infinity;
  readonly #gapMs: number;

  /**
   * The limits are those of all requests in flight: the suspects need no more memory than these.
   *
   * @param gapMs between two refusals of an event that count: a fault that passes sooner rejects
   *   no event.
   */
  constructor(eventsMax: number, bytesMax: number, gapMs: number) {
    this.#eventsMax = eventsMax;
    this.#bytesMax = bytesMax;
    this.#gapMs = gapMs;
  }

  /** Nothing was answered by the gate since an event was refused. */
  get isOutage(): boolean {
    return this.#isOutage;
  }

  /** It is time to ask for an answer of the gate. */
  isInDoubt(othersFollow: boolean, nowMs: number): boolean {
    if (!othersFollow) return this.#inRow > 0 || this.lacksAnswers(nowMs);
    return this.#isOutage || this.#inRow >= refusalsInDoubt;
  }

  /** An event is sent next whose refusal would count after more answers of the gate. */
  lacksAnswers(nowMs: number): boolean {
    if (nowMs < this.#nextMs) return false;
    return this.#waiting.some(
      ({ suspicion, notBeforeMs }) =>
        notBeforeMs <= nowMs &&
        suspicion!.isOfEvent &&
        !this.#counts(suspicion!) &&
        this.#isQuiet(suspicion!.id, nowMs),
    );
  }

  get events(): number {
    return this.#waiting.length;
  }

  /** True if no more events should be read. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#eventsMax || this.#bytes >= this.#bytesMax;
  }

  /** Call this before each request. */
  sending({ suspicion }: Group): Sending {
    this.#sent += 1;
    return {
      request: this.#sent,
      isProven: suspicion !== undefined && this.#answered > suspicion.sent,
      counts: suspicion !== undefined && this.#counts(suspicion),
      isSuspect: suspicion !== undefined,
    };
  }

  /** The gate itself answered. */
  answered({ request, isSuspect }: Sending, nowMs: number): void {
    this.#answered = Math.max(this.#answered, request);
    this.#answers += 1;
    this.#inRow = 0;
    this.#isOutage = false;
    if (isSuspect) this.#passedMs = nowMs;
  }

  /** Whether the gate answered since `failedAt`, the number of requests that had been sent. */
  answeredSince(failedAt: number): boolean {
    return this.#answered > failedAt;
  }

  get sent(): number {
    return this.#sent;
  }

  /** An empty request was refused. */
  pingRefused(nowMs: number): void {
    this.#refusedMs.set(pingId, nowMs);
  }

  /** Returns the suspicion, or undefined if the event itself is the cause. */
  refused(
    { suspicion }: Group,
    { isProven, counts }: Sending,
    nowMs: number,
    isOfEvent: boolean,
  ): Suspicion | undefined {
    this.#inRow += 1;
    const known = this.#known(suspicion, nowMs, isOfEvent);
    const isQuiet = this.#isQuiet(known.id, nowMs);
    this.#refusedMs.set(known.id, nowMs);
    const first = suspicion === undefined;
    if (first && this.#inRow <= refusalsInDoubt) return { ...known, refusals: 1 };
    if (!isProven || this.#inRow > refusalsInRowMax) {
      this.#isOutage = true;
      return first ? { ...known, refusals: 1 } : known;
    }
    if (!isOfEvent || !counts || !isQuiet) return known;
    const refusals = known.refusals + 1;
    return refusals < refusalsMax ? { ...known, refusals } : undefined;
  }

  /** A request with the event alone failed, which never makes it the cause of a refusal. */
  failed({ suspicion }: Group, { isProven }: Sending, nowMs: number): Suspicion {
    this.#inRow += 1;
    if (!isProven && (suspicion !== undefined || this.#inRow > refusalsInDoubt)) {
      this.#isOutage = true;
    }
    return this.#known(suspicion, nowMs, false);
  }

  #known(suspicion: Suspicion | undefined, refusedMs: number, isOfEvent: boolean): Suspicion {
    const now = { sentLast: this.#sent, answers: this.#answers, refusedMs, isOfEvent };
    if (suspicion !== undefined) return { ...suspicion, ...now };
    this.#ids += 1;
    return { id: this.#ids, sent: this.#sent, refusals: 0, ...now };
  }

  /** No other event was refused alone in this gap, and none got through that had been refused. */
  #isQuiet(id: number, nowMs: number): boolean {
    for (const [other, atMs] of this.#refusedMs) {
      if (nowMs - atMs >= this.#gapMs) this.#refusedMs.delete(other);
    }
    const others = this.#refusedMs.size - (this.#refusedMs.has(id) ? 1 : 0);
    return others === 0 && nowMs - this.#passedMs >= gapsAfterPass * this.#gapMs;
  }

  #counts({ sentLast, answers }: Suspicion): boolean {
    return this.#answered > sentLast && this.#answers - answers >= answersMin;
  }

  add(group: Group): void {
    const notBeforeMs = Math.max(group.notBeforeMs, group.suspicion!.refusedMs + this.#gapMs);
    this.#waiting.push({ ...group, notBeforeMs });
    this.#bytes += group.records[0]!.length;
  }

  /** How many events may move: not those that may soon be rejected, unless there are too many. */
  get movable(): number {
    return this.isFull ? this.events : this.#waiting.filter(isMovable).length;
  }

  takeMovable(): Group[] {
    const { isFull } = this;
    const moved = this.#waiting.filter((group) => isFull || isMovable(group));
    this.#waiting = this.#waiting.filter((group) => !moved.includes(group));
    this.#bytes = this.#waiting.reduce((sum, { records }) => sum + records[0]!.length, 0);
    return moved;
  }

  /** How long until a suspect may be sent. */
  delayMs(nowMs: number): number {
    let least = Infinity;
    for (const { notBeforeMs } of this.#waiting) least = Math.min(least, notBeforeMs - nowMs);
    return Math.max(0, least, this.#waiting.length > 0 ? this.#nextMs - nowMs : 0);
  }

  take(nowMs: number): Group | undefined {
    if (nowMs < this.#nextMs) return undefined;
    const index = this.#waiting.findIndex(({ notBeforeMs }) => notBeforeMs <= nowMs);
    if (index < 0) return undefined;
    const [group] = this.#waiting.splice(index, 1);
    this.#nextMs = nowMs + spacingMs;
    this.#bytes -= group!.records[0]!.length;
    return group;
  }
}

function isMovable({ suspicion, attempt }: Group): boolean {
  return !suspicion!.isOfEvent || attempt >= attemptsInPlace;
}
