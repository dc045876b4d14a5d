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

  /** The limits are those of all requests in flight: the suspects need no more memory than these. */
  constructor(eventsMax: number, bytesMax: number) {
    this.#eventsMax = eventsMax;
    this.#bytesMax = bytesMax;
  }

  /** Nothing was answered by the gate since an event was refused. */
  get isOutage(): boolean {
    return this.#isOutage;
  }

  /** True if no more events should be read, because nothing shows that the gate is there. */
  get areTooMany(): boolean {
    if (!this.#isFull) return false;
    return this.#isOutage || !this.#waiting.some((group) => this.#isProven(group));
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
  refused({ suspicion }: Group, { isProven }: Sending): Suspicion | undefined {
    this.#inRow += 1;
    const { sent, refusals } = suspicion ?? { sent: this.#sent, refusals: 1 };
    if (!isProven || this.#inRow > refusalsInRowMax) {
      this.#isOutage = true;
      return { sent, refusals };
    }
    return refusals + 1 < refusalsMax ? { sent, refusals: refusals + 1 } : undefined;
  }

  wait(group: Group): void {
    this.#waiting.push(group);
    this.#bytes += group.records[0]!.length;
  }

  /** How long until a suspect may be sent. */
  delayMs(nowMs: number): number {
    let least = Infinity;
    for (const group of this.#waiting) {
      least = Math.min(least, this.#isDue(group, nowMs) ? 0 : group.notBeforeMs - nowMs);
    }
    return least;
  }

  take(nowMs: number): Group | undefined {
    const index = this.#waiting.findIndex((group) => this.#isDue(group, nowMs));
    if (index < 0) return undefined;
    const [group] = this.#waiting.splice(index, 1);
    this.#bytes -= group!.records[0]!.length;
    return group;
  }

  get #isFull(): boolean {
    return this.#waiting.length >= this.#eventsMax || this.#bytes >= this.#bytesMax;
  }

  /** When there are too many, those that can be decided are sent at once, to make room. */
  #isDue(group: Group, nowMs: number): boolean {
    return group.notBeforeMs <= nowMs || (this.#isFull && this.#isProven(group));
  }

  #isProven({ suspicion }: Group): boolean {
    return suspicion !== undefined && this.#answered > suspicion.sent;
  }
}
