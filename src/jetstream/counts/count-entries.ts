import type { Log } from '../log.ts';
import { readMatching } from '../read/read.ts';
import { subjects } from '../topology.ts';

/** What one process counted in one hour, as text: counts/hour-counts.ts has its form. */
export interface CountEntry {
  readonly text: string;
  /** When it was last written, as a Unix time in ms. */
  readonly storedAtMs: number;
}

const stream = 'KV_headgate_counts';
const decoder = new TextDecoder();

/**
 * Replaces what a process counted in an hour (of the Unix epoch). Durable once it resolves. Rejects with
 * a PublishError.
 */
export async function writeCountEntry(
  log: Log,
  hour: number,
  processId: string,
  text: string,
): Promise<void> {
  await log.store(stream, subjects.counts(hour, processId), {}, text);
}

/** Reads what every process counted. Rejects when the log cannot be reached. */
export async function* readCountEntries(log: Log): AsyncGenerator<CountEntry> {
  for await (const { payload, storedAtMs } of readMatching(
    log,
    stream,
    subjects.counts('*', '*'),
  )) {
    yield { text: decoder.decode(payload), storedAtMs };
  }
}
