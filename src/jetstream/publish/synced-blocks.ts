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

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

/** The block files of a stream. `syncNew` is called once at a time. */
export interface SyncedBlocks {
  /** Syncs what was written since the last call. */
  syncNew(): Promise<void>;
  syncAll(): Promise<void>;
  close(): void;
}

export function createSyncedBlocks(messagesDir: string, hasGaps: boolean): SyncedBlocks {
  let lastBlock = 0;
  const lastFile = createSyncedFile();

  const blockFile = (block: number): string => path.join(messagesDir, `${block}.blk`);
  const blocksAfter = createBlockList(messagesDir);
  const nextBlocks = (first: number): number[] => {
    const found: number[] = [];
    while (existsSync(blockFile(first + found.length + 1))) found.push(first + found.length + 1);
    return found;
  };

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
    const later = hasGaps ? blocksAfter(first) : nextBlocks(first);
    if (!(await lastFile.sync(blockFile(first)))) return false;
    for (const block of later) await lastFile.sync(blockFile(block));
    if (later.length > 0) {
      await syncFolder(messagesDir);
      lastBlock = Math.max(lastBlock, later.at(-1)!);
    }
    return true;
  };

  const syncAllBlocks = async (): Promise<void> => {
    const all = blocksIn(messagesDir);
    for (const block of all) await syncFile(blockFile(block));
    await syncFolder(messagesDir);
    // Last: a sync that runs beside this one must not begin after blocks that are not synced yet.
    lastBlock = Math.max(lastBlock, all.at(-1) ?? 0);
  };

  return {
    syncNew: async () => {
      if (lastBlock === 0 || !(await syncNewBlocks())) await syncAllBlocks();
    },
    syncAll: syncAllBlocks,
    close: lastFile.close,
  };
}

/** File systems keep the time of a change by the tick of a clock, which is shorter than this. */
const tickMsMax = 50;

/**
 * Which blocks come after one. The folder is read only if it has changed since it was read; what changes in the same tick
 * of the clock has the same time, so that a reading counts for later only if the last change was some ticks ago.
 */
function createBlockList(messagesDir: string): (first: number) => number[] {
  let blocks: number[] = [];
  let readOf: number | undefined;
  return (first) => {
    const changedAtMs = statSync(messagesDir, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changedAtMs !== readOf) {
      const isSettled = Date.now() - changedAtMs > tickMsMax;
      blocks = blocksIn(messagesDir);
      readOf = isSettled ? changedAtMs : undefined;
    }
    return blocks.filter((block) => block > first);
  };
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
