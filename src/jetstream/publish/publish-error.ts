/**
 * Why a publish has no acknowledgement.
 *
 * `stream_full`, `store_full`, `too_large`, `rejected` and `conflict`: the message is not in the log. The others
 * leave it open: it may be, and publishing it again under the same message id is safe.
 */
export type PublishFault =
  | 'stream_full'
  | 'store_full'
  | 'too_large'
  | 'rejected'
  | 'conflict'
  | 'no_stream'
  | 'timeout'
  | 'disconnected'
  | 'permission'
  | 'not_synced'
  | 'closed';

/** What a producer reads. */
const publicTexts: Readonly<Record<PublishFault, string>> = {
  stream_full: 'the log is full and drops nothing that is not delivered',
  store_full: "the log's disk space is used up",
  too_large: 'the message is larger than NATS takes',
  rejected: 'NATS refused it',
  conflict: 'somebody else changed it meanwhile',
  no_stream: 'the log has no stream for it',
  timeout: 'the log did not answer in time',
  disconnected: 'the log is not connected just now',
  permission: 'NATS does not permit this gate to publish',
  not_synced: 'the disk could not be synced',
  closed: 'the gate is going down',
};

export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly fault: PublishFault;

  constructor(fault: PublishFault, message: string) {
    super(message);
    this.fault = fault;
  }

  /** What a producer reads: never more than it needs. */
  get publicText(): string {
    return publicTexts[this.fault];
  }
}

/** JetStream's error codes: https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const faultByCode: Readonly<Record<number, PublishFault>> = {
  10023: 'store_full',
  10047: 'store_full',
  10077: 'stream_full',
  10054: 'too_large',
  10071: 'conflict',
  10164: 'conflict',
  10060: 'no_stream',
  10167: 'timeout',
};

export function publishErrorOf(code: number, description: string): PublishError {
  return new PublishError(faultByCode[code] ?? 'rejected', `${description} (${code})`);
}
