import { createContextKey, type ContextValues, type HandlerContext } from '@connectrpc/connect';

import type { AuditedIds } from '../../audit/audit-part.ts';

const foundKey = createContextKey<AuditedIds[] | undefined>(undefined);

/** Collects the events that a call finds, until its answer. */
export function collectFound(values: ContextValues): readonly AuditedIds[] {
  const found: AuditedIds[] = [];
  values.set(foundKey, found);
  return found;
}

/** Gives the audit log the events that a filter has found, where the answer has fewer of their ids. */
export function recordFound(
  { values }: Pick<HandlerContext, 'values'>,
  events: readonly AuditedIds[],
): void {
  values.get(foundKey)?.push(...events);
}
