import type { Destination } from '../destinations/destination.ts';
import type { EventFilter } from '../event/event-filter.ts';
import type { Account, Book } from './count-table.ts';
import type { Segment, SubjectList } from './segment.ts';
import type { DestinationSnapshot } from './snapshot.ts';

/** A destination whose books are looked at. */
export interface Audited {
  readonly name: string;
  readonly type: string;
  /** What it wants by the configuration. */
  readonly filter: EventFilter;
  /** Undefined: it cannot be asked. */
  readonly stored: Destination['stored'] | undefined;
  /** Why it could not be opened, and so not be asked. */
  readonly fault?: string;
}

/** An event by its place in EVENTS, and its row of the book. */
export interface Entry {
  readonly sequence: number;
  readonly row: number;
}

/** The account of one destination. */
export interface Audit {
  count(segment: Segment): Promise<void>;
  /** Says of those in work which they are, once all events were counted. */
  finish(): void;
  /** It was asked what it holds, each time. */
  readonly asked: () => boolean;
  /** Why it could not be asked; empty where it was, or never can be. */
  readonly fault: () => string;
  /** How many copies it holds beyond the first. */
  readonly copies: () => number;
  /** How many the book says it has, and it has not; and the first of them. */
  readonly missing: { count: number; readonly first: Entry[] };
}

/** So many missing events are remembered one by one. */
export const missingMax = 10_000;

export interface AuditParts {
  readonly audited: Audited;
  readonly snapshot: DestinationSnapshot;
  readonly book: Book;
  readonly subjects: SubjectList;
  /** Its place among the accounts of a row. */
  readonly index: number;
}

/**
 * Decides of each event what has become of it at one destination. What is certain comes first: it
 * waits, is dead, or was discarded. All else is settled, and where the destination can be asked, what
 * it holds is delivered, what it did not want was filtered, and the rest is missing. Where it cannot,
 * the rest is delivered: the log knows that it was settled, and no other end of it.
 *
 * Of events in work the log tells the number alone. Those that the destination does not hold yet are
 * taken for them, the newest first.
 */
export function createAudit(parts: AuditParts): Audit {
  const { audited, snapshot, book, subjects, index } = parts;
  const missing: Audit['missing'] = { count: 0, first: [] };
  const inWork = snapshot.inWork.map((): Entry[] => []);
  let fault = audited.fault ?? '';
  let copies = 0;

  const accountOf = (row: number): Account => book.rows[row]!.accounts[index]!;
  const canBeAsked = (): boolean => audited.stored !== undefined && fault === '';
  const settle = (entry: Entry): void => {
    if (canBeAsked()) {
      missing.count += 1;
      if (missing.first.length < missingMax) missing.first.push(entry);
    } else accountOf(entry.row).delivered += 1;
  };

  const ask = async (segment: Segment): Promise<Uint8Array | undefined> => {
    if (!canBeAsked() || segment.length === 0) return undefined;
    const held = new Uint8Array(segment.length);
    try {
      for await (const { eventId } of audited.stored!(segment.window)) {
        const place = segment.ids.find(eventId);
        if (place === undefined) continue;
        copies += held[place - 1]!;
        held[place - 1] = 1;
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
        if (fate !== undefined) accountOf(row)[fate] += 1;
        else if (held?.[segment.firsts[at]!] === 1) accountOf(row).delivered += 1;
        else if (!snapshot.wants(sequence, subject)) accountOf(row).filtered += 1;
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
          if (at >= waitFrom) accountOf(entry.row).waiting += 1;
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
