import { part, type Group } from './group.ts';

/** Groups whose request had no verdicts, and halves of refused ones. They are sent before others. */
export class Unanswered {
  #groups: Group[] = [];

  get groups(): readonly Group[] {
    return this.#groups;
  }

  first(group: Group): void {
    this.#groups.unshift(group);
  }

  last(group: Group): void {
    this.#groups.push(group);
  }

  /** Halves show which event is the cause, and adapt to a server with smaller limits. */
  halve(group: Group): void {
    const middle = Math.ceil(group.records.length / 2);
    this.#groups.unshift(part(group, 0, middle), part(group, middle));
  }

  /** How long until one may be sent. */
  delayMs(nowMs: number): number {
    const dueMs = this.#groups.map(({ notBeforeMs }) => notBeforeMs);
    return Math.max(0, Math.min(Infinity, ...dueMs) - nowMs);
  }

  /** At most `eventsMax` events of one group; the rest of it stays. */
  take(nowMs: number, eventsMax: number): Group | undefined {
    const index = this.#groups.findIndex(({ notBeforeMs }) => notBeforeMs <= nowMs);
    if (index < 0) return undefined;
    const [group] = this.#groups.splice(index, 1);
    if (group!.records.length <= eventsMax) return group;
    this.#groups.unshift(part(group!, eventsMax));
    return part(group!, 0, eventsMax);
  }
}
