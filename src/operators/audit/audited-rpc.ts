import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import { durationMs, timestampDate, type Duration, type Timestamp } from '@bufbuild/protobuf/wkt';

import type { AuditedIds, AuditedKind } from '../../audit/audit-part.ts';

export type RecordedTarget = Readonly<Record<string, string | number | bigint>>;

/** What of a request is recorded. Texts are cut, and events beyond a hundred counted only. */
export interface RecordedRequest {
  /** What it names, and its filters. Empty ones are left out. Never a payload, nor a secret. */
  readonly target?: RecordedTarget;
  readonly events?: readonly AuditedIds[];
  readonly dryRun?: boolean;
  readonly why?: string;
}

/** What of an answer is recorded. */
export interface RecordedAnswer {
  /** What it made, and what else only the answer names. Empty ones are left out. Never a secret. */
  readonly target?: RecordedTarget;
  readonly counts?: Readonly<Record<string, number>>;
  /** Only events that the request does not name. */
  readonly events?: readonly AuditedIds[];
}

/** The ids of an event that a request names by one of them. Empty if it does not exist. */
export interface EventLookups {
  deadLetter(id: string): Promise<AuditedIds>;
  rejected(number: number): Promise<AuditedIds>;
}

/** How an RPC is recorded. */
export interface AuditedRpc {
  readonly kind: AuditedKind;
  readonly method: DescMethod;
  /** Whether the event that the request names is looked up before it begins. */
  request(message: unknown): RecordedRequest;
  lookUp(message: unknown, lookups: EventLookups): Promise<AuditedIds> | undefined;
  /** Called for the answer, or for each message of a stream, whose counts are added up. */
  answer(message: unknown): RecordedAnswer;
}

interface Recording<Input extends DescMessage, Output extends DescMessage> {
  readonly request?: (message: MessageShape<Input>) => RecordedRequest;
  readonly lookUp?: (
    message: MessageShape<Input>,
    lookups: EventLookups,
  ) => Promise<AuditedIds> | undefined;
  readonly answer?: (message: MessageShape<Output>) => RecordedAnswer;
}

/** Says how an RPC is recorded, with the types of its messages. */
export function recorded<Input extends DescMessage, Output extends DescMessage>(
  kind: AuditedKind,
  method: DescMethod & { readonly input: Input; readonly output: Output },
  recording: Recording<Input, Output>,
): AuditedRpc {
  const { request, lookUp, answer } = recording;
  return {
    kind,
    method,
    request: (message) => request?.(message as MessageShape<Input>) ?? {},
    lookUp: (message, lookups) => lookUp?.(message as MessageShape<Input>, lookups),
    answer: (message) => answer?.(message as MessageShape<Output>) ?? {},
  };
}

/** The time range of a request, as filters. */
export function timeRange({
  since,
  until,
}: {
  readonly since?: Timestamp | undefined;
  readonly until?: Timestamp | undefined;
}): Record<string, string> {
  return {
    ...(since !== undefined && { since: timeText(since) }),
    ...(until !== undefined && { until: timeText(until) }),
  };
}

/** A duration of a request; an absent one is empty. */
export function durationText(duration: Duration | undefined): string {
  return duration === undefined ? '' : `${durationMs(duration) / 1000}s`;
}

/** A time that a caller sent may be outside of what a date can be. */
export function timeText(time: Timestamp): string {
  const date = timestampDate(time);
  return Number.isNaN(date.getTime()) ? `${time.seconds}s` : date.toISOString();
}
