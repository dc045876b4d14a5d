import { setTimeout as sleep } from 'node:timers/promises';

import type { JetStreamManager } from '@nats-io/jetstream';

import { StartError } from '../../errors.ts';
import { earlierStream } from '../topology.ts';

/** A message of this size or larger is refused, and every message is larger. */
export const closedBytesMax = 1;

const pollMs = 250;
const waitMsMax = 30_000;

/**
 * The sequences between the last one of EVENTS and the first one of partition 0 are left out, in
 * case a server still stores a message that it took before EVENTS was closed.
 */
const sequencesLeftOut = 1_000;

/**
 * The first sequence of partition 0, once EVENTS takes no messages any more and has stored those
 * that were under way. Throws a StartError if it does not come to rest.
 */
export async function firstSequenceAfter(manager: JetStreamManager): Promise<number> {
  const deadline = performance.now() + waitMsMax;
  let last = -1;
  while (performance.now() < deadline) {
    const { state } = await manager.streams.info(earlierStream);
    if (state.last_seq === last) return last + sequencesLeftOut + 1;
    last = state.last_seq;
    await sleep(pollMs);
  }
  throw new StartError(
    'The stream EVENTS still takes events, although it was closed for partitions: another program ' +
      'changes its settings. Stop the gates of the earlier version, and start again.',
  );
}
