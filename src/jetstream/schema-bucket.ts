import type { Log } from './log.ts';
import { storeIfUnchanged } from './publish/store-if-unchanged.ts';
import { readMatching } from './read/read.ts';
import { subjects } from './topology.ts';

/** One revision of one entry of the bucket `headgate_schemas`. */
export interface BucketEntry {
  readonly key: string;
  /** The number of this revision among the revisions of all entries: 1, 2, ... */
  readonly revision: number;
  readonly value: string;
  /** True if the entry was deleted with NATS tools. */
  readonly deleted: boolean;
}

/** The bucket in which the log keeps the contracts. */
export interface SchemaBucket {
  /** Reads the revisions after the given one, oldest first. */
  readAfter(revision: number): AsyncIterable<BucketEntry>;
  /**
   * Writes an entry if its newest revision is `expected` (0: the entry does not exist). Resolves to
   * the new revision. Rejects with a PublishError, `conflict` if another process wrote the entry
   * first.
   */
  put(key: string, value: string, expected: number): Promise<number>;
}

const stream = 'KV_headgate_schemas';
const prefix = subjects.schemas('');

/** Reads and writes a plain stream in the layout of a NATS bucket, without NATS's bucket client. */
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
