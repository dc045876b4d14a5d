import { setTimeout as sleep } from 'node:timers/promises';

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

import { StartError } from '../../errors.ts';
import { infoOf } from '../events/stream-parts.ts';
import { earlierStream, partitionStream } from '../topology.ts';

// The stream EVENTS of releases without partitions forbids deletes, and NATS does not take that
// back. So its events stay where they are until they are old and settled, new ones go to the stream
// of partition 0, whose sequences continue those of EVENTS, and everybody reads both.

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

/**
 * How long ids may still have to be looked up in EVENTS, in ms from now: until the dedup window has
 * passed since partition 0 began. 0 if there is no such stream.
 */
export async function earlierIdsMs(manager: JetStreamManager): Promise<number> {
  const [earlier, first] = await Promise.all([
    infoOf(manager, earlierStream),
    infoOf(manager, partitionStream(0)),
  ]);
  if (earlier === undefined || first === undefined) return 0;
  return Math.max(0, windowMs(earlier) - ageMs(first));
}

function windowMs({ config }: StreamInfo): number {
  return config.duplicate_window / 1_000_000;
}

/** By the server's clock, if it reports one; else by ours. */
function ageMs(info: StreamInfo): number {
  const now = Date.parse((info as { readonly ts?: string }).ts ?? '');
  return (Number.isNaN(now) ? Date.now() : now) - Date.parse(info.created);
}
