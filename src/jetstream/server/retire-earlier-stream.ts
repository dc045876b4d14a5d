import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { earlierStream } from '../topology.ts';
import { earlierIdsMs } from './earlier-stream.ts';
import { ensureStreams } from './stream-settings.ts';

/**
 * Deletes EVENTS once it is empty and no id has to be looked up in it, and gives its room to the
 * partitions. Rejects when the log cannot be reached.
 */
export async function retireEarlierStream(log: Log): Promise<void> {
  const { manager, topology, events } = clientsOf(log);
  if (topology === undefined || (await earlierIdsMs(manager)) > 0) return;
  await manager.streams.delete(earlierStream);
  await ensureStreams(manager, topology);
  await events.refresh();
}
