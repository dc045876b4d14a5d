/**
 * The one table of everything that Headgate answers with an error.
 *
 * A code is a metric label and a word in callers' programs: it is stable and never reused. Each door
 * maps it once, at its edge; docs/reference/errors.md is held equal to this table by a test.
 */

/** Numbers of the gRPC status codes: https://grpc.io/docs/guides/status-codes/ */
export const grpcCode = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Lower-case names of the gRPC status codes, by number. */
export const grpcCodeNames = [
  'ok',
  'canceled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
] as const;

export interface ErrorEntry {
  /** A number of `grpcCode`. */
  readonly grpc: number;
  readonly http: number;
  /** True: the same request, unchanged, may succeed later. */
  readonly retryable: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** `event`: the verdict on one event. `request`: nothing of the request was looked at further. */
  readonly scope: 'event' | 'request';
  /** What it means and how to mend it, for docs/reference/errors.md. */
  readonly text: string;
}

const rejected = {
  grpc: 3,
  http: 422,
  retryable: false,
  logLevel: 'debug',
  scope: 'event',
} as const;
const refused = { retryable: false, logLevel: 'debug', scope: 'request' } as const;

export const errorTable = {
  missing_identity: {
    ...rejected,
    text: 'Neither user_id nor anonymous_id says who did it, or one of them is a placeholder such as "null". Send a real id in at least one of the two.',
  },
  invalid_event_name: {
    ...rejected,
    text: 'event_name is missing or is not a noun and a past-tense verb of the taxonomy in lower snake case. Send a name such as order_completed.',
  },
  unplanned_event: {
    ...rejected,
    text: 'The taxonomy has no event of this name. Mend the name, or add the event to schemas/taxonomy.yaml.',
  },
  missing_idempotency_key: {
    ...rejected,
    text: 'idempotency_key is missing. Send a UUID made once for the event and kept on every retry.',
  },
  invalid_idempotency_key: {
    ...rejected,
    text: 'idempotency_key is not a UUID. Send one such as 0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11 (version 7 is best).',
  },
  schema_violation: {
    ...rejected,
    text: "properties break the event's JSON Schema. Each violation names the place and the rule.",
  },
  quarantined: {
    ...rejected,
    text: 'The event breaks its contract, and the taxonomy says to quarantine it: it is kept as it was sent, but not among the events, and goes nowhere until it is replayed once the contract is mended. It need not be sent again. Each violation names the place and the rule.',
  },
  unknown_schema_version: {
    ...rejected,
    text: 'The event has no schema of this version. Send one that exists, or leave schema_version out for the active one.',
  },
  invalid_field: {
    ...rejected,
    text: 'A field of the event has the wrong type, form or length. Each violation names the field and what it takes.',
  },
  reserved_field: {
    ...rejected,
    text: "The event carries a field that the server alone writes. Leave it out; the producer's own clock belongs in occurred_at.",
  },
  unknown_field: {
    ...rejected,
    http: 400,
    text: 'A field is not part of the contract. Nothing is dropped silently: mend its name, or move it into properties.',
  },
  event_too_large: {
    ...rejected,
    grpc: grpcCode.resourceExhausted,
    http: 413,
    text: 'The event is larger than limits.event_bytes_max. Send less, or put large content elsewhere and send its address.',
  },
  event_not_allowed: {
    ...rejected,
    grpc: grpcCode.permissionDenied,
    http: 403,
    text: 'The write key may not send this event. Use the key of the right source, or widen `events` of this key.',
  },
  not_stored: {
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    logLevel: 'warn',
    scope: 'event',
    text: 'The event could not be stored just now, and may or may not be in the log. Send it again with the same idempotency key.',
  },
  unauthenticated: {
    ...refused,
    grpc: grpcCode.unauthenticated,
    http: 401,
    logLevel: 'info',
    text: 'There is no write key in the request, or it is not one that this gate knows. Send it as `Authorization: Bearer KEY`, as the user of Basic, or as `x-write-key`.',
  },
  invalid_signature: {
    ...refused,
    grpc: grpcCode.unauthenticated,
    http: 401,
    logLevel: 'info',
    text: 'The signature of a webhook is missing, or is not that of its body under any of the configured secrets. Compare the secret here with that of the sender, and let nothing on the way change the body.',
  },
  stale_webhook: {
    ...refused,
    grpc: grpcCode.unauthenticated,
    http: 401,
    logLevel: 'info',
    text: 'The webhook was signed too long ago, or in the future: further from the clock here than `tolerance` of its source. Set the clocks right; senders sign each new try.',
  },
  unmapped_webhook: {
    ...refused,
    grpc: grpcCode.ok,
    http: 202,
    text: 'No event is mapped to the type of this webhook, so it was taken and nothing was stored. To have it, add the type under `events` of its source; else have the sender leave it out.',
  },
  malformed_request: {
    ...refused,
    grpc: grpcCode.invalidArgument,
    http: 400,
    text: 'The body is not what its content type says. The message tells where it breaks.',
  },
  empty_batch: {
    ...refused,
    grpc: grpcCode.invalidArgument,
    http: 400,
    text: 'The batch has no events. Send at least one.',
  },
  too_many_events: {
    ...refused,
    grpc: grpcCode.resourceExhausted,
    http: 413,
    text: 'The batch has more events than limits.batch_events_max. Split it.',
  },
  request_too_large: {
    ...refused,
    grpc: grpcCode.resourceExhausted,
    http: 413,
    text: 'The body is larger than limits.request_bytes_max, counted after decompression. Split it.',
  },
  unsupported_media_type: {
    ...refused,
    grpc: grpcCode.unimplemented,
    http: 415,
    text: 'The content type is not one that this door takes. The message lists them.',
  },
  unsupported_encoding: {
    ...refused,
    grpc: grpcCode.unimplemented,
    http: 415,
    text: 'The body is compressed in a way that is not known here. Use gzip, br, deflate, zstd or none.',
  },
  not_found: {
    ...refused,
    grpc: grpcCode.unimplemented,
    http: 404,
    text: 'There is no door of this name. See docs/send/endpoints.md for the list.',
  },
  method_not_allowed: {
    ...refused,
    grpc: grpcCode.unimplemented,
    http: 405,
    text: 'This door takes POST.',
  },
  request_timeout: {
    ...refused,
    grpc: grpcCode.deadlineExceeded,
    http: 408,
    retryable: true,
    text: 'The body did not arrive in time (limits.request_timeout). Send it again with the same idempotency keys.',
  },
  deadline_exceeded: {
    ...refused,
    grpc: grpcCode.deadlineExceeded,
    http: 504,
    retryable: true,
    text: "The caller's own deadline passed before the log answered. Send it again with the same idempotency keys.",
  },
  overloaded: {
    ...refused,
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    logLevel: 'warn',
    text: 'More events are in flight than limits.in_flight_events_max. Wait as Retry-After says and send again.',
  },
  shutting_down: {
    ...refused,
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    logLevel: 'info',
    text: 'The gate is going down and takes nothing new. Send it again; another gate, or the next start, takes it.',
  },
  dead_letter_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'There is no dead letter of this id. `headgate dead list` shows those there are.',
  },
  dead_letter_busy: {
    ...refused,
    grpc: grpcCode.aborted,
    http: 409,
    retryable: true,
    text: 'Somebody else replays, fixes or discards this dead letter just now. Nothing was changed; look at it again in a moment.',
  },
  dead_letter_changed: {
    ...refused,
    grpc: grpcCode.aborted,
    http: 409,
    text: 'Somebody else fixed this dead letter after it was read. Nothing was changed; read it again and fix what it is now.',
  },
  rejected_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'There is no rejected event of this number. `headgate rejected list` shows those there are.',
  },
  invalid_edit: {
    ...refused,
    grpc: grpcCode.invalidArgument,
    http: 400,
    text: 'An edit of an event cannot be made: its path or its value is wrong, the event has no such place, or what comes of it is no event of the contract. Nothing was changed.',
  },
  replay_too_wide: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 400,
    text: 'More events of this name were stored since than can be searched for a copy. Narrow the replay with --since.',
  },
  schema_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'The registry has no event or version of this name. `headgate schemas list` shows those there are.',
  },
  schema_refused: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'The registry does not take this: it is not sound, it would change what was released, or it would break whom the `compatibility` of the event protects. The message says which.',
  },
  registry_read_only: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'This gate validates by the files of schemas_dir. Change those, or set schemas.source to registry.',
  },
  registry_conflict: {
    ...refused,
    grpc: grpcCode.aborted,
    http: 409,
    retryable: true,
    text: 'Somebody else changed the same entry at this moment. Look at what is there now, and try again.',
  },
  invalid_request: {
    ...refused,
    grpc: grpcCode.invalidArgument,
    http: 400,
    text: 'A field of the request is missing or has a wrong value. The message names it.',
  },
  destination_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'The log keeps no consumer position of this name. `headgate destinations` lists all it keeps.',
  },
  destination_in_use: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'Only a destination that no configuration names, and that no worker delivers to, can be removed.',
  },
  too_many_subscribers: {
    ...refused,
    grpc: grpcCode.resourceExhausted,
    http: 429,
    retryable: true,
    text: 'As many callers follow the events as may at once. End one `headgate tail`, then try again.',
  },
  log_unavailable: {
    ...refused,
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    logLevel: 'warn',
    text: 'The log did not answer, or refused. It may have done it nevertheless: nothing is stored twice, so try again.',
  },
  internal: {
    grpc: grpcCode.internal,
    http: 500,
    retryable: true,
    logLevel: 'error',
    scope: 'request',
    text: 'A fault of ours; the log has it under the correlation id. Send it again with the same idempotency keys.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as ErrorCode[];

export function errorEntry(code: ErrorCode): ErrorEntry {
  return errorTable[code];
}

/** Where a code is explained, from the root of the repository. */
export function errorHelp(code: string): string {
  return `docs/reference/errors.md#${code}`;
}

export interface ServiceErrorOptions {
  readonly cause?: unknown;
  /** How long the caller should wait before it tries again. */
  readonly retryAfterMs?: number;
}

/** A request that gets no verdicts: thrown anywhere behind a door, answered once at its edge. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ServiceErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The start cannot go on, and the message alone tells the operator what to do: no stack is shown. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
