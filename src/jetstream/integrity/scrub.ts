import { setTimeout as sleep } from 'node:timers/promises';

import { clientsOf } from '../clients.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Range } from '../events/ranges.ts';
import type { Log } from '../log.ts';
import { readPartPages } from '../read/read.ts';

export interface ScrubOptions {
  readonly log: Log;
  readonly part: StreamPart;
  /** The sequence to begin with, if the part still has it. */
  readonly from: number;
  readonly bytesPerSecond: number;
  readonly signal: AbortSignal;
  /** Sequences that no message was read for. They may have been deleted on purpose. */
  readonly onGap: (gap: Range) => Promise<void>;
  /** Called with the next sequence to read. */
  readonly onProgress: (next: number) => void;
}

/** How many sequences at each end of a gap are asked for again. */
const askedAgainMax = 50;

/**
 * Reads every message of a part once, no faster than the rate, and reports the sequences without
 * one: nats-server checks each message's checksum when it reads it from the disk, and answers as if
 * a broken one was not there. Resolves when it has read what the part held at the beginning, or the
 * signal aborts. Rejects when the log cannot be reached.
 */
export async function scrub(options: ScrubOptions): Promise<void> {
  const { log, part, signal, onGap } = options;
  const { state } = await clientsOf(log).manager.streams.info(part.stream);
  // A stream that never had a message has 0 as its first sequence, and as its last.
  let next = Math.max(1, state.first_seq, options.from);
  const startedAt = performance.now();
  let bytes = 0;
  const report = async (from: number, to: number): Promise<void> => {
    if (from <= to && !(await isStored(log, part, { from, to }))) await onGap({ from, to });
  };
  for await (const page of readPartPages(log, part, next)) {
    for (const message of page) {
      const sequence = part.sequence(message.sequence);
      if (sequence > state.last_seq) break;
      await report(next, sequence - 1);
      next = sequence + 1;
      bytes += message.payload.length;
    }
    options.onProgress(next);
    const dueMs = (bytes / options.bytesPerSecond) * 1_000;
    const aheadMs = dueMs - (performance.now() - startedAt);
    if (aheadMs > 0) await sleep(aheadMs, undefined, { signal }).catch(() => {});
    if (signal.aborted || next > state.last_seq) break;
  }
  if (!signal.aborted) await report(next, state.last_seq);
}

/** Asks the leader, because a replica that answered the read may lag behind. */
async function isStored(log: Log, part: StreamPart, { from, to }: Range): Promise<boolean> {
  const { streams } = clientsOf(log).manager;
  for (let offset = 0; offset < askedAgainMax && from + offset <= to; offset += 1) {
    for (const seq of [from + offset, to - offset]) {
      if ((await streams.getMessage(part.stream, { seq })) === null) return false;
    }
  }
  return true;
}
