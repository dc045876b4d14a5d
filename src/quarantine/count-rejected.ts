import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import {
  RejectedCountSchema,
  type RejectedCount,
} from '../../gen/headgate/v1/rejected_service_pb.ts';
import type { Found } from './rejected-events.ts';

/** Counts by source, event, code and time. */
export interface Tally {
  add(found: Found): void;
  counts(): RejectedCount[];
}

interface Group {
  readonly source: string;
  readonly eventName: string;
  readonly code: string;
  readonly bucketMs: number;
  count: number;
  firstMs: number;
  lastMs: number;
}

/** `bucketMs` 0: not by time. A page is bounded, and so are its groups. */
export function createTally(bucketMs: number): Tally {
  const groups = new Map<string, Group>();
  return {
    add: ({ entry, error: { code } }) => {
      const { source, eventName, receivedAtMs } = entry;
      const bucket = bucketMs === 0 ? 0 : receivedAtMs - (receivedAtMs % bucketMs);
      const key = `${source} ${code} ${bucket} ${eventName}`;
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
    counts: () =>
      [...groups.values()].map(({ source, eventName, code, ...group }) =>
        create(RejectedCountSchema, {
          source,
          eventName,
          code,
          ...(group.bucketMs !== 0 && { bucket: timestampFromMs(group.bucketMs) }),
          count: BigInt(group.count),
          firstAt: timestampFromMs(group.firstMs),
          lastAt: timestampFromMs(group.lastMs),
        }),
      ),
  };
}
