/** Why a call of the client failed. The codes are stable: programs may branch on them. */
export type HeadgateErrorCode =
  /** An option is missing or invalid. */
  | 'invalid_option'
  /** The event cannot be encoded: it has no name, or its properties are not JSON. */
  | 'invalid_event'
  /** The event is larger than `eventBytesMax`. */
  | 'event_too_large'
  /**
   * The spool or its disk is full, and `whenFull` is not `block`; or too many events wait in
   * memory.
   */
  | 'spool_full'
  /** Another client owns the spool directory. */
  | 'spool_locked'
  /** The spool directory cannot be created or read. */
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
