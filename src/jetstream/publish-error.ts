/**
 * Why a publish has no acknowledgement.
 *
 * `stream_full`, `store_full`, `too_large` and `rejected`: the message is not in the log. The others
 * leave it open: it may be, and publishing it again under the same message id is safe.
 */
export type PublishFault =
  | 'stream_full'
  | 'store_full'
  | 'too_large'
  | 'rejected'
  | 'no_stream'
  | 'timeout'
  | 'disconnected'
  | 'permission'
  | 'not_synced'
  | 'closed';

export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly fault: PublishFault;

  constructor(fault: PublishFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** JetStream's error codes: https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const faultByCode: Readonly<Record<number, PublishFault>> = {
  10023: 'store_full',
  10047: 'store_full',
  10077: 'stream_full',
  10054: 'too_large',
  10060: 'no_stream',
  10167: 'timeout',
};

export function publishErrorOf(code: number, description: string): PublishError {
  return new PublishError(faultByCode[code] ?? 'rejected', `${description} (${code})`);
}
