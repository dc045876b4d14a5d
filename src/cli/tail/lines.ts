import { timestampDate } from '@bufbuild/protobuf/wkt';

import { EventResult_Status, type EventError } from '../../../gen/headgate/v1/event_result_pb.ts';
import type { TailedEvent } from '../../../gen/headgate/v1/tail_service_pb.ts';
import { oneLine } from '../terminal/print.ts';

const verdicts = new Map<EventResult_Status, string>([
  [EventResult_Status.ACCEPTED, 'accepted'],
  [EventResult_Status.REJECTED, 'rejected'],
]);

/** One line for a person: time, verdict, source, event, version, id, and the violations. */
export function tailLine(event: TailedEvent): string {
  const { error, warnings, schemaVersion } = event;
  const cells = [
    timeOf(event),
    verdictOf(event),
    event.source,
    event.eventName === '' ? '-' : event.eventName,
    schemaVersion === 0 ? '-' : `v${schemaVersion}`,
    event.eventId || event.idempotencyKey || '-',
    ...(error === undefined ? [] : [`${error.code}: ${reasonOf(error)}`]),
    ...warnings.map((warning) => `warned: ${warning.code}: ${reasonOf(warning)}`),
  ];
  return `${cells.map(oneLine).join('\t')}\n`;
}

/** An error, or a warning. */
type ShownError = Pick<EventError, 'code' | 'message' | 'violations'>;

function reasonOf({ message, violations }: ShownError): string {
  const [first, ...more] = violations;
  if (first === undefined) return message;
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return `${first.path} ${first.message}${others}`;
}

/**
 * One line of JSON. An accepted event is the text in the log, spliced in so that numbers keep their
 * digits. A rejected event need not be JSON, and is a text in `sent`.
 */
export function tailJson(event: TailedEvent): string {
  const accepted = event.status === EventResult_Status.ACCEPTED;
  const facts = {
    received_at: timeOf(event),
    verdict: verdictOf(event),
    sequence: Number(event.sequence),
    source: event.source,
    event_name: event.eventName,
    ...(accepted && { event_id: event.eventId, schema_version: event.schemaVersion }),
    idempotency_key: event.idempotencyKey,
    correlation_id: event.correlationId,
    ...(event.error !== undefined && { error: plainError(event.error) }),
    ...(event.warnings.length > 0 && { warnings: event.warnings.map(plainError) }),
    ...(!accepted && { sent: event.eventJson }),
  };
  const text = JSON.stringify(facts);
  return accepted && isJson(event.eventJson)
    ? `${text.slice(0, -1)},"event":${event.eventJson}}\n`
    : `${text}\n`;
}

/** Another program may have written to the stream. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return !text.includes('\n');
  } catch {
    return false;
  }
}

function plainError({ code, message, violations }: ShownError): object {
  const shown = violations.map(({ path, code: keyword, message: text }) => ({
    path,
    code: keyword,
    message: text,
  }));
  return { code, message, violations: shown };
}

function timeOf({ receivedAt }: TailedEvent): string {
  return receivedAt === undefined ? '-' : timestampDate(receivedAt).toISOString();
}

function verdictOf({ status }: TailedEvent): string {
  return verdicts.get(status) ?? '-';
}
