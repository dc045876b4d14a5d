import { clientsOf } from '../../clients.ts';
import { partsOf } from '../../events/event-streams.ts';
import type { Log } from '../../log.ts';
import { subjects } from '../../topology.ts';
import { positionOf } from '../consumer-position.ts';
import { readFirstUnsettled } from '../first-unsettled.ts';

/**
 * Deletes what each destination has settled of its events in ASIDE. Deletion from the beginning of
 * the stream is not enough: one destination that is away for long would keep the room of all others.
 * The last message stays, as in every stream. Resolves to the number of deleted messages. Rejects
 * when the log cannot be reached.
 */
export async function cleanAside(log: Log): Promise<number> {
  const { manager } = clientsOf(log);
  const { state } = await manager.streams.info('ASIDE');
  if (state.messages <= 1) return 0;
  const part = partsOf(log, 'ASIDE')[0]!;
  let deleted = 0;
  for await (const info of manager.consumers.list('ASIDE')) {
    const filter = subjects.asideOf(info.name);
    // A consumer of another program is none of ours.
    if (info.config.filter_subject !== filter) continue;
    // What was stored since `state` was read is beyond what is deleted.
    const unsettled = await readFirstUnsettled(log, part, positionOf(info, part));
    const before = Math.min(state.last_seq, unsettled?.sequence ?? Infinity);
    if (before <= state.first_seq) continue;
    const { purged } = await manager.streams.purge('ASIDE', { filter, seq: before });
    deleted += purged;
  }
  if (deleted > 0) await log.syncStream('ASIDE');
  return deleted;
}
