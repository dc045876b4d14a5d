import path from 'node:path';

import { callBack, type PublishAck, type PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import { createSyncedBlocks } from './synced-blocks.ts';

/** The longest that a group waits for messages that are under way. */
const patienceMs = 1;

export interface GroupCommit {
  /** Call it for each message that is sent to nats-server. */
  sent(): void;
  /** Call it for messages that are answered or have failed, before their acknowledgements join. */
  settled(count: number): void;
  /**
   * Calls `callback` with the acknowledgement once its message is synced to disk, or with a
   * PublishError `not_synced`.
   */
  join(callback: PublishCallback, ack: PublishAck): void;
  /** Syncs every block. Call it after an operation that rewrites blocks, such as a deletion. */
  syncEverything(): Promise<void>;
  /** Why nothing is acknowledged any more: a sync has failed. */
  failure(): Error | undefined;
  /** Closes the last block, after the syncs that are due. */
  close(): void;
  /** The numbers of syncs and of joins, for tests and the benchmark. */
  readonly counts: () => { commits: number; joins: number };
}

/**
 * Makes acknowledged messages of one stream survive a power cut.
 *
 * nats-server writes a message to its block file (`<stream>/msgs/<n>.blk`) before it acknowledges
 * it, and syncs it later. Here each acknowledgement joins the waiting group. One committer at a
 * time takes the whole group, syncs the blocks, and passes all acknowledgements on: one sync for
 * hundreds of messages. Blocks only grow at the end, so all new messages are in the last known
 * block and the blocks after it. When a new block appears, its folder is synced, too. In streams whose messages
 * are deleted one by one, numbers of blocks have gaps (`hasGaps`): their folder is read when it has changed.
 *
 * A sync costs about the same for one message as for hundreds, so a group waits, for up to
 * `patienceMs`, until it is at least as large as the number of messages that nats-server has not
 * answered: half of the messages are synced while nats-server stores the other half. A message
 * that is alone never waits (docs/adr/0055-a-group-waits-for-its-half.md).
 *
 * The last block stays open between commits: Linux reports a failed write-back only to descriptors
 * that were open before it. A newly opened file might sync "successfully" after the kernel dropped
 * the data. nats-server may replace a block by a rewritten file, so the descriptor is used only
 * while the name still refers to the same file.
 *
 * A failed sync is final: the kernel may have dropped the dirty pages, and a later sync would
 * succeed without them. Every later join fails, too, until the process is restarted.
 */
export function createGroupCommit(streamDir: string, hasGaps = true): GroupCommit {
  const blocks = createSyncedBlocks(path.join(streamDir, 'msgs'), hasGaps);
  let [waiting, waitingAcks]: [PublishCallback[], PublishAck[]] = [[], []];
  /** The number of messages that nats-server has not answered. */
  let underway = 0;
  let [isSyncing, isScheduled, isClosed] = [false, false, false];
  let patience: NodeJS.Timeout | undefined;
  let failure: Error | undefined;
  const counts = { commits: 0, joins: 0 };

  const sync = async (work: () => Promise<void>): Promise<void> => {
    if (failure !== undefined) return;
    try {
      await work();
    } catch (error) {
      failure = error as Error;
    }
  };

  const syncEverything = async (): Promise<void> => {
    await sync(blocks.syncAll);
    if (failure !== undefined) throw failure;
  };

  const syncGroup = async (): Promise<void> => {
    const group = waiting;
    const acks = waitingAcks;
    [waiting, waitingAcks] = [[], []];
    clearTimeout(patience);
    patience = undefined;
    isSyncing = true;
    await sync(blocks.syncNew);
    if (failure === undefined) counts.commits += 1;
    isSyncing = false;
    const failed = failure;
    // First, so that the disk works while the answers are written.
    syncNext();
    closeIfDone();
    callAll(group, acks, failed);
  };

  const closeIfDone = (): void => {
    if (isClosed && !isSyncing && waiting.length === 0) blocks.close();
  };

  /** Begins a sync, unless the group waits for others. */
  const syncNext = (): void => {
    if (isSyncing || waiting.length === 0) return;
    if (waiting.length >= underway) void syncGroup();
    else patience ??= setTimeout(() => void syncGroup(), patienceMs);
  };

  return {
    sent: () => {
      underway += 1;
    },
    settled: (count) => {
      underway -= count;
    },
    join: (callback, ack) => {
      counts.joins += 1;
      waiting.push(callback);
      waitingAcks.push(ack);
      if (isSyncing || isScheduled) return;
      isScheduled = true;
      // The acknowledgements that arrived with this one join first.
      queueMicrotask(() => {
        isScheduled = false;
        syncNext();
      });
    },
    syncEverything,
    failure: () => failure,
    close: () => {
      isClosed = true;
      closeIfDone();
    },
    counts: () => ({ ...counts }),
  };
}

function callAll(
  group: readonly PublishCallback[],
  acks: readonly PublishAck[],
  failure: Error | undefined,
): void {
  const error = failure === undefined ? undefined : new PublishError('not_synced', failure.message);
  for (let at = 0; at < group.length; at += 1) {
    callBack(group[at]!, error === undefined ? acks[at] : undefined, error);
  }
}
