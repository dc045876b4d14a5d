import { setTimeout as sleep } from 'node:timers/promises';

import type { JetStreamManager } from '@nats-io/jetstream';

import { StartError } from '../../../errors.ts';
import { lastInLedger } from '../../events/layout.ts';
import { infoOf } from '../../events/stream-parts.ts';
import { earlierStream, subjects, type StoredStreamName } from '../../topology.ts';

// The number of partitions cannot change within their streams: an id would be looked up in another
// one than before. And the stream EVENTS of releases without partitions forbids deletes, which NATS
// does not take back. So the events of both stay where they are until they are old and settled, new
// ones go to new streams, and everybody reads all of them.

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
 * Waits until a closed stream has stored the messages that were under way. Resolves to its last
 * sequence. Throws a StartError if it does not come to rest.
 */
async function restOf(manager: JetStreamManager, stream: StoredStreamName): Promise<number> {
  const deadline = performance.now() + waitMsMax;
  let last = -1;
  while (performance.now() < deadline) {
    const info = await infoOf(manager, stream);
    const latest = info?.state.last_seq ?? 0;
    if (latest === last) return last;
    last = latest;
    await sleep(pollMs);
  }
  throw new StartError(
    `The stream ${stream} still takes events, although it was closed for partitions: another program ` +
      'changes its settings. Stop the gates of the earlier version, and start again.',
  );
}

/** The closed streams of a change of partitions. */
export interface ClosedStreams {
  readonly names: readonly StoredStreamName[];
  /** Resolves to the last sequence of each. It waits once, for all new streams: a closed stream takes no more. */
  readonly lasts: () => Promise<readonly number[]>;
}

export function closedStreams(
  manager: JetStreamManager,
  names: readonly StoredStreamName[],
): ClosedStreams {
  let lasts: Promise<readonly number[]> | undefined;
  return {
    names,
    lasts: () => (lasts ??= Promise.all(names.map((name) => restOf(manager, name)))),
  };
}

/**
 * The first sequence of a new stream of events, once every closed stream takes no messages any more.
 * Positions never repeat: partition 0 goes on behind EVENTS, and a partition whose number was used
 * before behind what is recorded as deleted of it. Throws a StartError if a stream does not come to
 * rest.
 */
export async function firstSequenceOf(
  manager: JetStreamManager,
  stream: StoredStreamName,
  closed: ClosedStreams,
): Promise<number> {
  const lasts = await closed.lasts();
  const earlier = lasts[closed.names.indexOf(earlierStream)];
  const afterEarlier = earlier === undefined ? 1 : earlier + sequencesLeftOut + 1;
  return Math.max(afterEarlier, await keptFrom(manager, stream));
}

async function keptFrom(manager: JetStreamManager, stream: StoredStreamName): Promise<number> {
  const entry = await lastInLedger(manager, subjects.purged(stream));
  return entry?.json<{ keptFrom: number }>().keptFrom ?? 1;
}
