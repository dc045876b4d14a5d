import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { storeIfUnchanged } from '../publish/store-if-unchanged.ts';
import { readMatching } from '../read/read.ts';
import { subjects, type BucketStream } from '../topology.ts';

/** One revision of one entry of a bucket. */
export interface BucketEntry {
  readonly key: string;
  /** The number of this revision among the revisions of all entries: 1, 2, ... */
  readonly revision: number;
  readonly value: string;
  /** True if the entry was deleted with NATS tools. */
  readonly deleted: boolean;
}

/** A bucket of the log: entries with keys, which every gate follows (follow-bucket.ts). */
export interface Bucket {
  /** Reads the revisions after the given one, oldest first. */
  readAfter(revision: number): AsyncIterable<BucketEntry>;
  /**
   * Writes an entry if its newest revision is `expected` (0: the entry does not exist). Resolves to
   * the new revision. Rejects with a PublishError, `conflict` if another process wrote the entry
   * first.
   */
  put(key: string, value: string, expected: number): Promise<number>;
  /** Writes an entry, whatever it is now. */
  write(key: string, value: string): Promise<void>;
  /** Deletes all revisions of an entry. Gates that run do not notice: they follow writes. */
  remove(key: string): Promise<void>;
  /** How much of its room is used, from 0 to 1. */
  fullness(): Promise<number>;
}

/** The bucket `headgate_schemas`, in which the log keeps the contracts. */
export function openSchemaBucket(log: Log): Bucket {
  return openBucket(log, 'KV_headgate_schemas', subjects.schemas);
}

/** The bucket `headgate_keys`, in which the log keeps the hashes of write keys. */
export function openKeyBucket(log: Log): Bucket {
  return openBucket(log, 'KV_headgate_keys', subjects.keys);
}

/** Reads and writes a plain stream in the layout of a NATS bucket, without NATS's bucket client. */
function openBucket(log: Log, stream: BucketStream, subjectOf: (key: string) => string): Bucket {
  const prefix = subjectOf('');
  return {
    readAfter: async function* (revision) {
      for await (const message of readMatching(log, stream, subjectOf('>'), revision + 1)) {
        yield {
          key: message.subject.slice(prefix.length),
          revision: message.sequence,
          value: new TextDecoder().decode(message.payload),
          deleted: message.header('KV-Operation') !== '',
        };
      }
    },
    put: async (key, value, expected) => {
      const { sequence } = await storeIfUnchanged(log, stream, subjectOf(key), expected, value);
      return sequence;
    },
    write: async (key, value) => {
      await log.store(stream, subjectOf(key), {}, value);
    },
    remove: async (key) => {
      await clientsOf(log).manager.streams.purge(stream, { filter: subjectOf(key) });
      await log.syncStream(stream);
    },
    fullness: async () => {
      const { state, config } = await clientsOf(log).manager.streams.info(stream);
      return state.bytes / config.max_bytes;
    },
  };
}
