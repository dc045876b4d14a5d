import type { Suspects } from './suspects.ts';

/** Decides when an empty request asks whether the gate is there. One is under way at a time. */
export class Pings {
  readonly #suspects: Suspects;
  #isUnderWay = false;
  /** One was sent for the latest refusal or failure. */
  #wasSent = false;
  /** A group failed again and again, and the gate has answered nothing since. */
  #isTired = false;

  constructor(suspects: Suspects) {
    this.#suspects = suspects;
  }

  /** @param othersFollow other events are sent next, whose verdicts show whether the gate is there. */
  isDue(nowMs: number, othersFollow: () => boolean): boolean {
    if (this.#isUnderWay || this.#wasSent) return false;
    if (this.#isTired) return true;
    return this.#suspects.events > 0 && this.#suspects.isInDoubt(othersFollow(), nowMs);
  }

  /** Refused events wait for its answer. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  begin(): void {
    this.#isUnderWay = true;
    this.#wasSent = true;
  }

  ended(): void {
    this.#isUnderWay = false;
  }

  /** An event was refused or failed alone, or the gate answered the last one: the next may be sent. */
  again(): void {
    this.#wasSent = false;
  }

  /** A group failed, for the last time or not. */
  failed(isTired: boolean): void {
    this.#isTired = isTired;
    if (isTired) this.#wasSent = false;
  }

  /** The gate answered some request. */
  answered(): void {
    this.#isTired = false;
  }
}
