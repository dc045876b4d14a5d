import type { Destination } from '../destinations/destination.ts';
import type { EventFilter } from '../event/event-filter.ts';
import type { EventCounts, CountTable } from './count-table.ts';
import type { Segment, SubjectList } from './segment.ts';
import type { DestinationSnapshot } from './snapshot.ts';

/** A destination whose events are counted. */
export interface AuditedDestination {
  readonly name: string;
  readonly type: string;
  /** Its filter in the configuration. */
  readonly filter: EventFilter;
  /** Undefined if the destination cannot report what it holds. */
  readonly stored: Destination['stored'] | undefined;
  /** Why the destination could not be opened, and therefore not be queried. */
  readonly fault?: string;
}

/** The position of an event in EVENTS, and its row in the table. */
export interface Entry {
  readonly sequence: number;
  readonly row: number;
}

/** The counts of one destination. */
export interface Audit {
  count(segment: Segment): Promise<void>;
  /** Decides which events are in progress, after all events are counted. */
  finish(): void;
  /** Whether the destination reported what it holds, for every segment. */
  readonly asked: () => boolean;
  /** Why the query failed; empty if it succeeded, or if the destination cannot report at all. */
  readonly fault: () => string;
  /** How many copies it holds in addition to the first of each event. */
  readonly copies: () => number;
  /** How many events it should hold but does not, and the first of these events. */
  readonly missing: { count: number; readonly first: Entry[] };
}

/** How many missing events are listed individually. */
export const missingMax = 10_000;

export interface AuditParts {
  readonly audited: AuditedDestination;
  readonly snapshot: DestinationSnapshot;
  readonly table: CountTable;
  readonly subjects: SubjectList;
  /** The index of its counts in a row. */
  readonly index: number;
}

/**
 * Decides what happened to each event at one destination. Certain states come first: the event
 * waits, is dead, or was discarded. All other events are settled. If the destination reports what
 * it holds, reported events are delivered, events that its filter or transform excludes were filtered, events
 * from before its start were never for it, and the rest are missing. If it cannot report, the rest count as delivered: the log knows that they were
 * settled, and no other outcome settles an event.
 *
 * The log knows only the number of events in progress. The newest events that the destination does
 * not hold are counted as in progress.
 */
export function createAudit(parts: AuditParts): Audit {
  const { audited, snapshot, table, subjects, index } = parts;
  const missing: Audit['missing'] = { count: 0, first: [] };
  const inWork = snapshot.inWork.map((): Entry[] => []);
  let fault = audited.fault ?? '';
  let copies = 0;

  const countsOf = (row: number): EventCounts => table.rows[row]!.counts[index]!;
  const canBeAsked = (): boolean => audited.stored !== undefined && fault === '';
  const settle = (entry: Entry): void => {
    if (canBeAsked()) {
      missing.count += 1;
      if (missing.first.length < missingMax) missing.first.push(entry);
    } else countsOf(entry.row).delivered += 1;
  };

  const ask = async (segment: Segment): Promise<Uint8Array | undefined> => {
    if (!canBeAsked() || segment.length === 0) return undefined;
    const held = new Uint8Array(segment.length);
    try {
      for await (const { eventId } of audited.stored!(segment.window)) {
        const number = segment.ids.find(eventId);
        if (number === undefined) continue;
        copies += held[number - 1]!;
        held[number - 1] = 1;
      }
      return held;
    } catch (error) {
      fault = (error as Error).message;
      return undefined;
    }
  };

  return {
    count: async (segment) => {
      const held = await ask(segment);
      for (let at = 0; at < segment.length; at += 1) {
        const sequence = segment.sequences[at]!;
        const row = segment.rows[at]!;
        const subject = subjects.all[segment.subjects[at]!]!;
        const fate = snapshot.fateOf(sequence);
        if (fate !== undefined) countsOf(row)[fate] += 1;
        else if (held?.[segment.firsts[at]!] === 1) countsOf(row).delivered += 1;
        else if (!snapshot.wants(sequence, subject) || snapshot.wasFiltered(sequence)) {
          countsOf(row).filtered += 1;
        } else if (snapshot.isBeforeStart(sequence)) countsOf(row).beforeStart += 1;
        else {
          const pool = snapshot.inWork.findIndex((some) => some.has(sequence));
          if (pool === -1) settle({ sequence, row });
          else inWork[pool]!.push({ sequence, row });
        }
      }
    },
    finish: () => {
      for (const [pool, { count }] of snapshot.inWork.entries()) {
        const entries = inWork[pool]!;
        const waitFrom = Math.max(0, entries.length - count);
        for (const [at, entry] of entries.entries()) {
          if (at >= waitFrom) countsOf(entry.row).waiting += 1;
          else settle(entry);
        }
      }
    },
    asked: canBeAsked,
    fault: () => fault,
    copies: () => copies,
    missing,
  };
}
