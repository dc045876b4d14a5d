import type { BucketEntry } from '../../bucket/bucket.ts';
import { clientsOf } from '../../clients.ts';
import type { Log } from '../../log.ts';
import { readMatching } from '../../read/read.ts';
import { subjects } from '../../topology.ts';

/** An operator's order that a destination gets no deliveries. */
export interface Pause {
  readonly why: string;
  /** The name of the operator. */
  readonly by: string;
  /** A Unix time in ms, for people. */
  readonly sinceMs: number;
}

/** What LEDGER says of a destination: its pause, or undefined after it was resumed. */
export interface PauseEntry {
  readonly destination: string;
  readonly pause: Pause | undefined;
}

const decoder = new TextDecoder();
const prefix = subjects.pause('');

/**
 * Reads the entries after a revision, oldest first, in the form of a bucket that can be followed.
 * Rejects when the log cannot be reached.
 */
export async function* readPausesAfter(log: Log, revision: number): AsyncGenerator<BucketEntry> {
  for await (const found of readMatching(log, 'LEDGER', subjects.pause('*'), revision + 1)) {
    yield {
      key: found.subject.slice(prefix.length),
      revision: found.sequence,
      value: decoder.decode(found.payload),
      deleted: false,
    };
  }
}

/** The pauses in force, by destination. Rejects when the log cannot be reached. */
export async function readPauses(log: Log): Promise<ReadonlyMap<string, Pause>> {
  const pauses = new Map<string, Pause>();
  for await (const entry of readPausesAfter(log, 0)) {
    const { destination, pause } = decodePause(entry);
    if (pause !== undefined) pauses.set(destination, pause);
  }
  return pauses;
}

/**
 * Durable once it resolves. Undefined resumes: that is written too, because workers follow what is
 * written and never what is gone. Rejects with a PublishError.
 */
export async function writePause(
  log: Log,
  destination: string,
  pause: Pause | undefined,
): Promise<void> {
  await log.store('LEDGER', subjects.pause(destination), {}, JSON.stringify(pause ?? {}));
}

/** For a destination that is removed. Rejects when the log cannot be reached. */
export async function forgetPause(log: Log, destination: string): Promise<void> {
  const { streams } = clientsOf(log).manager;
  await streams.purge('LEDGER', { filter: subjects.pause(destination) });
}

/** An entry that cannot be read pauses nothing. */
export function decodePause({ key, value }: Pick<BucketEntry, 'key' | 'value'>): PauseEntry {
  const { why, by, sinceMs } = readJson(value);
  const isPause = typeof why === 'string' && typeof by === 'string' && typeof sinceMs === 'number';
  return { destination: key, pause: isPause ? { why, by, sinceMs } : undefined };
}

function readJson(text: string): Partial<Record<keyof Pause, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<Record<keyof Pause, unknown>>;
  } catch {
    return {};
  }
}
