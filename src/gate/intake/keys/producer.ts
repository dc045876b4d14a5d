import type { SourceLimits } from '../../../config/write-key.ts';

/** The sender that a write key identifies. */
export interface Producer {
  readonly source: string;
  /** Whether this producer may send events of this name. */
  readonly maySend: (eventName: string) => boolean;
  /** Whether it may forward events of another source. Undefined: it is no relay. */
  readonly mayRelay?: ((source: string) => boolean) | undefined;
  /** True for the heartbeats of the gate itself. */
  readonly isCanary: boolean;
  /** Of its source, with all of its keys. Undefined: none. They may change while a request waits. */
  readonly limits?: SourceLimits | undefined;
  /** True once its key is revoked, gone or changed: ask for it again. Undefined where it has no key. */
  readonly isEnded?: boolean;
}
