import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { readMatching } from '../read/read.ts';
import { subjects } from '../topology.ts';
import { partAt, type StreamPart } from './event-streams.ts';

/**
 * The ledger (the stream LEDGER) knows what was deleted from the events on purpose. It is written
 * before the deletion and as durably as an event, so that what is gone and not in the ledger was
 * lost: by a corrupt disk, or by somebody else.
 */
export interface Ledger {
  /** All events of the part before this sequence may be gone. */
  readonly keptFrom: number;
  /** Further sequences that may be gone, in no order. */
  readonly deleted: readonly number[];
}

/** Why events were deleted: their retention is over, or a person wanted it. */
export type DeletionReason = 'retention' | 'request';

const purged = 'purged';

/**
 * Deletes the events of a part before a sequence, for good. Resolves to their number. Rejects when
 * the log cannot be reached, or LEDGER takes no entry: then nothing was deleted.
 */
export async function deleteBefore(
  log: Log,
  part: StreamPart,
  sequence: number,
  reason: DeletionReason,
): Promise<number> {
  await writeEntry(log, part, purged, { keptFrom: sequence, reason });
  const { streams } = clientsOf(log).manager;
  const result = await streams.purge(part.stream, { seq: sequence });
  await log.syncStream(part.stream);
  return result.purged;
}

/** The same for one event, by its position in EVENTS. It may be gone already. */
export async function deleteEvent(
  log: Log,
  position: number,
  reason: DeletionReason,
): Promise<void> {
  const part = partAt(log, 'EVENTS', position);
  const sequence = part.sequence(position);
  await writeEntry(log, part, String(sequence), { reason });
  const { streams } = clientsOf(log).manager;
  try {
    await streams.deleteMessage(part.stream, sequence, false);
  } catch (error) {
    if ((await streams.getMessage(part.stream, { seq: sequence })) !== null) throw error;
  }
  await log.syncStream(part.stream);
}

async function writeEntry(
  log: Log,
  part: StreamPart,
  what: string,
  entry: Readonly<Record<string, unknown>>,
): Promise<void> {
  const text = JSON.stringify({ ...entry, at: new Date().toISOString() });
  await log.store('LEDGER', subjects.deleted(part.stream, what), {}, text);
}

const decoder = new TextDecoder();

/** Rejects when the log cannot be reached. */
export async function readLedger(log: Log, part: StreamPart): Promise<Ledger> {
  let keptFrom = part.from;
  const deleted: number[] = [];
  for await (const { subject, payload } of readMatching(
    log,
    'LEDGER',
    subjects.deleted(part.stream, '*'),
  )) {
    const what = subject.slice(subject.lastIndexOf('.') + 1);
    if (what === purged) {
      const entry = JSON.parse(decoder.decode(payload)) as { keptFrom: number };
      keptFrom = Math.max(keptFrom, entry.keptFrom);
    } else deleted.push(Number(what));
  }
  return { keptFrom, deleted: deleted.filter((sequence) => sequence >= keptFrom) };
}
