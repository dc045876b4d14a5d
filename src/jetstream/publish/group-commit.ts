import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  fsync,
  openSync,
  readdirSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import type { PublishAck, PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

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
  /** Closes the last block. No sync may be in progress. */
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
 * block and the blocks after it. When a new block appears, its folder is synced, too.
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
export function createGroupCommit(streamDir: string): GroupCommit {
  const blocks = createSyncedBlocks(path.join(streamDir, 'msgs'));
  let [waiting, waitingAcks]: [PublishCallback[], PublishAck[]] = [[], []];
  /** The number of messages that nats-server has not answered. */
  let underway = 0;
  let isSyncing = false;
  let isScheduled = false;
  let patience: NodeJS.Timeout | undefined;
  let failure: Error | undefined;
  let commits = 0;
  let joins = 0;

  const syncEverything = async (): Promise<void> => {
    if (failure !== undefined) throw failure;
    try {
      await blocks.syncAll();
    } catch (error) {
      failure = error as Error;
      throw error;
    }
  };

  const syncGroup = async (): Promise<void> => {
    const group = waiting;
    const acks = waitingAcks;
    [waiting, waitingAcks] = [[], []];
    clearTimeout(patience);
    patience = undefined;
    isSyncing = true;
    if (failure === undefined) {
      try {
        await blocks.syncNew();
        commits += 1;
      } catch (error) {
        failure = error as Error;
      }
    }
    isSyncing = false;
    const failed = failure;
    // First, so that the disk works while the answers are written.
    syncNext();
    callAll(group, acks, failed);
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
      joins += 1;
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
    close: blocks.close,
    counts: () => ({ commits, joins }),
  };
}

/** The block files of a stream. `syncNew` is called once at a time. */
interface SyncedBlocks {
  /** Syncs what was written since the last call. */
  syncNew(): Promise<void>;
  syncAll(): Promise<void>;
  close(): void;
}

function createSyncedBlocks(messagesDir: string): SyncedBlocks {
  let lastBlock = 0;
  const lastFile = createSyncedFile();

  const blockFile = (block: number): string => path.join(messagesDir, `${block}.blk`);

  /**
   * Syncs the last known block and all later ones. Returns false if the last known block does not
   * exist; then all blocks are synced.
   *
   * Find the newest block before the first sync: a block is complete once it has a successor. If
   * the newest block was found after the sync, messages written to the old block between its sync
   * and the rotation would never be synced (test/log/power-cut.test.ts lost up to 700 events a
   * block).
   */
  const syncNewBlocks = async (): Promise<boolean> => {
    const first = lastBlock;
    let newest = first;
    while (existsSync(blockFile(newest + 1))) newest += 1;
    if (!(await lastFile.sync(blockFile(first)))) return false;
    for (let block = first + 1; block <= newest; block += 1) await lastFile.sync(blockFile(block));
    if (newest > first) {
      await syncFolder(messagesDir);
      lastBlock = Math.max(lastBlock, newest);
    }
    return true;
  };

  const syncAllBlocks = async (): Promise<void> => {
    for (const block of blocksIn(messagesDir)) {
      await syncFile(blockFile(block));
      lastBlock = Math.max(lastBlock, block);
    }
    await syncFolder(messagesDir);
  };

  return {
    syncNew: async () => {
      if (lastBlock === 0 || !(await syncNewBlocks())) await syncAllBlocks();
    },
    syncAll: syncAllBlocks,
    close: lastFile.close,
  };
}

function callAll(
  group: readonly PublishCallback[],
  acks: readonly PublishAck[],
  failure: Error | undefined,
): void {
  const error = failure === undefined ? undefined : new PublishError('not_synced', failure.message);
  for (let at = 0; at < group.length; at += 1) {
    try {
      group[at]!(error === undefined ? acks[at] : undefined, error);
    } catch (fault) {
      // A fault in one callback must not take the acknowledgement of the others.
      process.emitWarning(fault as Error);
    }
  }
}

function blocksIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => /^(\d+)\.blk$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((left, right) => left - right);
}

/** A file that stays open between syncs, as long as its name refers to the same file. */
interface SyncedFile {
  /** Opens the file if it is not the open one, and syncs it. False if it does not exist. */
  sync(file: string): Promise<boolean>;
  close(): void;
}

function createSyncedFile(): SyncedFile {
  let descriptor: number | undefined;
  let name = '';
  let inode = 0;

  const close = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const openCurrent = (file: string): boolean => {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return false;
    if (descriptor !== undefined && file === name && found.ino === inode) return true;
    close();
    descriptor = openIfExists(file);
    if (descriptor === undefined) return false;
    name = file;
    inode = fstatSync(descriptor).ino;
    return true;
  };
  return {
    sync: async (file) => {
      if (!openCurrent(file)) return false;
      await syncData(descriptor!);
      return true;
    },
    close,
  };
}

function openIfExists(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** False if the file does not exist. */
async function syncFile(file: string): Promise<boolean> {
  const descriptor = openIfExists(file);
  if (descriptor === undefined) return false;
  try {
    await syncData(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return true;
}

async function syncFolder(folder: string): Promise<void> {
  const descriptor = openSync(folder, constants.O_RDONLY);
  try {
    await syncAll(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Syncs the description of a stream and every folder on its path, so that the stream survives a
 * power cut. nats-server writes these when it creates the stream, and does not sync them.
 */
export async function syncStreamDescription(storeDir: string, streamDir: string): Promise<void> {
  for (const name of ['meta.inf', 'meta.sum']) await syncFile(path.join(streamDir, name));
  let folder = streamDir;
  while (folder.startsWith(storeDir)) {
    await syncFolder(folder);
    folder = path.dirname(folder);
  }
  await syncFolder(path.dirname(storeDir));
}
