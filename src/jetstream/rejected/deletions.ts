import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { deleteMessage, readMessage } from '../read/read.ts';
import { anyName, subjects } from '../topology.ts';

/**
 * In place of a source: what earlier releases kept, of all sources. They promised to keep it for seven
 * days, or as long as there is room, so it is treated as refused.
 */
export const earlierReleases = '';

/** The refused events of a source, or of all: `*`. */
function refusedSubject(source: string): string {
  return source === earlierReleases
    ? subjects.rejected('*', anyName)
    : subjects.rejectedAs(source, anyName, 'refused', '*');
}

/** Deletes refused events before a position. Resolves to their number. */
export async function deleteRefusedBefore(log: Log, sequence: number): Promise<number> {
  const { streams } = clientsOf(log).manager;
  let deleted = 0;
  for (const source of [earlierReleases, '*']) {
    const filter = refusedSubject(source);
    deleted += (await streams.purge('REJECTED', { filter, seq: sequence })).purged;
  }
  return deleted;
}

/** Deletes the oldest refused events of a source, all but so many, at least one. Resolves to their number. */
export async function deleteOldestRefused(log: Log, source: string, keep: number): Promise<number> {
  // A purge of a whole stream races with a publish.
  const request = { filter: refusedSubject(source), keep: Math.max(1, keep) };
  return (await clientsOf(log).manager.streams.purge('REJECTED', request)).purged;
}

const deletionsAtOnce = 32;

/**
 * Deletes rejected events by their positions. The first is deleted last: if it is gone, then so are
 * the others. Resolves to their number.
 */
export async function deleteRejected(log: Log, sequences: readonly number[]): Promise<number> {
  const [first, ...others] = sequences;
  if (first === undefined || (await readMessage(log, 'REJECTED', first)) === undefined) return 0;
  for (let at = 0; at < others.length; at += deletionsAtOnce) {
    const some = others.slice(at, at + deletionsAtOnce);
    await Promise.all(some.map((sequence) => deleteMessage(log, 'REJECTED', sequence)));
  }
  await deleteMessage(log, 'REJECTED', first);
  return sequences.length;
}
