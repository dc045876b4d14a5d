import { deleteLaneConsumer, laneCreated } from '../jetstream/consume/lane/lane-consumer.ts';
import { deleteLaneCopies, readReplayRoom } from '../jetstream/consume/lane/lane-copies.ts';
import type { Log } from '../jetstream/log.ts';

/**
 * Deletes what the jobs of a destination left in REPLAY, if `prove` resolves to true: it writes the
 * job, which proves that this process has it. No worker may deliver the copies at the same time.
 *
 * A process that stands still after the proof deletes late, when another one has gone on. Therefore
 * it deletes only what was there before the proof. Copies come first: a lane whose copies could not
 * be deleted keeps its position, and sends none of them again.
 *
 * Resolves to the position in REPLAY from which nothing was deleted; undefined if it has not the job.
 * Rejects when the log cannot be reached.
 */
export async function deleteLane(
  log: Log,
  destination: string,
  prove: () => Promise<boolean>,
): Promise<number | undefined> {
  const created = await laneCreated(log, destination);
  const before = (await readReplayRoom(log)).last + 1;
  if (!(await prove())) return undefined;
  await deleteLaneCopies(log, destination, before);
  if (created !== undefined) await deleteLaneConsumer(log, destination, created);
  return before;
}
