import type { Log } from './log.ts';
import { storeIfUnchanged } from './publish/store-if-unchanged.ts';
import { readMatching } from './read/read.ts';
import { subjects } from './topology.ts';

/** One revision of one entry of the bucket `headgate_schemas`. */
export interface BucketEntry {
  readonly key: string;
  /** Its number among all revisions of all entries: 1, 2, ... */
  readonly revision: number;
  readonly value: string;
  /** The entry was deleted with the tools of NATS. */
  readonly deleted: boolean;
}

/** The bucket in which the log keeps the contracts. */
export interface SchemaBucket {
  /** The revisions after one, oldest first. */
  readAfter(revision: number): AsyncIterable<BucketEntry>;
  /**
   * Writes an entry whose newest revision is `expected` (0: it has none), and resolves to its new one.
   * Rejects with a PublishError: `conflict` when another process was faster.
   */
  put(key: string, value: string, expected: number): Promise<number>;
}

const stream = 'KV_headgate_schemas';
const prefix = subjects.schemas('');

/** A plain stream in NATS's layout of buckets: NATS's own client for buckets would add little. */
export function openSchemaBucket(log: Log): SchemaBucket {
  return {
    readAfter: async function* (revision) {
      for await (const message of readMatching(log, stream, subjects.schemas('>'), revision + 1)) {
        yield {
          key: message.subject.slice(prefix.length),
          revision: message.sequence,
          value: new TextDecoder().decode(message.payload),
          deleted: message.header('KV-Operation') !== '',
        };
      }
    },
    put: async (key, value, expected) => {
      const subject = subjects.schemas(key);
      const { sequence } = await storeIfUnchanged(log, stream, subject, expected, value);
      return sequence;
    },
  };
}
