import type { Log } from '../jetstream/log.ts';
import { originHeader } from '../jetstream/consume/delayed-copies.ts';
import { readLanePosition } from '../jetstream/consume/lane/lane-consumer.ts';
import { redeliveryOf } from '../jetstream/consume/lane/lane-copies.ts';
import { readMatching } from '../jetstream/read/read.ts';
import { anyName, subjects } from '../jetstream/topology.ts';

/** The copy of an event that a redelivery has stored for a destination, and that is not settled. */
export interface LaneCopy {
  /** The id of the redelivery. */
  readonly redelivery: string;
  /** A Unix time in ms. */
  readonly storedAtMs: number;
  /** A worker has it, or had it and the log does not yet show that it is settled. */
  readonly isInWork: boolean;
  /** At most so many copies are ahead of it. */
  readonly ahead: number;
}

/**
 * Reads the lane of a destination once for all events of an answer: it holds some thousand copies at
 * most. Resolves to undefined for an event without a copy that waits.
 */
export function createLaneReader(
  log: Log,
  destination: string,
): (position: number) => Promise<LaneCopy | undefined> {
  let copies: Promise<ReadonlyMap<number, LaneCopy>> | undefined;
  return async (position) => (await (copies ??= readCopies(log, destination))).get(position);
}

async function readCopies(log: Log, destination: string): Promise<ReadonlyMap<number, LaneCopy>> {
  const copies = new Map<number, LaneCopy>();
  // The consumer exists as long as the redelivery does.
  const lane = await readLanePosition(log, destination);
  if (lane === undefined) return copies;
  const { settledUpTo, deliveredUpTo, inWork } = lane;
  let ahead = inWork;
  const subject = subjects.redelivery(destination, anyName);
  for await (const message of readMatching(log, 'REPLAY', subject, settledUpTo + 1)) {
    const isInWork = message.sequence <= deliveredUpTo;
    // What was delivered out of order may be settled, which the log does not say of single copies.
    if (isInWork && inWork === 0) continue;
    copies.set(Number(message.header(originHeader)), {
      redelivery: redeliveryOf(message),
      storedAtMs: message.storedAtMs,
      isInWork,
      ahead: isInWork ? 0 : ahead,
    });
    if (!isInWork) ahead += 1;
  }
  return copies;
}
