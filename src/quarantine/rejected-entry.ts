import type { IncomingEvent } from '../event/incoming-event.ts';
import { parseExactly } from '../event/exact-numbers.ts';
import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import { parseJsonText } from '../event/json/parse-json.ts';
import { canonicalName } from '../event/name/event-name.ts';
import type { OwnClock } from '../event/time/event-time.ts';
import type { VendorCall } from '../event/vendor-call.ts';
import type { EventError } from '../event/verdict.ts';
import { headerExcerpt } from '../jetstream/event-store.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';

/** A decoded message of REJECTED. */
export interface RejectedEntry {
  readonly sequence: number;
  readonly source: string;
  /** As sent, cut to 128 characters. */
  readonly eventName: string;
  readonly idempotencyKey: string;
  readonly receivedAtMs: number;
  readonly error: EventError;
  readonly door: string;
  readonly contentType: string;
  readonly correlationId: string;
  readonly traceparent: string;
  /** For `JSON.stringify` only: a number that a double cannot hold is kept as text. */
  readonly batchContext: JsonObject | undefined;
  readonly sentAt: string;
  readonly historical: boolean;
  /** Undefined if no vendor's SDK sent it. */
  readonly vendorCall: VendorCall | undefined;
  /** Undefined if its protocol said nothing about its time, or an earlier version kept it. */
  readonly clock: OwnClock | undefined;
  readonly bytes: Uint8Array;
  /** Why the kept event cannot be validated again; undefined if it can. */
  readonly incomplete: string | undefined;
  readonly isSame: (event: IncomingEvent) => boolean;
}

export function readEntry(message: StoredMessage): RejectedEntry {
  const name = message.header('Headgate-Event-Name');
  const key = message.header('Headgate-Idempotency-Key');
  const received = Date.parse(message.header('Headgate-Received-At'));
  return {
    sequence: message.sequence,
    source: rejectedSourceOf(message),
    eventName: plainText(name),
    idempotencyKey: plainText(key),
    receivedAtMs: Number.isNaN(received) ? message.storedAtMs : received,
    error: readError(message),
    door: message.header('Headgate-Door'),
    contentType: message.header('Headgate-Content-Type'),
    correlationId: message.header('Headgate-Correlation-Id'),
    traceparent: message.header('traceparent'),
    batchContext: readContext(message),
    sentAt: message.header('Headgate-Sent-At'),
    historical: message.header('Headgate-Historical') === 'true',
    vendorCall: vendorCallOf(message),
    clock: readClock(message),
    bytes: message.payload,
    incomplete: missingOf(message),
    // NATS trims headers.
    isSame: (event) =>
      headerExcerpt(event.eventName).trim() === name &&
      headerExcerpt(event.idempotencyKey).trim() === key,
  };
}

/** Undefined if no vendor's SDK sent it. */
export function vendorCallOf(message: StoredMessage): VendorCall | undefined {
  return parsed(message.header('Headgate-Vendor-Call')) as VendorCall | undefined;
}

/** The error's code, without decoding the rest. */
export function codeOf(message: StoredMessage): string {
  return message.header('Headgate-Error-Code');
}

/** Subjects of REJECTED have the source third; what follows the name varies. */
export function rejectedSourceOf({ subject }: Pick<StoredMessage, 'subject'>): string {
  return subject.split('.')[2] ?? '';
}

/** The name in the form that names are stored in. An entry keeps its name as it was sent. */
export function nameOf(message: StoredMessage): string {
  return canonicalName(plainText(message.header('Headgate-Event-Name')));
}

function plainText(header: string): string {
  return header.replaceAll(/\\u([0-9a-f]{4})/g, (_escape, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function readError(message: StoredMessage): EventError {
  const code = codeOf(message);
  const value = parsed(message.header('Headgate-Error'));
  if (value === undefined) return { code, message: '', violations: [] };
  return { code, message: '', violations: [], ...value } as EventError;
}

function readClock(message: StoredMessage): OwnClock | undefined {
  const { agoMs, exact } = parsed(message.header('Headgate-Own-Clock')) ?? {};
  if (typeof agoMs === 'number') return { agoMs };
  return exact === true ? { exact } : undefined;
}

function readContext(message: StoredMessage): JsonObject | undefined {
  const text = message.header('Headgate-Batch-Context');
  const context = text === '' ? undefined : parsed(text);
  return context && ((parseExactly(text) as JsonObject | undefined) ?? context);
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = parseJsonText(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function missingOf(message: StoredMessage): string | undefined {
  const wholeBytes = message.header('Headgate-Original-Bytes');
  if (wholeBytes !== '') {
    return `Only ${message.payload.length} of its ${wholeBytes} bytes were kept.`;
  }
  const contextBytes = message.header('Headgate-Batch-Context-Bytes');
  return contextBytes === ''
    ? undefined
    : `The context of its request, of ${contextBytes} bytes, was too large to be kept beside it.`;
}
