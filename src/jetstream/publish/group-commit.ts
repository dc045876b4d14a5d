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

export interface GroupCommit {
  /**
   * Passes an acknowledgement on once the disk holds everything acknowledged before: `callback` is
   * called with it, or with a PublishError `not_synced`.
   */
  join(callback: PublishCallback, ack: PublishAck): void;
  /** Syncs every block there is: after anything that rewrites blocks. */
  syncEverything(): Promise<void>;
  /** Lets go of the last block. Nothing may be under way. */
  close(): void;
  /** How many syncs served how many joins, for the curious and the benchmark. */
  readonly counts: () => { commits: number; joins: number };
}

/**
 * Makes acknowledged messages of one stream survive a power cut.
 *
 * nats-server writes a message to its block file (`<stream>/msgs/<n>.blk`) before it acknowledges it,
 * and leaves the sync for later. Here whoever has an acknowledgement joins the waiting group; one
 * committer at a time takes the whole group, syncs the blocks, and lets them all go: one sync for
 * hundreds of messages. Blocks only grow at the end, so the blocks from the last one known upward
 * hold everything that is new; a block seen for the first time has its folder synced too.
 *
 * The last block stays open between commits: Linux reports a failed write-back to the descriptors that
 * were open before it, so a file opened afresh might sync "successfully" what the kernel has dropped.
 * nats-server may replace a block by a rewritten one; the descriptor is used only while it is still
 * the file of that name.
 *
 * A sync that fails is final: the kernel may have dropped the dirty pages, and a later sync would
 * succeed without them. Every later join fails too, until the process is started again.
 */
export function createGroupCommit(streamDir: string): GroupCommit {
  const messagesDir = path.join(streamDir, 'msgs');
  let waiting: PublishCallback[] = [];
  let waitingAcks: PublishAck[] = [];
  let running = false;
  let failure: Error | undefined;
  let lastBlock = 0;
  let commits = 0;
  let joins = 0;

  const held = createHeldFile();

  const blockFile = (block: number): string => path.join(messagesDir, `${block}.blk`);

  /**
   * Syncs from the last known block upward. False: that block is gone, so look at all there are.
   *
   * The newest block is looked up before anything is synced: a block is whole once it has a
   * successor. Looked up afterwards, what was written to the old block between its sync and the
   * rotation would never be synced (test/log/power-cut.test.ts lost up to 700 events a block so).
   */
  const syncNewBlocks = async (): Promise<boolean> => {
    const first = lastBlock;
    let newest = first;
    while (existsSync(blockFile(newest + 1))) newest += 1;
    if (!(await held.sync(blockFile(first)))) return false;
    for (let block = first + 1; block <= newest; block += 1) await held.sync(blockFile(block));
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

  const syncEverything = async (): Promise<void> => {
    if (failure !== undefined) throw failure;
    try {
      await syncAllBlocks();
    } catch (error) {
      failure = error as Error;
      throw error;
    }
  };

  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      const group = waiting;
      const acks = waitingAcks;
      waiting = [];
      waitingAcks = [];
      if (failure === undefined) {
        try {
          if (lastBlock === 0 || !(await syncNewBlocks())) await syncAllBlocks();
          commits += 1;
        } catch (error) {
          failure = error as Error;
        }
      }
      passOn(group, acks, failure);
    }
    running = false;
  };

  return {
    join: (callback, ack) => {
      joins += 1;
      waiting.push(callback);
      waitingAcks.push(ack);
      if (!running) void run();
    },
    syncEverything,
    close: held.close,
    counts: () => ({ commits, joins }),
  };
}

function passOn(
  group: readonly PublishCallback[],
  acks: readonly PublishAck[],
  failure: Error | undefined,
): void {
  const error = failure === undefined ? undefined : new PublishError('not_synced', failure.message);
  for (let at = 0; at < group.length; at += 1) {
    group[at]!(error === undefined ? acks[at] : undefined, error);
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

/** A descriptor that is kept as long as the same file is meant. */
interface HeldFile {
  /** False: there is no such file. */
  sync(file: string): Promise<boolean>;
  close(): void;
}

function createHeldFile(): HeldFile {
  let descriptor: number | undefined;
  let name = '';
  let inode = 0;

  const close = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const hold = (file: string): boolean => {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return false;
    if (descriptor !== undefined && file === name && found.ino === inode) return true;
    close();
    descriptor = openIfThere(file);
    if (descriptor === undefined) return false;
    name = file;
    inode = fstatSync(descriptor).ino;
    return true;
  };
  return {
    sync: async (file) => {
      if (!hold(file)) return false;
      await syncData(descriptor!);
      return true;
    },
    close,
  };
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** False: there is no such file. */
async function syncFile(file: string): Promise<boolean> {
  const descriptor = openIfThere(file);
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
 * Syncs what a stream needs to be found again: its description and every folder on the way to it.
 * nats-server writes these when the stream is made, and does not sync them.
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
