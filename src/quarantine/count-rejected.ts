import type { Found } from './rejected-events.ts';

/** The number of rejected events with the same source, event, code and, if requested, time. */
export interface RejectedGroup {
  readonly source: string;
  readonly eventName: string;
  readonly code: string;
  /** When the group's time bucket begins; undefined if events are not counted by time. */
  readonly bucketMs: number | undefined;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Counts by source, event, code and time. */
export interface Tally {
  add(found: Found): void;
  groups(): RejectedGroup[];
}

/** Does not count by time if `bucketMs` is 0. A page is bounded, and therefore its groups, too. */
export function createTally(bucketMs: number): Tally {
  const groups = new Map<string, Writable<RejectedGroup>>();
  return {
    add: ({ entry, error: { code } }) => {
      const { source, eventName, receivedAtMs } = entry;
      const bucket = bucketMs === 0 ? undefined : receivedAtMs - (receivedAtMs % bucketMs);
      const key = `${source} ${code} ${bucket ?? 0} ${eventName}`;
      let group = groups.get(key);
      if (group === undefined) {
        const times = { firstMs: receivedAtMs, lastMs: receivedAtMs };
        group = { source, eventName, code, bucketMs: bucket, count: 0, ...times };
        groups.set(key, group);
      }
      group.count += 1;
      group.firstMs = Math.min(group.firstMs, receivedAtMs);
      group.lastMs = Math.max(group.lastMs, receivedAtMs);
    },
    groups: () => [...groups.values()],
  };
}

type Writable<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };
