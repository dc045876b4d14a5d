import { clientsOf } from '../../clients.ts';
import { readLayout, isStreamNotFound, writeLayout } from '../../events/layout.ts';
import type { StreamPart } from '../../events/stream-parts.ts';
import { recordPurge } from '../../integrity/ledger.ts';
import type { Log } from '../../log.ts';
import { ensureStreams } from '../../server/stream-settings.ts';

/**
 * Deletes a closed part of EVENTS once it is empty and no id has to be looked up in it, and gives its
 * room to the open partitions. Rejects when the log cannot be reached.
 */
export async function retireClosed(log: Log, part: StreamPart): Promise<void> {
  const { manager, topology, events } = clientsOf(log);
  const { layout, closedIds } = events.now();
  // How long ids are looked up is known once the partitions are created.
  if (topology === undefined || !layout.isReady) return;
  const isAsked = closedIds.some(
    ({ streams, untilMs }) =>
      untilMs > performance.now() && streams.some(({ stream }) => stream === part.stream),
  );
  if (isAsked) return;
  try {
    const { state } = await manager.streams.info(part.stream);
    // A partition that gets this number again begins behind it.
    await recordPurge(log, part, state.last_seq + 1, 'retention');
    await manager.streams.delete(part.stream);
  } catch (error) {
    // Another process was faster.
    if (!isStreamNotFound(error)) throw error;
  }
  await forget(log, part.partition);
  await ensureStreams(manager, topology);
  await events.refresh();
}

async function forget(log: Log, partition: number): Promise<void> {
  const { manager } = clientsOf(log);
  for (;;) {
    const { layout, sequence } = await readLayout(manager);
    const closed = layout.closed
      .map((partitions) => partitions.filter((one) => one !== partition))
      .filter((partitions) => partitions.length > 0);
    if (closed.flat().length === layout.closed.flat().length) return;
    if (await writeLayout(manager, { ...layout, closed }, sequence)) return;
  }
}
