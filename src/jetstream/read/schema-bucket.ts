import type { Log } from '../log.ts';
import { readMatching } from './read.ts';
import { subjects } from '../topology.ts';

/** One revision of one entry of the bucket `headgate_schemas`. */
export interface BucketEntry {
  readonly key: string;
  /** Its place among all revisions of all entries: 1, 2, ... */
  readonly revision: number;
  readonly value: string;
  /** Somebody deleted the entry by the tools of NATS. */
  readonly deleted: boolean;
}

/** The bucket of NATS in which the contracts are kept. */
export interface SchemaBucket {
  /** What was written after a revision, oldest first. */
  readAfter(revision: number): AsyncIterable<BucketEntry>;
  /**
   * Writes an entry whose newest revision is `expected` (0: there is none), and resolves with its new
   * one. Throws a PublishError, `conflict` where somebody else was faster.
   */
  put(key: string, value: string, expected: number): Promise<number>;
}

const stream = 'KV_headgate_schemas';
const prefix = subjects.schemas('');

/** A plain stream in NATS's layout of buckets: what its client would bring is little more. */
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
      const headers = { 'Nats-Expected-Last-Subject-Sequence': String(expected) };
      const { sequence } = await log.store(stream, subjects.schemas(key), headers, value);
      return sequence;
    },
  };
}
