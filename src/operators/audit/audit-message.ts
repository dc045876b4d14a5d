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
    events: events.map(({ rejected = 0, ...ids }) => ({ ...ids, rejected: numberOf(rejected) })),
    eventCount: BigInt(eventCount),
    counts: Object.fromEntries(
      Object.entries(counts).map(([name, count]) => [name, BigInt(count)]),
    ),
  });
}

/** A caller may have asked for a number that no event has; one entry that cannot be sent would hide its page. */
function numberOf(rejected: number): bigint {
  return Number.isSafeInteger(rejected) && rejected > 0 ? BigInt(rejected) : 0n;
}
