import type { AuditedCaller } from '../../audit/audit-part.ts';
import { callOf } from '../../http/universal.ts';
import type { OperatorsRequest } from './recorded-call.ts';

/** Who calls an RPC of the operators' port. */
export function callerOf({ contextValues }: OperatorsRequest): AuditedCaller {
  const { connection } = callOf({ values: contextValues });
  return { operator: 'admin', role: 'admin', address: connection.remoteAddress ?? 'unknown' };
}
