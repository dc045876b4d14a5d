/** An object in a bucket. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

/** A bucket of a service that stores objects. Every call ends when its signal is aborted, and rejects. */
export interface ObjectStore {
  /**
   * Writes an object whole, unless there is one with this key: then it changes nothing and resolves to
   * `exists`. Rejects with an `ObjectStoreError`.
   */
  putNew(
    key: string,
    body: Uint8Array,
    contentType: string,
    signal: AbortSignal,
  ): Promise<'written' | 'exists'>;
  /** The objects whose keys begin with a text, in the order of their keys. Rejects likewise. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /** A whole object. Rejects likewise. */
  get(key: string, signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

/** Why a store did not do what it was asked: a short text without secrets. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError';
  /** Other objects can be read: this one was deleted meanwhile, is damaged, or has to be restored first. */
  readonly isOfObject: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isOfObject?: boolean } = {}) {
    super(message, options);
    this.isOfObject = options.isOfObject ?? false;
  }
}
