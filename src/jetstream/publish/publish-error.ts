/**
 * The reason why a publish failed.
 *
 * After `stream_full`, `store_full`, `too_large`, `rejected` and `conflict` the message is not in
 * the log. After the other errors it may be in the log, and publishing it again under the same
 * message id is safe.
 */
export type PublishErrorCode =
  | 'stream_full'
  | 'store_full'
  | 'too_large'
  | 'rejected'
  | 'conflict'
  | 'no_stream'
  | 'timeout'
  | 'in_process'
  | 'away'
  | 'disconnected'
  | 'permission'
  | 'not_synced'
  | 'closed';

/** The text that a producer reads. */
const publicTexts: Readonly<Record<PublishErrorCode, string>> = {
  stream_full:
    'the log is full of events that a destination has not taken, or that are younger than log.retention_min',
  store_full: 'the log has no disk space left',
  too_large: 'the message is larger than NATS accepts',
  rejected: 'NATS rejected the message',
  conflict: 'another process changed the entry at the same time',
  no_stream: 'the log has no stream for the message',
  timeout: 'the log did not answer in time',
  in_process: 'the log is still storing the same message of another request',
  away: 'the log is not available for now',
  disconnected: 'the gate is not connected to the log',
  permission: 'NATS does not permit this gate to publish',
  not_synced: 'the disk could not be synced',
  closed: 'the gate is shutting down',
};

export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly code: PublishErrorCode;
  /**
   * Sequences of the stream that hold messages which were published together with this one, and
   * perhaps this one.
   */
  stored: ReadonlySet<number> | undefined;

  constructor(code: PublishErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  /** Whether the message may be in the log, or may still be stored, although its publish failed. */
  get mayBeStored(): boolean {
    return !notStored.has(this.code);
  }

  /** The text that a producer reads. It shows no internals of the log. */
  get publicText(): string {
    return publicTexts[this.code];
  }
}

/**
 * By JetStream's error codes: https://github.com/nats-io/nats-server/blob/main/server/errors.json
 */
const codeByNatsCode: Readonly<Record<number, PublishErrorCode>> = {
  // Of the account, of the server, of its memory, of its disk.
  10002: 'store_full',
  10023: 'store_full',
  10028: 'store_full',
  10047: 'store_full',
  10077: 'stream_full',
  10054: 'too_large',
  // Of the headers.
  10097: 'too_large',
  10071: 'conflict',
  10164: 'conflict',
  // Another message on the subject waits for its quorum, so that its end is not known.
  10163: 'conflict',
  // A copy under the same message id waits for its quorum.
  10158: 'in_process',
  // Not started, no leader, or JetStream is off since its disk failed.
  10007: 'away',
  10008: 'away',
  10009: 'away',
  10039: 'away',
  10076: 'away',
  10060: 'no_stream',
  10167: 'timeout',
};

const notStored: ReadonlySet<PublishErrorCode> = new Set([
  'stream_full',
  'store_full',
  'too_large',
  'rejected',
  'conflict',
]);

/** Whether work failed whose message may be in the log, or may still be stored. */
export function mayBeStored(error: unknown): boolean {
  return error instanceof PublishError && error.mayBeStored;
}

/** Whether a message was not stored because another process was faster: `storeIfUnchanged`. */
export function isConflict(error: unknown): boolean {
  return error instanceof PublishError && error.code === 'conflict';
}

export function publishErrorOf(natsCode: number, description: string): PublishError {
  return new PublishError(codeByNatsCode[natsCode] ?? 'rejected', `${description} (${natsCode})`);
}
