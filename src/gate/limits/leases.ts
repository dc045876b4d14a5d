import type { SourceLimits } from '../../config/write-key.ts';
import type { Ahead, LimitAsk, Taken } from './allowance.ts';

/*
 * What the processes of one gate say to each other about limits. The first process has the
 * allowances. The others take from them ahead, so that most requests need no message, and give back
 * what they hold when another process needs it: the limit is exact over all processes.
 */

/** From a process that serves requests: decide these, in order. */
export interface LeaseAsk {
  readonly kind: 'limit asked';
  readonly source: string;
  readonly limits: SourceLimits;
  /** What the process held. It holds nothing until the answer. */
  readonly held: Ahead | undefined;
  readonly asks: readonly LimitAsk[];
}

/** From such a process, in answer to a recall. */
export interface LeaseReturn {
  readonly kind: 'limit returned';
  readonly source: string;
  readonly round: number;
  readonly held: Ahead | undefined;
}

/** To such a process. */
export interface LeaseAnswer {
  readonly kind: 'limit answered';
  readonly source: string;
  readonly taken: readonly Taken[];
  /** For the next requests. */
  readonly ahead: Ahead | undefined;
  /** What is left behind all this: until it is enough again, nothing more need be asked. */
  readonly eventsLeft: number;
  /** How long no byte is left; undefined: some are. */
  readonly bytesWaitMs: number | undefined;
}

/** To such a process: give back what you hold. */
export interface LeaseRecall {
  readonly kind: 'limit recalled';
  readonly source: string;
  /** The answer repeats it. */
  readonly round: number;
}

export type LeaseReport = LeaseAsk | LeaseReturn;
export type LeaseOrder = LeaseAnswer | LeaseRecall;
