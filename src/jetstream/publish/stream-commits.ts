import path from 'node:path';

import { isPartitionStream, earlierStream, type StoredStreamName } from '../topology.ts';
import { createGroupCommit, type GroupCommit } from './group-commit.ts';
import { syncStreamDescription } from './synced-blocks.ts';

/** The group commits of the streams, which exist with the durability `fsync` alone. */
export interface StreamCommits {
  /** Undefined if the messages of this stream are not synced before they are acknowledged. */
  of(stream: StoredStreamName): GroupCommit | undefined;
  /** Makes new streams survive a power cut. Call it before their first message. */
  describe(streams: readonly StoredStreamName[]): Promise<void>;
  close(): void;
}

/** The streams that must survive a power cut, beside the events. The others can be recreated. */
const syncedNames: readonly StoredStreamName[] = [
  'LEDGER',
  'AUDIT',
  'REJECTED',
  'DEAD',
  'REPLAY',
  'RETRY',
  'ASIDE',
  'FILTERED',
  'PROBE',
  'KV_headgate_keys',
];

interface SyncOptions {
  readonly durability: string;
  /** The folder of the streams. */
  readonly streamsDir: string | undefined;
  /** Undefined if another process creates the streams. */
  readonly topology: { readonly keepsSchemas?: boolean } | undefined;
}

export function syncedStreams({ topology }: Pick<SyncOptions, 'topology'>): StoredStreamName[] {
  return topology?.keepsSchemas === true
    ? [...syncedNames, 'KV_headgate_schemas']
    : [...syncedNames];
}

export function createCommits(options: SyncOptions): StreamCommits {
  const { durability, streamsDir, topology } = options;
  const commits = new Map<StoredStreamName, GroupCommit>();
  const dirOf = (stream: StoredStreamName): string | undefined =>
    durability === 'fsync' && streamsDir !== undefined ? path.join(streamsDir, stream) : undefined;
  const synced = new Set<StoredStreamName>(syncedStreams(options));
  return {
    of: (stream) => {
      const dir = dirOf(stream);
      const isSynced = synced.has(stream) || isPartitionStream(stream) || stream === earlierStream;
      if (dir === undefined || !isSynced) return undefined;
      // Events leave a partition at its beginning.
      const hasGaps = !isPartitionStream(stream);
      const commit = commits.get(stream) ?? createGroupCommit(dir, hasGaps);
      commits.set(stream, commit);
      return commit;
    },
    describe: async (streams) => {
      if (topology === undefined || streamsDir === undefined) return;
      const storeDir = path.resolve(streamsDir, '..', '..', '..');
      for (const stream of streams) {
        const dir = dirOf(stream);
        if (dir !== undefined) await syncStreamDescription(storeDir, dir);
      }
    },
    close: () => {
      for (const commit of commits.values()) commit.close();
    },
  };
}
