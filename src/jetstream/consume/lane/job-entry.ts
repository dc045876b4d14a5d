import { clientsOf } from '../../clients.ts';
import type { Log } from '../../log.ts';
import { storeUnlessChanged } from '../../publish/store-if-unchanged.ts';
import { readMatching, readNext } from '../../read/read.ts';
import { subjects } from '../../topology.ts';

/** The newest redelivery of a destination, as LEDGER holds it: redelivery/job.ts has its form. */
export interface JobEntry {
  readonly text: string;
  /** Changes with each write. */
  readonly revision: number;
}

const decoder = new TextDecoder();

/** Undefined if the destination never had one. Rejects when the log cannot be reached. */
export async function readJobEntry(log: Log, destination: string): Promise<JobEntry | undefined> {
  const found = await readNext(log, 'LEDGER', 1, subjects.redeliveryJob(destination));
  return found && { text: decoder.decode(found.payload), revision: found.sequence };
}

/** Those of all destinations. Rejects when the log cannot be reached. */
export async function readJobEntries(log: Log): Promise<JobEntry[]> {
  const entries: JobEntry[] = [];
  for await (const found of readMatching(log, 'LEDGER', subjects.redeliveryJob('*'))) {
    entries.push({ text: decoder.decode(found.payload), revision: found.sequence });
  }
  return entries;
}

/**
 * Durable once it resolves, to the new revision. `revision` is that of the entry it replaces, 0 for
 * none. Resolves to undefined if another process was faster. Rejects with a PublishError.
 */
export async function writeJobEntry(
  log: Log,
  destination: string,
  { text, revision }: JobEntry,
): Promise<number | undefined> {
  const subject = subjects.redeliveryJob(destination);
  const ack = await storeUnlessChanged(log, 'LEDGER', subject, revision, text);
  return ack?.sequence;
}

/** For a destination that is removed. Rejects when the log cannot be reached. */
export async function forgetJobEntry(log: Log, destination: string): Promise<void> {
  const { streams } = clientsOf(log).manager;
  await streams.purge('LEDGER', { filter: subjects.redeliveryJob(destination) });
}
