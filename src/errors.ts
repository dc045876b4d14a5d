/**
 * The table of all errors that Headgate returns.
 *
 * A code is a metric label, and callers compare it in their programs: it is stable and never reused.
 * Each endpoint maps it once, at its edge. A test keeps docs/reference/errors.md equal to this table.
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
  /** True if the same request, unchanged, may succeed later. */
  readonly retryable: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** `event`: the verdict on one event. `request`: the answer to the whole request, without verdicts. */
  readonly scope: 'event' | 'request';
  /** What it means and how to fix it, for docs/reference/errors.md. */
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
    text: 'user_id and anonymous_id are both missing, or one of them is a placeholder such as "null". Send a real id in at least one of the two.',
  },
  invalid_event_name: {
    ...rejected,
    text: 'event_name is missing or is not a noun and a past-tense verb of the taxonomy in lower snake case. Send a name such as order_completed.',
  },
  unplanned_event: {
    ...rejected,
    text: 'The taxonomy has no event of this name. Correct the name, or add the event to schemas/taxonomy.yaml.',
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
    text: "properties break the event's JSON Schema. Each violation names the path and the rule.",
  },
  quarantined: {
    ...rejected,
    text: 'The event breaks its contract, and the taxonomy says to quarantine such events. It is kept as it was sent, in quarantine, and no destination receives it until the contract or the event is fixed and the event is replayed. It need not be sent again. Each violation names the path and the rule.',
  },
  unknown_schema_version: {
    ...rejected,
    text: 'The event has no schema of this version. Send a version that exists, or leave schema_version out to use the active one.',
  },
  invalid_field: {
    ...rejected,
    text: 'A field of the event has the wrong type, format or length. Each violation names the field and the values that it accepts.',
  },
  reserved_field: {
    ...rejected,
    text: "The event has a field that only the server writes. Leave it out; put the producer's own time in occurred_at.",
  },
  unknown_field: {
    ...rejected,
    http: 400,
    text: 'A field is not part of the contract, and fields are never dropped silently. Correct its name, or move it into properties.',
  },
  event_too_large: {
    ...rejected,
    grpc: grpcCode.resourceExhausted,
    http: 413,
    text: 'The event is larger than limits.event_bytes_max. Send less, or store large content elsewhere and send its address.',
  },
  event_not_allowed: {
    ...rejected,
    grpc: grpcCode.permissionDenied,
    http: 403,
    text: 'The write key is not allowed to send this event. Use the key of the right source, or add the event to `events` of this key.',
  },
  source_not_relayed: {
    ...rejected,
    grpc: grpcCode.permissionDenied,
    http: 403,
    text: 'A relay forwarded an event of a source that its write key does not name. Add the source to `relay_sources` of that key at the gate that answers, or keep the source from being sent with `sources` of the destination.',
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
    text: 'The request has no write key, or the key is not known to this gate, or has expired or been revoked; the message says which. Send it as `Authorization: Bearer KEY`, as the user of Basic, or as `x-write-key`.',
  },
  relay_not_allowed: {
    ...refused,
    grpc: grpcCode.permissionDenied,
    http: 403,
    logLevel: 'info',
    text: 'The write key is not that of a relay, or this gate asks for no keys (`auth: off`). Give the key `relay_sources` at the gate that answers: globs on the sources whose events it may forward.',
  },
  operator_not_allowed: {
    ...refused,
    grpc: grpcCode.permissionDenied,
    http: 403,
    logLevel: 'info',
    text: 'The role of your token on the admin port does not allow this. Ask an admin for a token with the role that the message names, or to do it for you.',
  },
  cross_site_request: {
    ...refused,
    grpc: grpcCode.permissionDenied,
    http: 403,
    logLevel: 'info',
    text: 'A page of another site sent this request from a browser (`Origin`, `Sec-Fetch-Site`), or a browser sent it to a name other than `localhost` (`Host`), and this gate asks for no key (`auth: off`). Send events from servers. With `auth: keys` the key protects the gate instead.',
  },
  invalid_signature: {
    ...refused,
    grpc: grpcCode.unauthenticated,
    http: 401,
    logLevel: 'info',
    text: "The signature of a webhook is missing, or does not match its body with any of the configured secrets. Compare the secret in the configuration with the sender's, and check that no proxy changes the body.",
  },
  stale_webhook: {
    ...refused,
    grpc: grpcCode.unauthenticated,
    http: 401,
    logLevel: 'info',
    text: "The webhook was signed too long ago, or in the future: its time differs from the gate's clock by more than `tolerance` of its source. Set the clocks right; senders sign each retry anew.",
  },
  unmapped_webhook: {
    ...refused,
    grpc: grpcCode.ok,
    http: 202,
    text: 'No event is mapped to the type of this webhook, so it was accepted and not stored. To store it, add the type under `events` of its source; otherwise configure the sender not to send it.',
  },
  malformed_request: {
    ...refused,
    grpc: grpcCode.invalidArgument,
    http: 400,
    text: 'The body does not match its content type. The message says where the error is.',
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
    text: 'This endpoint does not accept the content type. The message lists the ones that it accepts.',
  },
  unsupported_encoding: {
    ...refused,
    grpc: grpcCode.unimplemented,
    http: 415,
    text: 'The body has an unknown compression. Use gzip, br, deflate, zstd or none.',
  },
  not_found: {
    ...refused,
    grpc: grpcCode.unimplemented,
    http: 404,
    text: 'No endpoint has this path. See docs/send/endpoints.md for the list.',
  },
  method_not_allowed: {
    ...refused,
    grpc: grpcCode.unimplemented,
    http: 405,
    text: 'This endpoint only accepts POST.',
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
  limit_reached: {
    ...refused,
    grpc: grpcCode.resourceExhausted,
    http: 429,
    retryable: true,
    text: 'The source has reached a limit of its own: `limits.events_per_second` or `limits.bytes_per_day` of its write keys. Nothing of the request, or of the event with this code, is stored. Wait as Retry-After says and send again with the same idempotency keys, or ask an operator for a higher limit.',
  },
  shutting_down: {
    ...refused,
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    logLevel: 'info',
    text: 'The gate is shutting down and accepts no new requests. Send it again: another gate, or this one after its restart, accepts it.',
  },
  dead_letter_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'No dead letter has this id. `headgate dead list` shows all dead letters.',
  },
  dead_letter_busy: {
    ...refused,
    grpc: grpcCode.aborted,
    http: 409,
    retryable: true,
    text: 'Another caller is replaying, fixing or discarding this dead letter, or an earlier change of it had no answer and may still be stored. Nothing was changed; look at it again in a moment, or at the time that the text names.',
  },
  dead_letter_changed: {
    ...refused,
    grpc: grpcCode.aborted,
    http: 409,
    text: 'This dead letter was fixed after you read it: by another caller, or by a fix of yours that was stored although it failed. Nothing was changed; read it again, then fix its current version.',
  },
  rejected_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'No rejected event has this number. `headgate rejected list` shows all rejected events.',
  },
  rejected_settled: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'This rejected event is settled: a replay has stored it, or an operator has discarded it. Nothing was changed.',
  },
  rejected_busy: {
    ...refused,
    grpc: grpcCode.aborted,
    http: 409,
    retryable: true,
    text: 'A replay of this rejected event has begun and its result is not recorded yet: another process is replaying it, or was interrupted. Nothing was changed. The text names the time from which on it can be replayed or discarded, at most two minutes after the replay began.',
  },
  invalid_edit: {
    ...refused,
    grpc: grpcCode.invalidArgument,
    http: 400,
    text: 'An edit of an event failed: its path or its value is wrong, the event has no such path, or the edited event would break its contract. Nothing was changed.',
  },
  replay_too_wide: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 400,
    text: 'Too many events of this name were stored since then to search them for a copy. Narrow the replay with --since.',
  },
  schema_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'The registry has no such event or version. `headgate schemas list` shows all of them.',
  },
  schema_refused: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'The registry refuses the change: it is not valid, it would change a released version, or it breaks the `compatibility` of the event. The message says which.',
  },
  registry_read_only: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'This gate validates with the files in schemas_dir. Change the files, or set schemas.source to registry.',
  },
  registry_conflict: {
    ...refused,
    grpc: grpcCode.aborted,
    http: 409,
    retryable: true,
    text: 'Another caller changed the same entry at the same time. Read the current entry, then try again.',
  },
  key_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'The log has no write key of this id. `headgate keys list --all` shows all of them; keys of headgate.yaml are changed there.',
  },
  key_refused: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'The change of the write key is refused: the key has ended, or the log has no room for another. Nothing was changed; the message says which.',
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
    text: 'The log has no consumer position of this name. `headgate destinations` lists all of them.',
  },
  destination_in_use: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'A configuration names this destination, or a worker still delivers to it. Only a destination without either can be removed.',
  },
  destination_no_answer: {
    ...refused,
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    text: 'The destination did not answer when it was asked what it holds. The message says why. Try again when it is back.',
  },
  redelivery_not_found: {
    ...refused,
    grpc: 5,
    http: 404,
    text: 'No redelivery has this id. The newest of each destination is kept: `headgate redeliver list` shows all of them.',
  },
  redelivery_running: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'A redelivery to this destination has not ended, and a destination has one at a time. Wait for it, or cancel it; the message has its id.',
  },
  redelivery_ended: {
    ...refused,
    grpc: grpcCode.failedPrecondition,
    http: 409,
    text: 'The redelivery has ended, or is being cancelled, and cannot be changed any more. Start another one.',
  },
  too_many_searches: {
    ...refused,
    grpc: grpcCode.resourceExhausted,
    http: 429,
    retryable: true,
    text: 'The operator already has a search for a person or a property in work, and others that wait for it. Wait for these, or end them.',
  },
  too_many_subscribers: {
    ...refused,
    grpc: grpcCode.resourceExhausted,
    http: 429,
    retryable: true,
    text: 'The maximum number of callers already follow the events. End one `headgate tail`, then try again.',
  },
  log_unavailable: {
    ...refused,
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    logLevel: 'warn',
    text: 'The log did not answer, or refused. Unless the message says that nothing was done, the request may have taken effect anyway; nothing is stored twice, so try again.',
  },
  audit_full: {
    ...refused,
    grpc: grpcCode.unavailable,
    http: 503,
    retryable: true,
    logLevel: 'error',
    text: 'The audit log has no room for another entry, and what it cannot record may neither be done nor be shown. Shorten audit.retention or raise log.storage_bytes_max, and restart (docs/operate/audit.md).',
  },
  internal: {
    grpc: grpcCode.internal,
    http: 500,
    retryable: true,
    logLevel: 'error',
    scope: 'request',
    text: 'An internal error of Headgate. Its log line has the correlation id. Send the request again with the same idempotency keys.',
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

/** A request that failed without verdicts. Thrown behind an endpoint, answered once at its edge. */
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

/** The start failed, and the message says what the operator must do: no stack is printed. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Whether SQLite failed because another process holds its lock, which passes: SQLITE_BUSY, in the low byte of its codes. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}
