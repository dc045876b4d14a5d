import type { EventError } from '../event/verdict.ts';
import type { Log } from '../jetstream/log.ts';
import { readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { subjects, unplannedName } from '../jetstream/topology.ts';
import { codeOf, nameOf, readEntry, type RejectedEntry } from './rejected-entry.ts';
import type { ReplayMarks, ReplayOutcome } from './replay-marks.ts';
import { walkPage, type WalkPage } from '../jetstream/read/walk-pages.ts';

/** Selects rejected events. Empty, 0 and Infinity match any event. */
export interface RejectedFilter {
  readonly source: string;
  readonly eventName: string;
  readonly code: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Include events that a replay has stored. */
  readonly withReplayed: boolean;
}

/** A rejected event and its newest replay. */
export interface Found {
  readonly entry: RejectedEntry;
  /** The error of the newest replay, else the original one. */
  readonly error: EventError;
  readonly replay: (ReplayOutcome & { readonly atMs: number }) | undefined;
}

/** The rejected events, and the outcomes of their replays. */
export interface RejectedEvents {
  /** Throws a ServiceError `malformed_request` for a page token of another list. */
  page(filter: RejectedFilter, size: number, pageToken: string): Promise<WalkPage<Found>>;
  /** Resolves to undefined if no rejected event has this position. */
  get(sequence: number): Promise<Found | undefined>;
}

export function createRejectedEvents(log: Log, marks: ReplayMarks): RejectedEvents {
  const readFound = async (message: StoredMessage): Promise<Found> => {
    const replay = await marks.find(message.sequence);
    const entry = readEntry(message);
    return { entry, error: replay?.error ?? entry.error, replay };
  };
  return {
    page: async (filter, size, pageToken) => {
      await marks.refresh();
      const { sinceMs, untilMs } = filter;
      const subjects = subjectsOf(filter);
      const walk = { stream: 'REJECTED', subjects, sinceMs, untilMs } as const;
      const limits = { itemsMax: size };
      return walkPage(log, 'rejected', walk, pageToken, limits, async (message) => {
        if (!filter.withReplayed && marks.isStored(message.sequence)) return undefined;
        if (filter.eventName !== '' && nameOf(message) !== filter.eventName) return undefined;
        if (filter.code !== '') {
          const newest = await marks.find(message.sequence);
          if ((newest?.error?.code ?? codeOf(message)) !== filter.code) return undefined;
        }
        return readFound(message);
      });
    },
    get: async (sequence) => {
      await marks.refresh();
      const message = await readMessage(log, 'REJECTED', sequence);
      const isEntry = message?.subject.startsWith(rejectedPrefix) === true;
      return isEntry ? readFound(message) : undefined;
    },
  };
}

const rejectedPrefix = subjects.rejected('', '').slice(0, -1);

/** A token of a NATS subject that is a name, not a wildcard. */
const namePattern = /^[a-z0-9_-]+$/;

/** Includes `unplannedName`: the subject of events that the taxonomy did not know on arrival. */
function subjectsOf({ source, eventName }: RejectedFilter): string[] {
  if (source !== '' && !namePattern.test(source)) return [];
  const sourceToken = source === '' ? '*' : source;
  if (eventName === '') return [subjects.rejected(sourceToken, '*')];
  const unplanned = subjects.rejected(sourceToken, unplannedName);
  if (!namePattern.test(eventName) || eventName === unplannedName) return [unplanned];
  return [subjects.rejected(sourceToken, eventName), unplanned];
}
