import {
  isOpening,
  partEventsMax,
  type AuditedCaller,
  type AuditedIds,
  type AuditedKind,
  type AuditedRequest,
  type AuditOpening,
  type AuditPart,
} from './audit-part.ts';

/** An act or a view, put together from its parts. */
export interface AuditRecord extends AuditedCaller, AuditedRequest {
  readonly id: string;
  readonly action: string;
  readonly kind: AuditedKind;
  readonly correlationId: string;
  /** When its first part was stored: a Unix time in ms. */
  readonly timeMs: number;
  /** `ok`, a code of the error table, or `unknown`. */
  readonly outcome: string;
  /** When the newest outcome was stored; undefined without an outcome. */
  readonly endedMs: number | undefined;
  readonly counts: Readonly<Record<string, number>>;
  readonly requests: number;
  /** More pages of it could have been requested, and were not. */
  readonly more: boolean;
}

/** The outcome of what has not ended, or whose end could not be recorded. */
export const unknownOutcome = 'unknown';

export function openRecord(opening: AuditOpening, timeMs: number): AuditRecord {
  const { id, action, kind, correlationId } = opening;
  const whole = opening.part === 'whole' ? opening : undefined;
  return {
    id,
    action,
    kind,
    correlationId,
    operator: opening.operator,
    role: opening.role,
    address: opening.address,
    target: opening.target,
    events: opening.events,
    eventCount: opening.eventCount,
    dryRun: opening.dryRun,
    why: opening.why,
    timeMs,
    outcome: whole?.outcome ?? unknownOutcome,
    endedMs: whole && timeMs,
    counts: whole?.counts ?? {},
    requests: 1,
    more: whole?.more ?? false,
  };
}

/** Adds a later part of the same act. */
export function addPart(record: AuditRecord, part: AuditPart, timeMs: number): AuditRecord {
  if (isOpening(part)) return record;
  if (part.part === 'intent') {
    return { ...record, requests: record.requests + 1, outcome: unknownOutcome, more: false };
  }
  const counts = { ...record.counts };
  for (const [name, count] of Object.entries(part.counts)) {
    counts[name] = (counts[name] ?? 0) + count;
  }
  return {
    ...record,
    target: { ...record.target, ...part.target },
    counts,
    events: [...record.events, ...part.events].slice(0, partEventsMax),
    eventCount: record.eventCount + part.eventCount,
    outcome: part.outcome,
    endedMs: timeMs,
    more: part.more,
  };
}

/** Whether no further part can follow. */
export function isComplete({ outcome, more }: AuditRecord): boolean {
  return outcome !== unknownOutcome && !more;
}

/** Whether one of the events has this id, of any kind. */
export function namesEvent(events: readonly AuditedIds[], id: string): boolean {
  return events.some((ids) => Object.values(ids).some((each) => String(each) === id));
}
