/** What a call of the client can fail with. Stable: a program may branch on it. */
export type HeadgateErrorCode =
  /** An option is missing or makes no sense. */
  | 'invalid_option'
  /** The event cannot be written down: no name, properties that are no JSON. */
  | 'invalid_event'
  /** The event is larger than `eventBytesMax`. */
  | 'event_too_large'
  /** The spool has no room, or its disk has none, and `whenFull` says not to wait. */
  | 'spool_full'
  /** Another client owns the spool directory. */
  | 'spool_locked'
  /** The spool directory cannot be opened. */
  | 'spool_failed'
  /** `close()` was called. */
  | 'closed';

export class HeadgateError extends Error {
  override readonly name = 'HeadgateError';
  readonly code: HeadgateErrorCode;

  constructor(code: HeadgateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
