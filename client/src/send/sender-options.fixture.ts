import type { SenderOptions } from './sender-signals.ts';

/** Of a sender that waits a few milliseconds at most. */
export const options: SenderOptions = {
  batchEventsMax: 100,
  batchBytesMax: 1_000_000,
  inFlightMax: 2,
  lingerMs: 0,
  backoffBaseMs: 1,
  backoffCapMs: 4,
  failuresMax: 3,
  refusalGapMs: 0,
  keepsAlive: true,
};
