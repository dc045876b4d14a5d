/** An object or a file of an archive, by what its name says. */
export interface ArchivedObject {
  readonly key: string;
  readonly bytes: number;
  /** The day in the key, `2026-03-01` or `unknown`: on which the events happened, unless `isByReceipt`. */
  readonly day: string;
  /** The day is that on which the gate received the events. */
  readonly isByReceipt: boolean;
  /** Undefined if it has events of several names. */
  readonly eventName: string | undefined;
  /** Undefined if the key does not say how many. */
  readonly events: number | undefined;
}

/** What a destination that stores objects or files has, read without the destination. */
export interface Archive {
  /**
   * In the order of their keys. Rejects if the store does not answer.
   *
   * @param onOther is called with the key of each object of another program.
   */
  objects(signal: AbortSignal, onOther: (key: string) => void): AsyncIterable<ArchivedObject>;
  /**
   * The stored events of one of them: ProtoJSON of `headgate.v1.StoredEvent`. Rejects if it cannot be read:
   * with an `ObjectStoreError` if the store says so.
   */
  read(object: ArchivedObject, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  close(): void;
}
