import { errorHelp } from '../../errors.ts';
import { inOnePiece } from '../../event/json/one-piece.ts';
import { timeText } from '../../event/time/time-text.ts';
import type { EventError, EventWarning, Verdict } from '../../event/verdict.ts';

/*
 * Verdicts as JSON text: REST in snake_case with lower-case status words and every field present;
 * Connect as the ProtoJSON of headgate.v1.EventResult, which leaves defaults out.
 */

/** Safe to put between quotes as it is: what most keys and all ids are. */
const plainText = /^[\w.:-]*$/;

function quoted(text: string): string {
  return plainText.test(text) ? `"${text}"` : JSON.stringify(text);
}

export function restResult(verdict: Verdict): string {
  const { index, error, warnings, idempotencyKey, eventId, sequence } = verdict;
  const outcome = outcomePart(verdict);
  // Only of a UUID there is an event id. The usual result has as few pieces as it can: see `encodeStoredEvent`.
  if (eventId !== '' && error === undefined && warnings.length === 0) {
    return (
      `{"index":${index},"idempotency_key":"${idempotencyKey}","event_id":"${eventId}` +
      `${outcome}${sequence},"warnings":[]}`
    );
  }
  let text =
    `{"index":${index},"idempotency_key":${quoted(idempotencyKey)},"event_id":"${eventId}` +
    `${outcome}${sequence}`;
  if (error !== undefined) text += `,"error":${JSON.stringify(restError(error))}`;
  return `${text},"warnings":${JSON.stringify(warnings)}}`;
}

const last = { status: '', timestampMs: NaN, schemaVersion: NaN, text: '' };

/** What the results of a batch mostly have in common, from the end of the event id to the sequence. */
function outcomePart({ status, timestampMs, schemaVersion }: Verdict): string {
  const isLast =
    timestampMs === last.timestampMs &&
    status === last.status &&
    schemaVersion === last.schemaVersion;
  if (!isLast) {
    last.text = inOnePiece(
      `","status":"${status}","timestamp":"${timeText(timestampMs)}"` +
        `,"schema_version":${schemaVersion},"sequence":`,
    );
    last.status = status;
    last.timestampMs = timestampMs;
    last.schemaVersion = schemaVersion;
  }
  return last.text;
}

/** With the page that explains it. */
function restError(error: EventError): object {
  return { ...error, help: errorHelp(error.code) };
}

const counted = {
  accepted: 'accepted',
  duplicate: 'duplicates',
  rejected: 'rejected',
  retry: 'retry',
};

export interface VerdictCounts {
  accepted: number;
  duplicates: number;
  rejected: number;
  retry: number;
}

export function countVerdicts(verdicts: readonly Verdict[]): VerdictCounts {
  const counts: VerdictCounts = { accepted: 0, duplicates: 0, rejected: 0, retry: 0 };
  for (const { status } of verdicts) counts[counted[status] as keyof VerdictCounts] += 1;
  return counts;
}

export function restBatch(verdicts: readonly Verdict[], counts: VerdictCounts): string {
  return (
    `{"results":[${verdicts.map(restResult).join(',')}],"accepted":${counts.accepted}` +
    `,"duplicates":${counts.duplicates},"rejected":${counts.rejected},"retry":${counts.retry}}`
  );
}

function connectResult(verdict: Verdict): string {
  const { error } = verdict;
  let text = '{';
  if (verdict.index !== 0) text += `"index":${verdict.index},`;
  if (verdict.idempotencyKey !== '') text += `"idempotencyKey":${quoted(verdict.idempotencyKey)},`;
  if (verdict.eventId !== '') text += `"eventId":"${verdict.eventId}",`;
  text +=
    `"status":"${verdict.status.toUpperCase()}"` +
    `,"timestamp":"${protoTime(verdict.timestampMs)}"`;
  if (verdict.schemaVersion !== 0) text += `,"schemaVersion":${verdict.schemaVersion}`;
  if (verdict.sequence !== 0) text += `,"sequence":"${verdict.sequence}"`;
  if (error !== undefined) text += `,"error":${JSON.stringify(protoError(error))}`;
  if (verdict.warnings.length > 0) {
    text += `,"warnings":${JSON.stringify(verdict.warnings.map(protoFinding))}`;
  }
  return `${text}}`;
}

/** ProtoJSON writes 0, 3, 6 or 9 digits of a second's fraction, as many as it takes. */
function protoTime(timestampMs: number): string {
  return timeText(timestampMs).replace('.000Z', 'Z');
}

/** ProtoJSON leaves empty lists and empty strings out. */
function protoFinding(finding: EventError | EventWarning): object {
  const { code, message, violations } = finding;
  if (violations.length === 0) return { code, message };
  return {
    code,
    message,
    violations: violations.map((violation) =>
      Object.fromEntries(Object.entries(violation).filter(([, value]) => value !== '')),
    ),
  };
}

function protoError(error: EventError): object {
  return { ...protoFinding(error), help: errorHelp(error.code) };
}

export function connectTrackResponse(verdict: Verdict): string {
  return `{"result":${connectResult(verdict)}}`;
}

export function connectBatchResponse(verdicts: readonly Verdict[]): string {
  return `{"results":[${verdicts.map(connectResult).join(',')}]}`;
}
