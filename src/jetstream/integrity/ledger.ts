import { clientsOf } from '../clients.ts';
import { confirmedPrefix } from './confirmed-position.ts';
import type { Log } from '../log.ts';
import { storeUnlessChanged } from '../publish/store-if-unchanged.ts';
import { readMatching, readNext } from '../read/read.ts';
import { subjects } from '../topology.ts';
import { partAtOrRefresh } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Range } from '../events/ranges.ts';

/**
 * The ledger (the stream LEDGER) knows what was deleted from the events on purpose. It is written
 * before the deletion and as durably as an event, so that what is gone and not in the ledger was
 * lost: by a corrupt disk, or by somebody else. What was found to be lost is in it, too.
 */
export interface EventLedger {
  /** All events of the part before this sequence may be gone. */
  readonly keptFrom: number;
  /** Further sequences that may be gone, in no order. */
  readonly deleted: readonly Range[];
  /** What was found to be missing, in the order of its sequences. */
  readonly missing: readonly MissingRange[];
}

/** Events of a part that are gone without a recorded deletion. All times are Unix times in ms. */
export interface MissingRange extends Range {
  /** When the events around it were stored; undefined if no such event exists. */
  readonly afterMs: number | undefined;
  readonly beforeMs: number | undefined;
  readonly foundAtMs: number;
}

/** What a part held at some time: its first and its last sequence. */
export interface Mark {
  readonly first: number;
  readonly last: number;
  /** Where the scrub in progress goes on; 0: at the first event. */
  readonly scrubFrom: number;
  readonly atMs: number;
}

/** Why events were deleted: their retention is over, the log needs room, or a person wanted it. */
export type DeletionReason = 'retention' | 'pressure' | 'request';

/** How the entries of LEDGER begin that hold the start of a destination. */
export const startPrefix = 'start-';

const isOfDestination = (entry: string): boolean =>
  entry.startsWith(confirmedPrefix) || entry.startsWith(startPrefix);

const what = {
  purged: 'purged',
  mark: 'mark',
  deleted: (sequence: number) => String(sequence),
  missing: ({ from, to }: Range) => `missing-${from}-${to}`,
} as const;

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
  await recordPurge(log, part, sequence, reason);
  const { streams } = clientsOf(log).manager;
  const result = await streams.purge(part.stream, { seq: sequence });
  await log.syncStream(part.stream);
  return result.purged;
}

/**
 * Several workers delete at the same time, so that one may be late: the entry keeps the highest
 * sequence, or what another worker has deleted would be taken for lost.
 */
export async function recordPurge(
  log: Log,
  part: StreamPart,
  keptFrom: number,
  reason: DeletionReason,
): Promise<void> {
  const subject = subjects.purged(part.stream);
  const { streams } = clientsOf(log).manager;
  for (;;) {
    const latest = await streams.getMessage('LEDGER', { last_by_subj: subject });
    const known = latest === null ? 0 : latest.json<{ keptFrom: number }>().keptFrom;
    if (known >= keptFrom) return;
    const entry = JSON.stringify({ keptFrom, reason, at: new Date().toISOString() });
    const ack = await storeUnlessChanged(log, 'LEDGER', subject, latest?.seq ?? 0, entry);
    if (ack !== undefined) return;
  }
}

/** The same for one event, by its position in EVENTS. It may be gone already. */
export async function deleteEvent(
  log: Log,
  position: number,
  reason: DeletionReason,
): Promise<void> {
  const part = await partAtOrRefresh(log, 'EVENTS', position);
  if (part === undefined) return;
  const sequence = part.sequence(position);
  const at = new Date().toISOString();
  await writeEntry(log, part, what.deleted(sequence), { reason, at });
  const { streams } = clientsOf(log).manager;
  try {
    await streams.deleteMessage(part.stream, sequence, false);
  } catch (error) {
    if ((await streams.getMessage(part.stream, { seq: sequence })) !== null) throw error;
  }
  await log.syncStream(part.stream);
}

/** Rejects when the log cannot be reached. */
export async function recordMissing(
  log: Log,
  part: StreamPart,
  { from, to, afterMs, beforeMs, foundAtMs }: MissingRange,
): Promise<void> {
  await writeEntry(log, part, what.missing({ from, to }), { afterMs, beforeMs, foundAtMs });
}

/** Rejects when the log cannot be reached. */
export async function recordMark(log: Log, part: StreamPart, mark: Mark): Promise<void> {
  await writeEntry(log, part, what.mark, mark);
}

/** Undefined before the first mark. Rejects when the log cannot be reached. */
export async function readMark(log: Log, part: StreamPart): Promise<Mark | undefined> {
  const message = await readNext(log, 'LEDGER', 1, subjects.ledger(part.stream, what.mark));
  return message && (JSON.parse(decoder.decode(message.payload)) as Mark);
}

async function writeEntry(
  log: Log,
  part: StreamPart,
  entry: string,
  content: object,
): Promise<void> {
  await log.store('LEDGER', subjects.ledger(part.stream, entry), {}, JSON.stringify(content));
}

const decoder = new TextDecoder();

/** Rejects when the log cannot be reached. */
export async function readLedger(log: Log, part: StreamPart): Promise<EventLedger> {
  let keptFrom = part.from;
  const deleted: Range[] = [];
  const missing: MissingRange[] = [];
  const subject = subjects.ledger(part.stream, '*');
  for await (const message of readMatching(log, 'LEDGER', subject)) {
    const entry = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    if (entry === what.mark || isOfDestination(entry)) continue;
    const content = JSON.parse(decoder.decode(message.payload)) as never;
    const numbers = /^missing-(\d+)-(\d+)$/.exec(entry);
    if (entry === what.purged) {
      keptFrom = Math.max(keptFrom, (content as { keptFrom: number }).keptFrom);
    } else if (numbers === null) deleted.push({ from: Number(entry), to: Number(entry) });
    else {
      const times = content as MissingRange;
      missing.push({ ...times, from: Number(numbers[1]), to: Number(numbers[2]) });
    }
  }
  return {
    keptFrom,
    deleted: deleted.filter(({ to }) => to >= keptFrom),
    missing: missing
      .filter(({ to }) => to >= keptFrom)
      .toSorted((left, right) => left.from - right.from),
  };
}
