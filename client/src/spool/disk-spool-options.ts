import type { Fsync } from './segment-writer.ts';
import type { WhenFull } from './spool.ts';

export interface DiskSpoolOptions {
  readonly directory: string;
  /** Limit for all segments together. */
  readonly bytesMax: number;
  readonly fsync: Fsync;
  readonly fsyncIntervalMs: number;
  readonly whenFull: WhenFull;
  /**
   * Limit of the events that wait in memory for their write. Beyond it, append() always refuses.
   */
  readonly unwrittenBytesMax: number;
}
