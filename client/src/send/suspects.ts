import type { Group, Suspicion } from './group.ts';

/** A request that is under way. */
export interface Sending {
  readonly request: number;
  /** When it began, the gate had answered a request that was sent after the first refusal. */
  readonly isProven: boolean;
}

/** This many refusals that are no outage show that the event causes them. */
const refusalsMax = 3;

/** More refusals in a row, with no answer by the gate between them, are an outage. */
const refusalsInRowMax = 16;

/** After so many in a row, the gate is asked for an answer. */
const refusalsInDoubt = 8;

/**
 * Single events that a server before the gate refuses. Either that server refuses everything, such
 * as a captive portal does: then the events wait. Or it lets other events pass: then it is the event.
 */
export class Suspects {
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  readonly #waiting: Group[] = [];
  #bytes = 0;
  #sent = 0;
  /** The latest request that the gate answered. */
  #answered = 0;
  #inRow = 0;
  #isOutage = false;
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
  isInDoubt(othersFollow: boolean): boolean {
    if (!othersFollow) return this.#inRow > 0;
    return this.#isOutage || this.#inRow >= refusalsInDoubt;
  }

  get events(): number {
    return this.#waiting.length;
  }

  /** True if no more events should be read. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#eventsMax || this.#bytes >= this.#bytesMax;
  }

  /** Call this before each request. */
  sending(group: Group): Sending {
    this.#sent += 1;
    return { request: this.#sent, isProven: this.#isProven(group) };
  }

  /** The gate itself answered. */
  answered({ request }: Sending): void {
    this.#answered = Math.max(this.#answered, request);
    this.#inRow = 0;
    this.#isOutage = false;
  }

  /** Returns the suspicion, or undefined if the event itself is the cause. */
  refused({ suspicion }: Group, { isProven }: Sending, nowMs: number): Suspicion | undefined {
    this.#inRow += 1;
    const known = suspicion ?? { sent: this.#sent, refusals: 1, countedMs: nowMs };
    if (suspicion === undefined && this.#inRow <= refusalsInDoubt) return known;
    if (!isProven || this.#inRow > refusalsInRowMax) {
      this.#isOutage = true;
      return known;
    }
    const refusals = known.refusals + 1;
    return refusals < refusalsMax ? { ...known, refusals, countedMs: nowMs } : undefined;
  }

  /** A request with the event alone failed, which never makes it the cause of a refusal. */
  failed({ suspicion }: Group, { isProven }: Sending, nowMs: number): Suspicion {
    this.#inRow += 1;
    if (!isProven && (suspicion !== undefined || this.#inRow > refusalsInDoubt)) {
      this.#isOutage = true;
    }
    return suspicion ?? { sent: this.#sent, refusals: 0, countedMs: nowMs };
  }

  wait(group: Group): void {
    const notBeforeMs = Math.max(group.notBeforeMs, this.#gapEndMs(group));
    this.#waiting.push({ ...group, notBeforeMs });
    this.#bytes += group.records[0]!.length;
  }

  /** How long until a suspect may be sent. */
  delayMs(nowMs: number): number {
    let least = Infinity;
    for (const group of this.#waiting) {
      least = Math.min(least, this.#dueMs(group) - nowMs);
    }
    return Math.max(0, least);
  }

  take(nowMs: number): Group | undefined {
    const index = this.#waiting.findIndex((group) => this.#dueMs(group) <= nowMs);
    if (index < 0) return undefined;
    const [group] = this.#waiting.splice(index, 1);
    this.#bytes -= group!.records[0]!.length;
    return group;
  }

  /** When there are too many, those that can be decided are sent as soon as it counts. */
  #dueMs(group: Group): number {
    return this.isFull && this.#isProven(group) ? this.#gapEndMs(group) : group.notBeforeMs;
  }

  #gapEndMs({ suspicion }: Group): number {
    return suspicion!.countedMs + this.#gapMs;
  }

  #isProven({ suspicion }: Group): boolean {
    return suspicion !== undefined && this.#answered > suspicion.sent;
  }
}
