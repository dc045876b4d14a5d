import { randomUUID } from 'node:crypto';

import type { AuditLog } from '../../audit/audit-log.ts';
import type { AuditedCaller } from '../../audit/audit-part.ts';
import type { Signals } from '../../observability/signals.ts';

/** Records that someone signed in to the console, or out. Never rejects, and knows no secret. */
export type RecordSession = (
  action: 'SignIn' | 'SignOut',
  caller: AuditedCaller,
  correlationId: string,
) => Promise<void>;

/**
 * An entry that cannot be written refuses no request: a session shows nothing by itself, what it asks for is
 * recorded or refused, and health can be read without the log. The gate's log then says who it was.
 */
export function createSessionRecorder(
  audit: Pick<AuditLog, 'begin'>,
  signals: Pick<Signals, 'auditWritten' | 'auditFailed'>,
): RecordSession {
  return async (action, caller, correlationId) => {
    try {
      await audit.begin(action, {
        part: 'whole',
        id: randomUUID(),
        action,
        kind: 'act',
        ...caller,
        correlationId,
        target: {},
        events: [],
        eventCount: 0,
        dryRun: false,
        why: '',
        outcome: 'ok',
        counts: {},
        more: false,
      });
      signals.auditWritten(action);
    } catch (error) {
      signals.auditFailed(action, correlationId, error, caller.operator);
    }
  };
}
