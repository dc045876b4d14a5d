import type { ArchivedObject } from '../../destinations/archive.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import { decodeStoredEvent, readEventTime, type StoredEvent } from '../../event/stored-event.ts';

/** Which events of an archive are meant. Times are Unix times in ms, of when an event happened. */
export interface ArchiveSelection {
  readonly since?: number;
  readonly until?: number;
  readonly event?: string;
  readonly source?: string;
  readonly user?: string;
}

export interface SelectedEvent {
  readonly payload: Uint8Array;
  readonly event: StoredEvent;
}

/** A selection, compiled. */
export interface ArchiveFilter {
  /** False if no event of the object can be meant. */
  mayHave(object: ArchivedObject): boolean;
  /** The event if it is meant. Throws if the payload is not a stored event. */
  select(payload: Uint8Array): SelectedEvent | undefined;
}

const dayMs = 86_400_000;

/** Events that happened long before they were received are in a file of that day. */
export function compileSelection(selection: ArchiveSelection): ArchiveFilter {
  const { since = -Infinity, until = Infinity, event, source, user } = selection;
  const isNamed = compileEventGlobs(event === undefined ? [] : [event]);
  const isFrom = compileEventGlobs(source === undefined ? [] : [source]);
  const isLimited = since !== -Infinity || until !== Infinity;
  return {
    mayHave({ day, eventName, isByReceipt }) {
      if (eventName !== undefined && !isNamed(eventName)) return false;
      if (isByReceipt || !isLimited) return true;
      const startMs = Date.parse(`${day}T00:00:00Z`);
      return startMs < until && startMs + dayMs > since;
    },
    select(payload) {
      const found = decodeStoredEvent(payload);
      if (!isNamed(found.eventName) || !isFrom(found.source)) return undefined;
      if (user !== undefined && found.userId !== user && found.anonymousId !== user) {
        return undefined;
      }
      if (isLimited) {
        const timeMs = Date.parse(readEventTime(found));
        // False for a time that cannot be read.
        if (!(timeMs >= since && timeMs < until)) return undefined;
      }
      return { payload, event: found };
    },
  };
}
