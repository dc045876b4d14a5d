import { bytesOf, part, type Group } from './group.ts';
import type { Waiting } from './mover.ts';

export interface DelayedLimits {
  readonly events: number;
  readonly bytes: number;
  /** Bytes that an event adds to a request beside its own. */
  readonly overheadBytes: number;
}

/**
 * Events to which the gate answered `retry`, such as those of a partition that is away. They wait
 * here so that the events behind them are sent meanwhile.
 */
export class Delayed implements Waiting {
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  #groups: Group[] = [];
  #events = 0;
  #bytes = 0;

  /** Beyond the limits nothing more should be read. `add` takes what was read before. */
  constructor(eventsMax: number, bytesMax: number) {
    this.#eventsMax = eventsMax;
    this.#bytesMax = bytesMax;
  }

  get events(): number {
    return this.#events;
  }

  get isFull(): boolean {
    return this.#events >= this.#eventsMax || this.#bytes >= this.#bytesMax;
  }

  add(group: Group): void {
    this.#groups.push(group);
    this.#events += group.records.length;
    this.#bytes += bytesOf(group);
  }

  /** How long until some of them may be sent. */
  delayMs(nowMs: number): number {
    let least = Infinity;
    for (const { notBeforeMs } of this.#groups) least = Math.min(least, notBeforeMs - nowMs);
    return Math.max(0, least);
  }

  get movable(): number {
    return this.#events;
  }

  takeMovable(): Group[] {
    const groups = this.#groups;
    this.#groups = [];
    this.#events = 0;
    this.#bytes = 0;
    return groups;
  }

  /** Merges those that may be sent now, so that many small groups cost one request. */
  take(nowMs: number, { events, bytes, overheadBytes }: DelayedLimits): Group | undefined {
    const taken: Group[] = [];
    const kept: Group[] = [];
    let eventsLeft = events;
    let bytesLeft = bytes;
    for (const group of this.#groups) {
      let count = 0;
      if (group.notBeforeMs <= nowMs) {
        while (count < Math.min(eventsLeft, group.records.length)) {
          const length = group.records[count]!.length + overheadBytes;
          if (length > bytesLeft && (count > 0 || taken.length > 0)) break;
          bytesLeft -= length;
          count += 1;
        }
      }
      if (count > 0) taken.push(part(group, 0, count));
      if (count < group.records.length) kept.push(part(group, count));
      eventsLeft -= count;
    }
    if (taken.length === 0) return undefined;
    this.#groups = kept;
    const merged = merge(taken);
    this.#events -= merged.records.length;
    this.#bytes -= bytesOf(merged);
    return merged;
  }
}

function merge(groups: readonly Group[]): Group {
  return {
    ...groups[0]!,
    records: groups.flatMap(({ records }) => records),
    ranges: groups.flatMap(({ ranges }) => ranges),
    attempt: Math.max(...groups.map(({ attempt }) => attempt)),
  };
}
