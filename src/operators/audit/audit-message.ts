import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import {
  AuditEntry_Kind as Kind,
  AuditEntrySchema,
  type AuditEntry,
} from '../../../gen/headgate/v1/audit_service_pb.ts';
import type { AuditRecord } from '../../audit/audit-record.ts';

/** The message of an entry for operators. */
export function auditMessage(record: AuditRecord): AuditEntry {
  const { timeMs, endedMs, kind, events, eventCount, counts, ...same } = record;
  return create(AuditEntrySchema, {
    ...same,
    time: timestampFromMs(timeMs),
    ...(endedMs !== undefined && { endedAt: timestampFromMs(endedMs) }),
    kind: kind === 'act' ? Kind.ACT : Kind.VIEW,
    // One entry that does not fit the message would hide every other one of its page.
    events: events.map(({ rejected = 0, ...ids }) => ({
      ...ids,
      rejected: Number.isSafeInteger(rejected) && rejected > 0 ? BigInt(rejected) : 0n,
    })),
    eventCount: BigInt(eventCount),
    counts: Object.fromEntries(
      Object.entries(counts).map(([name, count]) => [name, BigInt(count)]),
    ),
  });
}
